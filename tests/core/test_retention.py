import random

import pytest

from autoscaler.core import behavior
from autoscaler.core.retention import MOST, restamped, retained
from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.policy import Behavior, ControllerSettings, Policy, ScalingPolicy, ScalingRules, TargetRef

NOW = 10_000.0
SETTINGS = ControllerSettings()
BOTH = Behavior(
    up=ScalingRules(stabilization=60, policies=(ScalingPolicy("Pods", 4, 15),)),
    down=ScalingRules(stabilization=200, policies=(ScalingPolicy("Percent", 50, 120),)),
)


def policy(rules: Behavior | None = None) -> Policy:
    target = TargetRef("apps/v1", "Deployment", "web")
    return Policy(kind="HorizontalPodScaler", namespace="shop", name="web", uid="u", target=target, behavior=rules)


def log(chance: random.Random) -> tuple[Recommendation, ...]:
    return tuple(
        Recommendation(chance.randint(1, 9), NOW - chance.uniform(0, 400)) for _ in range(chance.randint(0, 60))
    )


@pytest.mark.parametrize("seed", range(100))
def test_l08_what_is_kept_decides_as_all_of_it_would(seed: int) -> None:
    chance = random.Random(seed)
    given = History(recommendations=log(chance))
    for rules in (None, BOTH):
        kept = retained(given, policy(rules), SETTINGS, NOW).recommendations
        assert given.recommendations is not None
        assert kept is not None
        later, raw, current = NOW + chance.uniform(0, 300), chance.randint(1, 9), chance.randint(1, 9)
        for past in (given.recommendations, kept):
            assert past is not None
        if rules is None:
            found = [behavior.stabilized(raw, past, later, 300)[0].replicas for past in (given.recommendations, kept)]
        else:
            found = [
                behavior.stabilized_by_behavior(raw, current, past, later, behavior=rules, window=300)[0].replicas
                for past in (given.recommendations, kept)
            ]
        assert found[0] == found[1]
        assert len(kept) <= 18


def test_a_size_asked_for_again_and_again_is_kept_once() -> None:
    given = History(recommendations=tuple(Recommendation(4, NOW - each) for each in range(0, 300, 5)))
    assert retained(given, policy(), SETTINGS, NOW).recommendations == (Recommendation(4, NOW),)


def test_it_is_bounded_however_many_sizes_there_were() -> None:
    given = History(recommendations=tuple(Recommendation(1000 - each, NOW - 300 + each) for each in range(300)))
    kept = retained(given, policy(), SETTINGS, NOW).recommendations
    assert kept is not None
    assert len(kept) == MOST


def test_events_count_as_long_as_a_rule_looks_back() -> None:
    events = (ScaleEvent(1, NOW - 130), ScaleEvent(2, NOW - 20), ScaleEvent(3, NOW - 10, outdated=True))
    given = History(recommendations=None, scale_ups=events, scale_downs=events)
    kept = retained(given, policy(BOTH), SETTINGS, NOW)
    assert kept == History(recommendations=None, scale_ups=events[1:2], scale_downs=events[1:2])
    assert retained(given, policy(), SETTINGS, NOW).scale_ups == ()


def test_times_move_with_a_clock_that_is_set_and_none_lies_in_the_future() -> None:
    given = History(
        recommendations=(Recommendation(3, NOW - 60), Recommendation(4, NOW)), scale_ups=(ScaleEvent(2, NOW),)
    )
    moved = restamped(given, -3600, NOW - 3600 - 1)
    assert moved.recommendations == (Recommendation(3, NOW - 3660), Recommendation(4, NOW - 3601))
    assert moved.scale_ups == (ScaleEvent(2, NOW - 3601),)


def test_a_policy_never_seen_stays_one_never_seen() -> None:
    assert restamped(History(), 3600, NOW).recommendations is None
