"""What the serving certificate of the Metrics API is made of, and what is kept of it while it is renewed."""

from __future__ import annotations

from msgspec import Struct


class Pair(Struct, frozen=True, kw_only=True):
    """A certificate, its key and the CA that signed it, all PEM; `ends` is seconds since 1970, of both."""

    certificate: str
    key: str
    ca: str
    ends: float

    def __repr__(self) -> str:
        return f"Pair(ends={self.ends:.0f})"


class Keyring(Struct, frozen=True, kw_only=True):
    """`serving` is what all replicas show; `following` is made and trusted, but not shown yet; `previous_ca` signed
    what a replica that heard of nothing may show until `previous_ends`.
    """

    serving: Pair | None = None
    following: Pair | None = None
    previous_ca: str = ""
    previous_ends: float = 0.0

    @property
    def bundle(self) -> str:
        """All CAs that clients must trust, PEM."""
        pairs = (self.serving, self.following)
        return "".join([*(pair.ca for pair in pairs if pair is not None), self.previous_ca])
