from random import Random

import pytest

from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.metrics import Commit
from autoscaler.model.objects import NodeName, ObjectKey
from tests.scrapes import Told, pod, reading, usage

WEB = ObjectKey("shop", "web")
N1 = NodeName("n1")
SLOW = ScrapeError("n1", ScrapeReason.TIMEOUT, "slow")


def test_nothing_is_known_at_first() -> None:
    told = Told()
    assert told.store.pod_usage("shop", "web") is None
    assert told.store.node_usage("n1") is None


def test_a_failed_scrape_keeps_what_was_known_up_to_three_resolutions() -> None:
    told = Told(pod("a"), resolution=10)
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.store.failed(told.node(), SLOW)
    told.clock.at = 50
    assert told.served() == {"a": usage(1, 10, 20)}
    told.clock.at = 50.1
    assert told.served() is None


@pytest.mark.parametrize(("back", "kept"), [(60, True), (3600, False)], ids=["a minute", "an hour"])
def test_p09_what_was_received_before_the_clock_was_set_back_is_not_served_for_longer(back: float, kept: bool) -> None:
    told = Told(pod("a"), resolution=30)
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.clock.set_back = back
    assert told.store.expire()
    assert (told.served() is not None) is kept
    assert bool(told.commits[-1].lost) is not kept


def test_a_rate_bridges_a_failed_scrape() -> None:
    told = Told(pod("a"), resolution=10)
    told.scrape(10, {"a": reading(10, 1)})
    told.store.failed(told.node(), SLOW)
    told.scrape(30, {"a": reading(30, 3)})
    assert told.served() == {"a": usage(0.1, 20, 30)}


def test_listeners_hear_of_pods_with_new_numbers_only() -> None:
    told = Told(pod("a"), pod("a", name="idle"))
    told.scrape(10, {"a": reading(10, 1)})
    assert told.heard == []
    told.scrape(20, {"a": reading(20, 2)}, others=[("idle", "a", reading(20, 1))])
    told.scrape(30, {"a": reading(20, 2)})
    assert told.heard == [[WEB]]


def test_a_pod_that_moved_is_read_from_its_new_node() -> None:
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.pods = [pod("a", uid="second", node="n2")]
    for at in (30, 40):
        told.scrape(at, {"a": reading(at, at * 2)}, node=told.node("n2"))
    told.scrape(41, {"a": reading(41, 41)})
    found = told.store.pod_usage("shop", "web")
    assert found is not None
    assert (found.uid, dict(found.containers)) == ("second", {"a": usage(2, 10, 40)})


def test_a_pod_that_is_gone_is_forgotten_with_its_nodes_next_page() -> None:
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.pods = []
    told.scrape(30)
    assert told.served() is None


def test_a_node_that_is_gone_takes_its_pods_along() -> None:
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)}, own=reading(at, at))
    told.store.forget(told.node().name)
    told.store.forget(told.node().name)
    assert told.served() is None
    assert told.store.node_usage("n1") is None


def test_a_node_of_the_same_name_with_another_uid_begins_anew() -> None:
    told = Told(pod("a"))
    told.scrape(10, {"a": reading(10, 1)}, own=reading(10, 1))
    told.scrape(20, {"a": reading(20, 2)}, own=reading(20, 2), node=told.node(uid="reborn"))
    assert told.served() is None
    assert told.store.node_usage("n1") is None


def test_a_commit_tells_what_is_served_anew_and_what_is_not_any_more() -> None:
    told = Told(pod("a"), pod("a", name="idle"), resolution=10)
    told.scrape(10, {"a": reading(10, 1)}, own=reading(10, 1))
    assert told.commits == []
    told.scrape(20, {"a": reading(20, 2)}, own=reading(20, 2))
    told.scrape(30, {"a": reading(20, 2)}, own=reading(20, 2))
    told.pods = []
    told.scrape(40)
    assert told.commits == [Commit(N1, [WEB], [], True), Commit(N1, [], [WEB], None)]


def test_a_pod_that_a_new_container_holds_back_is_lost() -> None:
    told = Told(pod("a"), resolution=10)
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.scrape(30, {"a": reading(30, 30), "debugger": reading(30, 1)})
    assert told.commits[-1] == Commit(N1, [], [WEB])


