from __future__ import annotations

import pytest

from autoscaler.core import figures
from autoscaler.model.plan import Proposal
from tests.core.asked import proposal


@pytest.mark.parametrize(
    ("metric", "milli", "text"),
    [
        pytest.param(proposal("Resource", "cpu"), 1350, "1350m", id="cpu in milli-cores"),
        pytest.param(proposal("ContainerResource", "memory"), 512 << 20, "524.3 KiB", id="memory is milli-bytes"),
        pytest.param(proposal("Resource", "memory"), 1536 * (1 << 20) * 1000, "1.5 GiB", id="memory in GiB"),
        pytest.param(proposal("Resource", "hugepages-2Mi"), (2 << 20) * 1000, "2 MiB", id="hugepages"),
        pytest.param(proposal("Resource", "memory"), 500_000, "500 B", id="a few bytes"),
        pytest.param(proposal("Pods", "cpu"), 12_500, "12.5", id="a metric that only shares the name"),
        pytest.param(proposal("External", "queue"), 3_000_000_000, "3000000", id="a large number stays whole"),
        pytest.param(proposal("Object", "errors"), 1, "0.001", id="a small one too"),
    ],
)
def test_amounts(metric: Proposal, milli: int, text: str) -> None:
    assert figures.amount(metric, milli) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (141, "2 min 21 s"),
        (7199, "119 min 59 s"),
        (7200, "2 h"),
        (9000, "2 h 30 min"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert figures.span(seconds) == text


def test_one_is_no_plural() -> None:
    assert [figures.noun(count, "target") for count in (0, 1, 2)] == ["targets", "target", "targets"]
