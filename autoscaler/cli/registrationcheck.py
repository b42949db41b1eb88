"""What the doctor says of our registration: whom the API server asks for metrics.k8s.io, and why in vain.

kube-aggregator puts a word and a sentence into the condition `Available`; each has its own remedy.
"""

from __future__ import annotations

import re

from autoscaler.cli.clusterchecks import CHART, Asker
from autoscaler.cli.finding import Finding, bad, doubtful, good
from autoscaler.errors import ForbiddenError, KubeError, MalformedError, NotFoundError
from autoscaler.kube.registration import APISERVICES, VERSIONS, Registration, registration

_REMEDIES = (
    (r"x509|tls: ", "give the APIService the CA of our certificate, and that its name: tls.mode=auto does both (the "
     "leader's log says what keeps it from that), else set tls.caBundle"),
    (r"no route to host|deadline exceeded|i/o timeout|Client\.Timeout", "let the control plane reach our pods' port: "
     "firewalls, security groups, NetworkPolicies; or hostNetwork in the values"),
    (r"connection refused", "nobody listens there: kubectl -n {namespace} get pods; kubectl -n {namespace} logs "
     "deploy/{service}"),
    (r"bad status .*: 40[13]", "we do not believe who asks: see the line of the front proxy"),
    (r"bad status", "kubectl -n {namespace} logs deploy/{service}"),
    (r"^(ServiceNotFound|ServicePortError)", "have the Service again, with its port: " + CHART),
    (r"^(MissingEndpoints|EndpointsNotFound)", "no pod of ours is ready: kubectl -n {namespace} get pods; their Events "
     "and /readyz?verbose say what each waits for"),
    (r"has not looked yet", "ask again in half a minute"),
)  # fmt: skip
"""Words of `Available`: of k8s.io/kube-aggregator's available controller, and of Go's http and tls."""


BESIDE = "right for an observer, which need not be asked by anybody"


async def examine(asker: Asker, *, observing: bool = False) -> list[Finding]:
    """A line for each version. An observer may stand beside whoever serves metrics, or serve nobody."""
    return [await _version(asker, version, observing=observing) for version in VERSIONS]


async def _version(asker: Asker, version: str, *, observing: bool) -> Finding:
    name = f"{version}.metrics.k8s.io"
    check = f"APIService {name}"
    try:
        found = registration(await asker.get(f"{APISERVICES}/{name}"))
    except NotFoundError:
        told, todo = "not registered: kubectl top and HPAs get no answer from us", f"register it: {CHART}"
        return doubtful(check, told, f"{BESIDE}; else {todo}") if observing else bad(check, told, todo)
    except ForbiddenError as exc:
        return doubtful(check, f"could not be read: {exc}", "ask with credentials that may get apiservices")
    except (KubeError, MalformedError) as exc:
        return doubtful(check, f"could not be read: {exc}", "ask again")
    if observing and not found.ours:
        return doubtful(check, found.trouble, f"{BESIDE}; else register it for us: {CHART}")
    return _judged(check, name, found)


def _judged(check: str, name: str, found: Registration) -> Finding:
    trouble = found.trouble
    if not found.service:
        return bad(check, trouble, f"register it for us: {CHART}")
    if not found.ours:
        return bad(check, trouble, f"keep that one, or remove it and register us: {CHART}")
    if trouble:
        return bad(check, trouble, _remedy(found))
    where = f"{found.namespace}/{found.service}"
    if not found.verified:
        return doubtful(
            check, f"{where} is available, but its certificate is not verified", f"set caBundle of {name}: {CHART}"
        )
    return good(check, f"{where} is available, its certificate verified")


def _remedy(found: Registration) -> str:
    otherwise = "kubectl -n {namespace} get endpointslices,pods"
    remedy = next((words for pattern, words in _REMEDIES if re.search(pattern, found.unavailable)), otherwise)
    return remedy.replace("{namespace}", found.namespace).replace("{service}", found.service)
