"""In a few words, how a kubelet's certificate stands: what `doctor` and /debug/nodes tell."""

from __future__ import annotations

from autoscaler.errors import ScrapeReason

_REFUSED = {
    ScrapeReason.TLS: "not seen: TLS failed",
    ScrapeReason.TLS_EXPIRED: "refused: expired, or not valid yet",
    ScrapeReason.TLS_NAME: "refused: made out to another name",
    ScrapeReason.TLS_UNTRUSTED: "refused: of a CA that is not ours",
}
_NOT_REACHED = frozenset({
    ScrapeReason.NO_ADDRESS, ScrapeReason.ADDRESS_DENIED, ScrapeReason.DNS, ScrapeReason.CONNECT, ScrapeReason.TIMEOUT
})  # fmt: skip


def certificate_state(verified: str, reason: ScrapeReason | None, *, answered: bool) -> str:
    """`verified` as in RawPage, of the last page if one was `answered`; `reason` is why there was none since, if so."""
    if reason in _REFUSED:
        return _REFUSED[reason]
    if answered:
        return f"verified by its {verified.replace('-', ' ')}" if verified else "not verified"
    return "not seen" if reason is None or reason in _NOT_REACHED else "accepted"
