from autoscaler.engine.podseries import MOST_OTHERS
from tests.scrapes import Told, instant, pod, reading, usage


def test_containers_come_in_the_order_of_the_spec_sidecars_and_others_behind() -> None:
    told = Told(pod("b", "a", sidecars=["proxy"]))
    for at in (10, 20):
        told.scrape(at, {name: reading(at, at) for name in ("debugger", "proxy", "a", "b")})
    assert list(told.served() or ()) == ["b", "a", "proxy", "debugger"]


def test_time_and_window_are_those_of_the_container_sampled_earliest() -> None:
    told = Told(pod("a", "b"))
    told.scrape(10, {"a": reading(9, 1), "b": reading(7, 1)})
    told.scrape(20, {"a": reading(19.5, 1), "b": reading(18, 1)})
    found = told.store.pod_usage("shop", "web")
    assert found is not None
    assert (found.at_ns, found.window_ns, found.uid) == (usage(0, 11, 18).at_ns, 11 * 10**9, "uid of web")


def test_k25_a_container_with_a_line_but_no_usage_holds_its_pod_back() -> None:
    told = Told(pod("a", "b"))
    told.scrape(10, {"a": reading(10, 1)})
    told.scrape(20, {"a": reading(20, 1), "b": reading(20, 1, start=-900)})
    assert told.served() is None
    told.scrape(30, {"a": reading(30, 1), "b": reading(30, 1, start=-900)})
    assert list(told.served() or ()) == ["a", "b"]


def test_a_container_that_never_had_a_line_does_not_in_an_old_pod() -> None:
    told = Told(pod("a", "done", started=-900))
    told.scrape(10, {"a": reading(10, 1)})
    told.scrape(20, {"a": reading(20, 1)})
    assert list(told.served() or ()) == ["a"]


def test_but_it_does_while_the_pod_is_starting() -> None:
    told = Told(pod("a", "slow", started=0))
    told.scrape(10, {"a": reading(9, 1, start=1)})
    assert told.served() is None
    told.scrape(30, {"a": reading(29, 1, start=1)})
    assert list(told.served() or ()) == ["a"]


def test_a_container_without_lines_is_kept_three_resolutions_then_taken_for_ended() -> None:
    told = Told(pod("a", "b"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at), "b": reading(at, at)})
    for at in (30, 40, 50):
        told.scrape(at, {"a": reading(at, at)})
        assert list(told.served() or ()) == ["a", "b"]
    told.scrape(60, {"a": reading(60, 60)})
    assert list(told.served() or ()) == ["a"]


def test_k25_a_finished_init_container_is_no_part_of_it() -> None:
    told = Told(pod("a"))
    told.scrape(10, {"setup": reading(10, 1, start=0)})
    assert list(told.served() or ()) == ["setup"]
    for at in (50, 60):
        told.scrape(at, {"a": reading(at, at)})
    assert list(told.served() or ()) == ["a"]


def test_pod_level_lines_stand_for_the_only_container() -> None:
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, whole=reading(at, at / 2))
    assert told.served() == {"a": usage(0.5, 10, 20)}


def test_pod_level_lines_of_several_containers_are_served_as_one_that_nobody_is_called() -> None:
    told = Told(pod("a", "b", started=0))
    for at in (10, 20):
        told.scrape(at, whole=reading(at, at / 2))
    assert told.served() == {"POD": usage(0.5, 10, 20)}


def test_container_lines_go_before_pod_level_lines() -> None:
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, whole=reading(at, at / 2))
    told.scrape(30, {"a": reading(30, 1, start=-900)})
    assert told.served() is None
    told.scrape(40, {"a": reading(40, 2, start=-900)})
    assert told.served() == {"a": usage(0.1, 10, 40)}


def test_what_holds_a_pod_back_is_named_until_nothing_does() -> None:
    told = Told(pod("a", "b", started=0))
    told.scrape(8, {"a": reading(8, 1)})
    [series] = told.store.nodes()[0].pods()
    assert [name for name, _ in series.blocking(instant(8), 10**10)] == ["a", "b"]
    told.scrape(10, {"a": reading(10, 1), "b": reading(10, 1, start=1)})
    assert series.blocking(instant(10), 10**10) == []


def test_of_the_names_that_a_kubelet_makes_up_no_more_are_kept_than_there_is_room_for() -> None:
    """Each is looked up among all: 16,000 new ones a page took 2 s, then 6, 11, 17."""
    told = Told(pod("a"))
    for at in (10, 20, 30):
        others = {f"{at}-{number}": reading(at, at) for number in range(MOST_OTHERS)}
        told.scrape(at, {**others, "a": reading(at, at)})
    assert list(told.served() or ()) == ["a"]
    assert told.skipped("limit") == 2 * MOST_OTHERS
