"""What the doctor asks the API server: is it there, may we, is our kind known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct, structs

from autoscaler.cli.finding import Finding, bad, doubtful, good
from autoscaler.cli.needs import Need, Right
from autoscaler.errors import ForbiddenError, KubeError, NotFoundError, UnreachableError
from autoscaler.kube.registration import OUR_NAME

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
CHART = f"helm upgrade --install {OUR_NAME} charts/{OUR_NAME} --namespace NAMESPACE --reset-then-reuse-values"
"""Where it belongs is for a person to say; the values that were given before stay."""
CHECK = "API server"
RIGHTS = "rights"
_RENEW = "these credentials are refused: renew the kubeconfig's token or certificate; in a pod, see its ServiceAccount"
ITSELF = "see what it says of itself: kubectl get --raw '/readyz?verbose'; then ask again"
_STRANGER = "see what answers at the address of the kubeconfig: it is no API server"


UNKNOWN, FAILING = 401, 500
"""Statuses: it does not know us; it cannot answer anybody."""


class Asker(Protocol):
    """`kube.client.KubeClient`."""

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes: ...
    async def post(self, path: str, body: bytes, params: Iterable[tuple[str, str]] = ()) -> bytes: ...


class _Version(Struct, frozen=True, rename={"git": "gitVersion"}):
    git: str = ""


class _ReviewStatus(Struct, frozen=True):
    allowed: bool = False


class _Review(Struct, frozen=True):
    status: _ReviewStatus = _ReviewStatus()


async def answers(asker: Asker) -> Finding:
    """Whether the API server does; when it does not there is nothing else to ask."""
    try:
        version = msgspec.json.decode(await asker.get("/version"), type=_Version).git
    except (KubeError, msgspec.DecodeError) as exc:
        return bad(CHECK, str(exc), _mended(exc))
    return good(CHECK, f"Kubernetes {version}")


async def examine(asker: Asker, needs: Sequence[Need]) -> AsyncIterator[Finding]:
    """Whether we may, and whether our kind is known: each line as it is found.

    Where nobody may ask for reviews, or there are none, one line says so instead of one for each right.
    """
    for need in needs:
        if not need.group or await _served(asker, need.group):
            finding, asked = await _reviewed(asker, need)
            yield finding if asked else structs.replace(finding, check=RIGHTS)
            if not asked:
                break
    yield await _kind(asker)


def _mended(exc: KubeError | msgspec.DecodeError) -> str:
    """What helps where nothing can be asked."""
    if not isinstance(exc, KubeError):
        return _STRANGER
    if "cannot trust" in str(exc):
        return "give the kubeconfig the CA of this cluster (certificate-authority-data), or the right address"
    if exc.status == 0:
        return "check the address in the kubeconfig, and the network between here and there"
    if exc.status == UNKNOWN:
        return _RENEW
    return ITSELF if exc.status >= FAILING else _STRANGER


async def _served(asker: Asker, path: str) -> bool:
    """What is unknown counts as no: nothing of it can be watched either."""
    try:
        await asker.get(path)
    except KubeError:
        return False
    return True


async def rights(asker: Asker, need: Need) -> Finding:
    """Whether these credentials may do all of it; what they may not is named."""
    finding, _ = await _reviewed(asker, need)
    return finding


async def _reviewed(asker: Asker, need: Need) -> tuple[Finding, bool]:
    """What `rights` tells, and whether asking for another right could be answered otherwise."""
    check = f"may {need.what}"
    missing = []
    try:
        for right in need.rights:
            verbs = [verb for verb in right.verbs if not await _may(asker, verb, right)]
            if verbs:
                missing.append(f"{'/'.join(verbs)} {right}")
    except (KubeError, msgspec.DecodeError) as exc:
        return _unasked(check, exc), not isinstance(exc, NotFoundError | ForbiddenError)
    if not missing:
        return good(check, "all rights given"), True
    told = f"not allowed: {', '.join(missing)}"
    if need.spared:
        return doubtful(check, told, f"{need.spared}; else grant it to these credentials"), True
    return bad(check, told, f"grant it to these credentials; the chart does: {CHART}"), True


def _unasked(check: str, exc: KubeError | msgspec.DecodeError) -> Finding:
    told = f"could not be asked: {exc}"
    match exc:
        case NotFoundError():
            return doubtful(check, told, "every real API server has reviews: see what answers there")
        case ForbiddenError() if exc.status != UNKNOWN:
            return doubtful(check, told, "ask again with credentials that may create reviews")
        case ForbiddenError():
            return bad(check, told, _RENEW)
        case UnreachableError():  # it answered before
            return doubtful(check, told, ITSELF)
    return doubtful(check, told, _mended(exc))


async def _may(asker: Asker, verb: str, right: Right) -> bool:
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "verb": verb,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "namespace": right.namespace,
        "name": right.name,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = await asker.post(REVIEWS, msgspec.json.encode(body))
    return msgspec.json.decode(answer, type=_Review).status.allowed


async def _kind(asker: Asker) -> Finding:
    """Discovery is open to everybody who is known, CustomResourceDefinitions are not."""
    check = "HorizontalPodScaler"
    try:
        await asker.get("/apis/hpa-companion.dev/v1alpha1")
    except NotFoundError:
        return bad(
            check,
            "the API server does not know this kind: metrics are served all the same, nothing is scaled",
            f"install its CustomResourceDefinition: {CHART}",
        )
    except KubeError as exc:
        return doubtful(check, f"could not be asked: {exc}", "ask again")
    return good(check, "hpa-companion.dev/v1alpha1 is served")
