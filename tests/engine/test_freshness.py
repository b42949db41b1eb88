from autoscaler.engine.freshness import Freshness
from autoscaler.model.metrics import Commit
from autoscaler.model.objects import NodeName, ObjectKey

NODE = NodeName("n1")
NEWS = Commit(NODE, fresh=[ObjectKey("shop", "web-0")])


def test_every_listener_is_told_until_it_stops() -> None:
    heard: list[tuple[str, Commit]] = []
    freshness = Freshness()
    stop = freshness.subscribe(lambda commit: heard.append(("first", commit)))
    freshness.subscribe(lambda commit: heard.append(("second", commit)))
    freshness.tell(NEWS)
    stop()
    freshness.tell(NEWS)
    assert heard == [("first", NEWS), ("second", NEWS), ("second", NEWS)]


def test_no_news_is_not_told() -> None:
    heard: list[Commit] = []
    freshness = Freshness()
    freshness.subscribe(heard.append)
    freshness.tell(Commit(NODE))
    assert heard == []
    freshness.tell(Commit(NODE, own=False))
    assert heard == [Commit(NODE, own=False)]
