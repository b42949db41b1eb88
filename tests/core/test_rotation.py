import pytest
from msgspec.structs import replace

from autoscaler.core.rotation import Step, due, taken
from autoscaler.model.certificate import Keyring, Pair

LIFE, OVERLAP = 900.0, 60.0


def pair(ends: float, ca: str = "old") -> Pair:
    return Pair(certificate=f"{ca} leaf", key="secret", ca=ca, ends=ends)


OLD, NEW = pair(1000.0), pair(2000.0, "new")


@pytest.mark.parametrize(
    ("ring", "now", "trusted", "step"),
    [
        pytest.param(Keyring(), 0.0, 0.0, Step.ISSUE, id="nothing yet"),
        pytest.param(Keyring(serving=OLD), 699.0, 999.0, Step.REST, id="more than a third left"),
        pytest.param(Keyring(serving=OLD), 700.0, 999.0, Step.PREPARE, id="a third left"),
        pytest.param(Keyring(serving=OLD), 40.0, 999.0, Step.REST, id="made a moment ago by a clock a little ahead"),
        pytest.param(Keyring(serving=OLD), 39.0, 999.0, Step.PREPARE, id="made by a clock far ahead"),
        pytest.param(Keyring(serving=OLD), 1000.0, 999.0, Step.ISSUE, id="it has ended, nothing can be lost"),
        pytest.param(Keyring(serving=OLD, following=NEW), 700.0, 59.0, Step.REST, id="not everybody trusts the new CA"),
        pytest.param(Keyring(serving=OLD, following=NEW), 700.0, 60.0, Step.PROMOTE, id="everybody does"),
        pytest.param(Keyring(serving=OLD, following=NEW), 1000.0, 0.0, Step.PROMOTE, id="the old one has ended"),
        pytest.param(Keyring(following=NEW), 700.0, 0.0, Step.PROMOTE, id="the old one is broken"),
        pytest.param(Keyring(serving=OLD, following=pair(600.0, "new")), 650.0, 99.0, Step.REST, id="a late one"),
        pytest.param(Keyring(serving=OLD, following=pair(600.0, "new")), 750.0, 99.0, Step.PREPARE, id="made anew"),
        pytest.param(
            Keyring(serving=replace(NEW, ends=1800.0), previous_ca="old", previous_ends=1000.0), 999.0, 9.0, Step.REST,
            id="somebody may show the old one still",
        ),
        pytest.param(
            Keyring(serving=NEW, previous_ca="old", previous_ends=1000.0), 1000.0, 999.0, Step.DROP,
            id="nobody can any more",
        ),
    ],
)  # fmt: skip
def test_what_is_due(ring: Keyring, now: float, trusted: float, step: Step) -> None:
    assert due(ring, now, trusted=trusted, lifetime=LIFE, overlap=OVERLAP) is step


def test_a_renewal_never_shows_what_is_not_trusted_and_trusts_what_is_shown() -> None:
    """From nothing through three lifetimes, one step each time one is due."""
    ring, now, changed, seen = Keyring(), 0.0, 0.0, []
    trusted = ring.bundle
    while now < 3 * LIFE:
        step = due(ring, now, trusted=now - changed, lifetime=LIFE, overlap=OVERLAP)
        if step is not Step.REST:
            before, ring = ring, taken(ring, step, lambda at=now: pair(at + LIFE, f"ca-{at:g};"))  # type: ignore[misc]
            seen.append(step)
            assert ring.serving is not None
            if step is Step.PROMOTE:
                assert ring.serving.ca in trusted
                assert before.serving is not None
                assert before.serving.ca in ring.bundle, "who heard of nothing is still believed"
            trusted, changed = ring.bundle, now
        now += 10.0
    assert seen[0] is Step.ISSUE
    assert Step.ISSUE not in seen[1:]
    assert seen[1:7] == [Step.PREPARE, Step.PROMOTE, Step.DROP] * 2


def test_a_key_is_not_shown_by_accident() -> None:
    assert "secret" not in repr(Keyring(serving=OLD))
