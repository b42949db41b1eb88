import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from autoscaler.engine.storages import Storage, Storages
from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.metrics import ContainerId, Page
from autoscaler.model.objects import Node, NodeName, Pod
from tests.scrapes import instant, pod, reading

STORES = Path(__file__).parents[2] / "docs" / "stores.md"
NODE = Node(name=NodeName("n1"), uid="u")
SLOW = ScrapeError("n1", ScrapeReason.TIMEOUT, "slow")
PAGE = Page(node=None, containers={ContainerId("shop", name, "c"): reading(1, 1) for name in ("web", "foreign")})


class Heard:
    """A storage that says what it was told, or fails."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.error: Exception | None = None

    def put(self, node: Node, page: Page, pods: Iterable[Pod], now_ns: int) -> None:
        self._note(f"{node.name} {len(page.containers)} {[each.name for each in pods]} {now_ns}")

    def failed(self, node: Node, error: ScrapeError) -> None:
        self._note(f"{node.name} {error.reason}")

    def forget(self, node: NodeName) -> None:
        self._note(f"{node} gone")

    def _note(self, what: str) -> None:
        if self.error:
            raise self.error
        self.told.append(what)


def tell(storage: Storage) -> None:
    storage.put(NODE, PAGE, (each for each in [pod("c")]), 7)
    storage.failed(NODE, SLOW)
    storage.forget(NODE.name)


ALL = ["n1 2 ['web'] 7", "n1 timeout", "n1 gone"]


def test_everybody_is_told_everything() -> None:
    main, one, other = Heard(), Heard(), Heard()
    tell(Storages(main, one, other))
    assert main.told == one.told == other.told == ALL


def test_a_further_one_that_fails_is_named_once_and_harms_nobody() -> None:
    main, broken, other = Heard(), Heard(), Heard()
    storages = Storages(main, broken, other)
    broken.error = ZeroDivisionError("disk")
    with capture_logs() as logs:
        tell(storages)
        tell(storages)
        broken.error = None
        tell(storages)
    assert main.told == other.told == ALL * 3
    assert broken.told == ALL
    assert [entry["event"] for entry in logs] == ["A further storage fails", "A further storage works again"]
    assert (logs[0]["storage"], logs[0]["error"]) == ("Heard", "ZeroDivisionError('disk')")


def test_the_main_one_must_not_fail_unnoticed() -> None:
    main, further = Heard(), Heard()
    main.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        tell(Storages(main, further))


def test_the_example_of_the_documentation_is_a_store() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", STORES.read_text(), re.DOTALL)
    found: dict[str, Any] = {}
    exec(code, found)
    counts = found["SampleCounts"]()
    with capture_logs() as logs:
        storages = Storages(Heard(), counts)
        storages.put(NODE, PAGE, [pod("c")], instant(1))
        tell(storages)
    assert logs == []
    assert counts.of == {("shop", "web"): 2}
