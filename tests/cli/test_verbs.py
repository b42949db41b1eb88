from __future__ import annotations

from autoscaler.audit.verify import Verdict
from autoscaler.cli import _RUN
from autoscaler.cli.auditverify import Report
from autoscaler.cli.verbs import OUTCOMES, VERBS
from autoscaler.model.decision import Outcome


def test_every_verb_can_be_run_and_shows_how() -> None:
    assert set(VERBS) == set(_RUN)
    for name, verb in VERBS.items():
        assert verb.name == name
        assert verb.summary.endswith((".", ")", "?"))
        assert verb.examples
        assert all(words.startswith(name) for words, _ in verb.examples)


def test_the_help_of_audit_says_for_which_findings_verify_ends_with_1() -> None:
    """One of its words for each fault of a report; `later` and what Kafka refused are none."""
    told = VERBS["audit"].epilog
    faults = {
        "broken": "unreadable",
        "wrong": "not what its own sums give",
        "contradictory": "contradicts itself",
        "backwards": "before\nthe one before it",
        "conflicts": "the number or id of another one",
        "verdict": "missing, out of order",
    }
    assert [name for name, words in faults.items() if words not in told] == []
    for name in faults.keys() - {"verdict"}:
        bad = Report(verdict=Verdict(records=1, targets=1))
        assert bad.sound
        getattr(bad, name).add("x")
        assert not bad.sound, name


def test_outcomes_are_those_of_the_record() -> None:
    """Spelled out there, because `--help` must not wait for the model to be imported."""
    assert set(OUTCOMES) == set(Outcome)
