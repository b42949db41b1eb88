from __future__ import annotations

import pytest

from autoscaler.config.nearest import hint


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        pytest.param("rum", "; did you mean run?", id="a letter off"),
        pytest.param("dmeo", "; did you mean demo?", id="letters swapped"),
        pytest.param("xyzzy", "", id="nothing is close"),
        pytest.param("", "", id="empty"),
    ],
)
def test_the_closest_name_is_told(wrong: str, told: str) -> None:
    assert hint(wrong, ["run", "demo", "doctor"]) == told
