import pytest

from autoscaler.core.certificates import certificate_state
from autoscaler.errors import ScrapeReason


@pytest.mark.parametrize(
    ("verified", "reason", "answered", "told"),
    [
        pytest.param("address", None, True, "verified by its address", id="a good page"),
        pytest.param("node-name", None, True, "verified by its node name", id="by name"),
        pytest.param("", None, True, "not verified", id="exempt"),
        pytest.param("", None, False, "not seen", id="never asked"),
        pytest.param("", ScrapeReason.CONNECT, False, "not seen", id="never reached"),
        pytest.param("", ScrapeReason.TLS_NAME, False, "refused: made out to another name", id="another name"),
        pytest.param("address", ScrapeReason.TLS_EXPIRED, True, "refused: expired, or not valid yet", id="it expired"),
        pytest.param("address", ScrapeReason.TIMEOUT, True, "verified by its address", id="gone since the last page"),
        pytest.param("", ScrapeReason.FORBIDDEN, False, "accepted", id="it answered, but gave no page"),
    ],
)  # fmt: skip
def test_what_is_told(verified: str, reason: ScrapeReason | None, answered: bool, told: str) -> None:
    assert certificate_state(verified, reason, answered=answered) == told


@pytest.mark.parametrize("reason", ScrapeReason)
def test_every_failure_has_a_state(reason: ScrapeReason) -> None:
    assert certificate_state("", reason, answered=False)
