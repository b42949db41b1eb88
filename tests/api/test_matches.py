import pytest
from msgspec import structs

from autoscaler.api.ledger import Ledger
from autoscaler.api.matches import MOST_TERMS, Matches
from autoscaler.api.selection import Selection
from autoscaler.api.snapshots import Snapshots
from autoscaler.core import selectors
from autoscaler.model.objects import Pod
from autoscaler.turnstile import Turnstile
from tests.api.cluster import NOW, Cluster
from tests.clock import FakeClock

WEB = Selection("pods", "shop", selectors.parse("app=web"), selectors.FieldSelector())
DB = structs.replace(WEB, labels=selectors.parse("app=db"))


def test_the_keys_hold_for_one_shape_and_the_selections_used_last_are_kept() -> None:
    matches = Matches(most=2, most_keys=3)
    api = structs.replace(WEB, labels=selectors.parse("app=api"))
    matches.keep(WEB, 1, ["a"])
    matches.keep(DB, 1, [])
    assert (matches.get(WEB, 1), matches.get(WEB, 2), matches.get(DB, 1)) == (["a"], None, [])
    matches.get(WEB, 1)
    matches.keep(api, 1, ["b"])
    assert (matches.get(WEB, 1), matches.get(DB, 1)) == (["a"], None)
    matches.keep(WEB, 2, ["a", "b", "c", "d"])
    assert (matches.get(WEB, 1), matches.get(WEB, 2)) == (None, None), "too many to be kept"


@pytest.mark.parametrize("terms", ["!x{}", "x=v{}"])
def test_a17_a_selection_of_very_many_terms_is_not_kept(terms: str) -> None:
    matches = Matches()
    for count in (1, MOST_TERMS + 1):
        text = ",".join(terms.format(number) for number in range(count))
        long = structs.replace(WEB, labels=selectors.parse(text))
        matches.keep(long, 1, ["a"])
        assert (matches.get(long, 1) is None) is (count > MOST_TERMS)


def pod(name: str, app: str, namespace: str = "shop") -> Pod:
    return Pod(namespace=namespace, name=name, uid=name, labels={"app": app})


@pytest.mark.parametrize("asked_before", [False, True])
async def test_a_selector_asked_again_takes_what_came_went_and_was_relabelled(asked_before: bool) -> None:
    cluster = Cluster()
    pods = {name: pod(name, app) for name, app in (("a", "web"), ("b", "db"), ("c", "web"), ("d", "web"))}
    for each in pods.values():
        cluster.add_pod(each, ("c", 1, 1))
    clock = FakeClock(NOW)
    snapshots = Snapshots(Ledger(cluster, cluster, cluster, clock), clock, Turnstile(2))

    async def names(selection: Selection) -> str:
        return "".join(item.subject.name for item in (await snapshots.current(selection)).items)

    if asked_before:
        assert [await names(each) for each in (WEB, DB, WEB)] == ["acd", "b", "acd"]
    cluster.change(pods["c"], None)
    assert await names(WEB) == "ad"
    cluster.change(pods["b"], pod("b", "web"))
    assert [await names(each) for each in (WEB, DB, DB)] == ["abd", "", ""]
    cluster.add_pod(new := pod("e", "web"), ("c", 1, 1))
    cluster.change(None, new)
    cluster.commit(new)
    assert await names(WEB) == "abde"
    cluster.change(pods["a"], pod("a", "db"))
    assert [await names(WEB), await names(DB)] == ["bde", "a"]