def test_a_pod_whose_ended_container_is_too_old_is_served_anew() -> None:
    told = Told(pod("a", "b"), resolution=10)
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at), "b": reading(at, at)})
    told.scrape(45, {"b": reading(45, 45)})
    told.clock.at = 51
    assert told.store.expire()
    assert told.commits[-1] == Commit(N1, [WEB], [])
    assert list(told.served() or {}) == ["b"]


def test_what_becomes_too_old_is_told_on_asking() -> None:
    told = Told(pod("a"), resolution=10)
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)}, own=reading(at, at))
    told.clock.at = 50
    assert told.store.expire()
    assert len(told.commits) == 1
    told.clock.at = 50.1
    assert told.store.expire()
    assert told.commits[-1] == Commit(N1, [], [WEB], False)
    told.store.forget(N1)
    assert len(told.commits) == 2, "it was told already"


def test_no_more_than_some_nodes_are_looked_at_at_once() -> None:
    told = Told(resolution=10)
    for name in ("n1", "n2", "n3"):
        for at in (10, 20):
            told.scrape(at, own=reading(at, at), node=told.node(name))
    told.clock.at = 60
    assert not told.store.expire(most=3)
    assert told.store.expire(most=6)
    assert {commit.node for commit in told.commits if commit.own is False} == {"n1", "n2", "n3"}


def test_a_node_that_is_gone_tells_what_was_served_of_it() -> None:
    told = Told(pod("a"), pod("a", name="silent"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)}, own=reading(at, at))
    told.store.forget(N1)
    assert told.commits[-1] == Commit(N1, (), [WEB], False)


@pytest.mark.parametrize("seed", range(20))
def test_the_commits_add_up_to_what_is_served(seed: int) -> None:
    """Pods come, go and move, containers pause, repeat and restart, nodes fail and leave: nothing is told wrongly."""
    chance = Random(seed)
    told = Told(resolution=10)
    names, nodes = [f"p{number}" for number in range(6)], ["n1", "n2"]
    served: set[ObjectKey] = set()
    for _ in range(120):
        at = told.clock.at = told.clock.at + chance.choice((0.1, 1, 2.5, 9))
        _shuffle(told, chance, names, nodes)
        node = told.node(chance.choice(nodes))
        here = [each for each in told.pods if each.node == node.name]
        match chance.randrange(10):
            case 0:
                told.store.forget(node.name)
            case 1 | 2 | 3:
                pass
            case _:
                lines = [
                    (each.name, container.name, reading(at - chance.choice((0, 0, 0, 4, 30)), at * 0.1))
                    for each in here
                    for container in each.containers
                    if chance.random() < 0.9
                ]
                told.scrape(at, node=node, others=lines, own=reading(at, at * 0.1))
        assert told.store.expire()
        for commit in told.commits:
            assert not served.isdisjoint(commit.lost) or not commit.lost
            served = (served | set(commit.fresh)) - set(commit.lost)
        told.commits.clear()
        assert served == {ObjectKey("shop", name) for name in names if told.served(name)}


def _shuffle(told: Told, chance: Random, names: list[str], nodes: list[str]) -> None:
    """Now and then a pod is replaced, moved or taken away."""
    if chance.random() < 0.2:
        name = chance.choice(names)
        told.pods = [each for each in told.pods if each.name != name]
        if chance.random() < 0.8:
            containers = ["a", "b"][: chance.choice((1, 2))]
            told.pods.append(pod(*containers, name=name, uid=str(chance.random()), node=chance.choice(nodes)))


@pytest.mark.parametrize("node", ["n1", "n2"])
def test_a_pod_that_is_served_from_its_first_page_on_is_not_lost_with_the_one_before(node: str) -> None:
    """As a StatefulSet's pod is that begins anew under its name, on its node or on another."""
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.pods = [pod("a", uid="new", node=node)]
    told.scrape(30, {"a": reading(30, 1, start=22)}, node=told.node(node))
    assert told.served() is not None
    assert told.commits[-1].fresh == [told.pods[0].key]
    assert not told.commits[-1].lost
