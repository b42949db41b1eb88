"""What the doctor asks the API server: is it there, may we, is our kind known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from autoscaler.cli.finding import Finding, bad, doubtful, good
from autoscaler.cli.needs import Need, Right
from autoscaler.errors import KubeError, NotFoundError
from autoscaler.kube.registration import OUR_NAME

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
CHART = f"helm upgrade --install {OUR_NAME} charts/{OUR_NAME}"


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


async def examine(asker: Asker, needs: Sequence[Need]) -> list[Finding]:
    """Every line about the API server; the first one alone when it does not answer."""
    try:
        version = msgspec.json.decode(await asker.get("/version"), type=_Version).git
    except (KubeError, msgspec.DecodeError) as exc:
        return [bad("API server", str(exc), "check the address, the network and the credentials of the kubeconfig")]
    found = [good("API server", f"Kubernetes {version}")]
    found += [await rights(asker, need) for need in needs if not need.group or await _served(asker, need.group)]
    found.append(await _kind(asker))
    return found


async def _served(asker: Asker, path: str) -> bool:
    """What is unknown counts as no: nothing of it can be watched either."""
    try:
        await asker.get(path)
    except KubeError:
        return False
    return True


async def rights(asker: Asker, need: Need) -> Finding:
    """Whether these credentials may do all of it; what they may not is named."""
    check = f"may {need.what}"
    missing = []
    try:
        for right in need.rights:
            verbs = [verb for verb in right.verbs if not await _may(asker, verb, right)]
            if verbs:
                missing.append(f"{'/'.join(verbs)} {right}")
    except NotFoundError as exc:
        return doubtful(
            check, f"could not be asked: {exc}", "every real API server has reviews: see what answers there"
        )
    except (KubeError, msgspec.DecodeError) as exc:
        return doubtful(check, f"could not be asked: {exc}", "ask again with credentials that may create reviews")
    if not missing:
        return good(check, "all rights given")
    told = f"not allowed: {', '.join(missing)}"
    if need.spared:
        return doubtful(check, told, f"{need.spared}; else grant it to these credentials")
    return bad(check, told, f"grant it to these credentials; the chart does: {CHART}")


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
