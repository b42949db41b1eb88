from __future__ import annotations

from autoscaler.cli import _RUN
from autoscaler.cli.verbs import OUTCOMES, VERBS
from autoscaler.model.decision import Outcome


def test_every_verb_can_be_run_and_shows_how() -> None:
    assert set(VERBS) == set(_RUN)
    for name, verb in VERBS.items():
        assert verb.name == name
        assert verb.summary.endswith((".", ")", "?"))
        assert verb.examples
        assert all(words.startswith(name) for words, _ in verb.examples)


def test_outcomes_are_those_of_the_record() -> None:
    """Spelled out there, because `--help` must not wait for the model to be imported."""
    assert set(OUTCOMES) == set(Outcome)
