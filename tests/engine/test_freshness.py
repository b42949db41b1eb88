from collections.abc import Sequence

from autoscaler.engine.freshness import Freshness
from autoscaler.model.objects import ObjectKey

WEB = ObjectKey("shop", "web-0")


def test_every_listener_is_told_until_it_stops() -> None:
    heard: list[tuple[str, Sequence[ObjectKey]]] = []
    freshness = Freshness()
    stop = freshness.subscribe(lambda pods: heard.append(("first", pods)))
    freshness.subscribe(lambda pods: heard.append(("second", pods)))
    freshness.tell([WEB])
    stop()
    freshness.tell([WEB])
    assert heard == [("first", [WEB]), ("second", [WEB]), ("second", [WEB])]


def test_no_news_is_not_told() -> None:
    heard: list[Sequence[ObjectKey]] = []
    freshness = Freshness()
    freshness.subscribe(heard.append)
    freshness.tell([])
    assert heard == []
