import pytest

from autoscaler.core import trace
from autoscaler.core.trace import State, Trace, total
from autoscaler.model.whatif import Summary, Worst


def traced(*points, patience=300.0):
    """Points are (time, replicas, demand, short), and the size that was found where it was another one."""
    found = Trace("shop/Deployment/web")
    for at, replicas, demand, short, *other in points:
        size = other[0] if other else replicas
        found.add(at, State(replicas, 1, 10), demand, short=short, patience=patience, found=size)
    return found.track(patience)


@pytest.mark.parametrize(
    ("points", "changes"),
    [
        pytest.param([(0, 27, 27, False, 20)], 1, id="the first evaluation writes"),
        pytest.param([(0, 20, 20, False), (15, 27, 27, False, 20), (30, 27, 27, False)], 1, id="a later one does"),
        pytest.param([(0, 3, 3, False), (15, 5, 3, False)], 1, id="somebody else did"),
        pytest.param([(0, 3, 3, False), (15, 3, 3, False, 5), (30, 3, 3, False, 5)], 4, id="and is overruled, twice"),
        pytest.param([(0, 3, 3, False), (900, 7, 7, False, 6)], 1, id="behind a gap only what was decided there"),
        pytest.param([(0, 3, 3, False), (0, 4, 4, False, 3)], 0, id="what comes again counts once"),
        pytest.param([(0, None, None, False), (15, 4, 4, False, 2)], 1, id="behind what is not known"),
    ],
)
def test_every_change_of_a_known_size_counts(points, changes):
    assert traced(*points).summary.changes == changes


def test_a_day_in_sums_worked_out_by_hand():
    """Two pods for 60 s, of which 15 s short by two; four for 45 s."""
    found = traced((0, 2, 2, False), (30, 2, 4, True), (45, 2, 2, False), (60, 4, 3, False), (105, 4, 3, False))
    assert found.summary == Summary(
        pod_hours=(2 * 60 + 4 * 45) / 3600,
        changes=1,
        minutes_under_target=0.25,
        worst=Worst("shop/Deployment/web", 30, 4, 2),
    )
    assert (found.times, found.replicas, found.demand) == ([0, 30, 45, 60], [2, 2, 2, 4], [2, 4, 2, 3])
    assert found.end == 405


def test_nothing_is_known_of_a_gap():
    found = traced((0, 2, 2, True), (1000, 5, 5, False), (1060, 5, 5, False), patience=100)
    assert found.summary.pod_hours == pytest.approx((2 * 100 + 5 * 60) / 3600)
    assert found.summary.minutes_under_target == pytest.approx(100 / 60)
    assert found.summary.changes == 0, "who knows when"
    assert (found.times, found.replicas) == ([0, 100, 1000], [2, None, 5])


def test_a_fork_goes_on_by_itself():
    found = Trace("shop/Deployment/web")
    found.add(0, State(2, 1, 10), 2, short=False, patience=300)
    other = found.fork()
    found.add(60, State(4, 1, 10), 4, short=False, patience=300)
    other.add(90, State(2, 1, 10), 3, short=False, patience=300)
    assert (found.track(300).times, other.track(300).times) == ([0, 60], [0, 90])
    assert [each.summary().pod_hours * 3600 for each in (found, other)] == [120, 180]


def test_what_comes_again_is_passed_over():
    assert traced((0, 2, 2, False), (0, 9, 9, False), (60, 2, 2, False)).times == [0]


def test_a_long_trace_is_coarser_and_loses_no_peak_and_no_change(monkeypatch):
    monkeypatch.setattr(trace, "POINTS", 64)
    points = [(15 * n, 3 + n // 500, 7 + (n % 2) + 40 * (n == 700), False) for n in range(1000)]
    found = traced(*points)
    assert len(found.times) <= 64
    assert max(found.demand) == 47
    assert found.replicas[0] == 3
    assert found.replicas[-1] == 4
    assert found.times[found.replicas.index(4)] == 15 * 500
    assert found.summary.pod_hours == pytest.approx((3 * 500 + 4 * 499) * 15 / 3600)


def test_sums_over_targets():
    worst = [Worst("a", 5, 4, 3), Worst("b", 9, 9, 3), Worst("c", 2, 8, 2)]
    found = total([Summary(pod_hours=1, changes=2, minutes_under_target=3, worst=each) for each in (*worst, None)])
    assert found == Summary(pod_hours=4, changes=8, minutes_under_target=12, worst=worst[2])
    assert total([]) == Summary(pod_hours=0, changes=0, minutes_under_target=0)
