"""What the doctor says of leader election and of time: may we, who leads, since when, and whose clock is off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from autoscaler.cli.clusterchecks import Asker, rights
from autoscaler.cli.finding import Finding, bad, doubtful, good
from autoscaler.cli.needs import Need, Right
from autoscaler.clock import Clock
from autoscaler.config.settings import LeaseSettings
from autoscaler.errors import KubeError, MalformedError
from autoscaler.model.instant import parse_instant
from autoscaler.model.lease import Lease

CHECK = "Lease"
CLOCK = "clock"
LEASES = "coordination.k8s.io"
TOLERATED_SECONDS = 5.0
BELIEVED_SECONDS = 60.0
"""How far a kubelet's sample may be from our clock: beyond it nothing of it is believed."""


async def examine(
    asker: Asker,
    read: Callable[[], Awaitable[Lease | None]],
    settings: LeaseSettings,
    clock: Clock,
    *,
    reviews: bool = True,
) -> list[Finding]:
    """The rights, where `reviews` of them can be had, and who leads; one line when there is no election.

    `read` reads the Lease.
    """
    if not settings.elect:
        return [good(CHECK, "--leader-elect is off: whoever runs decides, so run one only")]
    needed = (
        Right(("create",), LEASES, "leases", settings.namespace),
        Right(("get", "update"), LEASES, "leases", settings.namespace, settings.name),
    )
    may = [await rights(asker, Need("elect a leader", needed))] if reviews else []
    return [*may, await leader(read, settings, clock)]


async def leader(read: Callable[[], Awaitable[Lease | None]], settings: LeaseSettings, clock: Clock) -> Finding:
    """Who leads, and since when; needs `get` on the Lease."""
    where = f"{settings.namespace}/{settings.name}"
    try:
        found = await read()
    except (KubeError, MalformedError) as exc:
        return doubtful(CHECK, f"{where} could not be read: {exc}", "ask with credentials that may get this Lease")
    if found is None or not found.claim.holder:
        return doubtful(CHECK, f"{where}: nobody leads", "start a replica, or read the log of one that runs")
    claim, now = found.claim, clock.now()
    renewed, since = _age(claim.renewed, now), _age(claim.acquired, now)
    if renewed is None or since is None:
        return doubtful(
            CHECK,
            f"{where}: {claim.holder} holds it, but its times are none",
            f"somebody wrote into it: kubectl -n {settings.namespace} get lease {settings.name} -o yaml",
        )
    told = f"{where}: {claim.holder} leads since {since:.0f} s, renewed {renewed:.0f} s ago"
    if renewed > max(claim.duration, settings.lease_duration):
        return bad(CHECK, told, f"it is gone and nobody followed: kubectl -n {settings.namespace} get pods")
    return good(CHECK, told)


def _age(text: str, now: float) -> float | None:
    try:
        return max(0.0, now - parse_instant(text))
    except MalformedError:
        return None


async def clocks(ahead: Callable[[], Awaitable[float | None]]) -> Finding:
    """Ours beside the API server's."""
    try:
        seconds = await ahead()
    except KubeError as exc:
        return doubtful(CLOCK, f"the API server's could not be asked: {exc}", "ask again")
    if seconds is None:
        return doubtful(CLOCK, "the API server does not say what time it is", "see what answers there")
    told = f"the API server's is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} ours"
    if abs(seconds) > BELIEVED_SECONDS:
        return bad(CLOCK, f"{told}: kubelets' samples are not believed", "mend NTP here, or there")
    if abs(seconds) > TOLERATED_SECONDS:
        return doubtful(CLOCK, told, "mend NTP here, or there")
    return good(CLOCK, "ours and the API server's agree")
