import pytest

from autoscaler.engine.schedule import PLACE_SECONDS, TOGETHER, phase, wait_after_failure, wait_after_success
from autoscaler.errors import ScrapeError, ScrapeReason

NOW = 1_800_000_000.0
NODES = [f"node-{i}" for i in range(300)]


def failure(reason: ScrapeReason = ScrapeReason.TIMEOUT, retry_after: float | None = None) -> ScrapeError:
    return ScrapeError("n", reason, "why", retry_after=retry_after)


def test_phases_are_stable_and_spread_over_the_whole_resolution() -> None:
    places = [phase(node, 15, 300) for node in NODES]
    assert places == [phase(node, 15, 300) for node in NODES]
    thirds = [sum(1 for place in places if third * 5 <= place < third * 5 + 5) for third in range(3)]
    assert min(thirds) > 60
    assert all(0 <= place < 15 for place in places)


@pytest.mark.parametrize(
    ("nodes", "place"),
    [
        pytest.param(100, PLACE_SECONDS * 8, id="13 in each"),
        pytest.param(20, PLACE_SECONDS * 8, id="all could share one, and have seven"),
        pytest.param(1000, PLACE_SECONDS, id="17 in each"),
        pytest.param(1201, PLACE_SECONDS / 2, id="one more than 20 in each"),
        pytest.param(5000, PLACE_SECONDS / 8, id="10 in each"),
    ],
)
def test_a_few_nodes_share_a_place_so_that_they_are_scraped_one_after_the_other(nodes: int, place: float) -> None:
    places = [phase(f"node-{number}", 15, nodes) for number in range(nodes)]
    assert all(each % place == 0 for each in places)
    assert any(each % (2 * place) for each in places)
    assert nodes / (15 / place) <= TOGETHER


def test_a_node_more_moves_the_others_by_less_than_a_place() -> None:
    for node in NODES:
        assert 0 <= phase(node, 15, 1201) - phase(node, 15, 1200) < PLACE_SECONDS


@pytest.mark.parametrize("node", NODES[:20])
def test_turns_come_at_the_nodes_phase_never_too_close_to_the_last_one(node: str) -> None:
    for now in (NOW, NOW + 3.7, NOW + 11.2):
        wait = wait_after_success(node, 15, now, 300)
        assert 5 <= wait < 20
        assert (now + wait) % 15 == pytest.approx(phase(node, 15, 300))


def test_a_turn_that_took_a_moment_does_not_shift_the_next_one() -> None:
    first = NOW + wait_after_success("n", 15, NOW, 300)
    assert first + 0.3 + wait_after_success("n", 15, first + 0.3, 300) == pytest.approx(first + 15)


FAILURES = {
    "the first one is retried early": (failure(), 1, True, 5.0),
    "but not what needs a person": (failure(ScrapeReason.FORBIDDEN), 1, True, None),
    "the second one waits for the regular turn": (failure(), 2, True, None),
    "a kubelet that asks for a moment gets at least the regular turn": (failure(retry_after=1), 1, True, None),
    "a kubelet that asks for a minute gets it": (failure(retry_after=60), 1, True, 60.0),
    "a node that is not ready, at first": (failure(), 1, False, 5.0),
    "a node that is not ready and fails for long": (failure(), 9, False, 60.0),
    "a node that fails for ever": (failure(), 10**6, False, 60.0),
}


@pytest.mark.parametrize(("error", "failures", "ready", "wait"), FAILURES.values(), ids=FAILURES)
def test_after_a_failure(error: ScrapeError, failures: int, ready: bool, wait: float | None) -> None:
    expected = wait_after_success("n", 15, NOW, 300) if wait is None else wait
    found = wait_after_failure("n", 15, NOW, 300, error=error, failures=failures, ready=ready)
    assert found == expected


def test_a_node_that_is_not_ready_is_asked_less_and_less_often() -> None:
    waits = [
        wait_after_failure("n", 15, NOW, 300, error=failure(), failures=failures, ready=False)
        for failures in range(2, 9)
    ]
    assert waits == sorted(waits)
    assert waits[-1] == 60
