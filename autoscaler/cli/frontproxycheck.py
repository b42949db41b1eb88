"""What the doctor says of the aggregator's headers: whom the API server vouches for, how, and can it be believed.

kube-aggregator tells us in headers who asks, and proves by a certificate that it is it. The API server publishes both
in the ConfigMap extension-apiserver-authentication, from its flags `--requestheader-*`.
"""

from __future__ import annotations

from cryptography import x509

from autoscaler.cli.clusterchecks import Asker
from autoscaler.cli.finding import Finding, bad, doubtful, good
from autoscaler.clock import Clock
from autoscaler.core.figures import counted
from autoscaler.errors import KubeError, MalformedError, NotFoundError
from autoscaler.kube.authconfig import NAME, NAMESPACE, RESOURCE, config_map, trust
from autoscaler.model.identity import FrontProxyTrust

CHECK = "front proxy"
SOON_SECONDS = 14 * 86400.0
CLIENT_CA = "client-ca-file"
LAYER = "configure the aggregation layer of kube-apiserver: its flags --requestheader-*"


async def examine(asker: Asker, clock: Clock) -> Finding:
    """One line."""
    where = f"ConfigMap {NAMESPACE}/{NAME}"
    try:
        found = config_map(await asker.get(f"{RESOURCE.path}/{NAME}"))
        believed = trust(found)
    except NotFoundError:
        return bad(CHECK, f"{where} does not exist: nobody is believed", LAYER)
    except MalformedError as exc:
        return bad(CHECK, f"{where}: {exc}: nobody is believed", LAYER)
    except KubeError as exc:
        return doubtful(CHECK, f"{where} could not be read: {exc}", RESOURCE.permit)
    ours = x509.load_pem_x509_certificates(believed.ca_pem.encode())
    return _judged(believed, ours, _shared(ours, found.data.get(CLIENT_CA, "")), clock.now())


def _judged(believed: FrontProxyTrust, authorities: list[x509.Certificate], shared: bool, now: float) -> Finding:
    if not believed.username_headers:
        return bad(CHECK, "no header names the user: everybody is anonymous", LAYER)
    if shared and not believed.allowed_names:
        told = "its CA is that of users' certificates too, and any name is allowed: every user can pose as any other"
        return bad(CHECK, told, "give --requestheader-allowed-names, or a CA of its own, to kube-apiserver")
    ends = max(each.not_valid_after_utc.timestamp() for each in authorities)
    if ends <= now:
        return bad(CHECK, f"its CA has expired: {_names(believed)}", "renew the front proxy's CA and certificate")
    if ends - now < SOON_SECONDS:
        told = f"its CA expires in {counted(round((ends - now) / 86400), 'day')}: {_names(believed)}"
        return doubtful(CHECK, told, "renew the front proxy's CA and certificate")
    return good(CHECK, _names(believed))


def _names(believed: FrontProxyTrust) -> str:
    headers = (
        ("user", believed.username_headers),
        ("uid", believed.uid_headers),
        ("groups", believed.group_headers),
        ("extra", believed.extra_prefixes),
    )
    told = ", ".join(f"{what} by {' or '.join(names)}" for what, names in headers if names)
    return f"{told}; from {' or '.join(believed.allowed_names) or 'any name'} of its CA"


def _shared(authorities: list[x509.Certificate], other: str) -> bool:
    """Whether one of these authorities signs users' certificates too; what cannot be read signs nobody's."""
    try:
        return bool(set(authorities) & set(x509.load_pem_x509_certificates(other.encode())))
    except ValueError:
        return False
