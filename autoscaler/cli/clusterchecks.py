"""What the doctor asks the API server: is it there, may we, is our kind known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from autoscaler.cli.finding import Finding, bad, doubtful, good
from autoscaler.errors import KubeError, NotFoundError
from autoscaler.kube.registration import OUR_NAME, VERSIONS
from autoscaler.model.metrics import Source

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
CHART = f"helm upgrade --install {OUR_NAME} charts/{OUR_NAME}"


class Asker(Protocol):
    """`kube.client.KubeClient`."""

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes: ...
    async def post(self, path: str, body: bytes, params: Iterable[tuple[str, str]] = ()) -> bytes: ...


class Right(Struct, frozen=True):
    """`verbs` on `resource` (with /subresource) of an API group, cluster-wide unless a namespace is named."""

    verbs: tuple[str, ...]
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


PAGES = {Source.RESOURCE: "nodes/metrics", Source.SUMMARY: "nodes/stats", Source.AUTO: "nodes/metrics"}
NEEDS: dict[str, tuple[Right, ...]] = {
    "watch the cluster": (
        Right(("list", "watch"), "", "nodes"),
        Right(("list", "watch"), "", "pods"),
    ),
    "serve metrics": (
        Right(("create",), "authentication.k8s.io", "tokenreviews"),
        Right(("create",), "authorization.k8s.io", "subjectaccessreviews"),
        Right(("get", "list", "watch"), "", "configmaps", "kube-system", "extension-apiserver-authentication"),
    ),
    "see whether we are registered": tuple(
        Right(("get",), "apiregistration.k8s.io", "apiservices", name=f"{version}.metrics.k8s.io")
        for version in VERSIONS
    ),
    "scale": (
        Right(("get", "list", "watch"), "hpa-companion.dev", "horizontalpodscalers"),
        Right(("update",), "hpa-companion.dev", "horizontalpodscalers/status"),
        Right(("get", "update"), "apps", "deployments/scale"),
        Right(("create",), "events.k8s.io", "events"),
    ),
    "watch what it scales": (Right(("list", "watch"), "apps", "deployments"),),
    "see who else scales a target": (
        Right(("list", "watch"), "autoscaling", "horizontalpodautoscalers"),
        Right(("get",), "apps", "deployments"),
    ),
    "count owned pods only": (Right(("get",), "apps", "replicasets"),),
    "read custom and external metrics": (
        Right(("get",), "custom.metrics.k8s.io", "*"),
        Right(("list",), "external.metrics.k8s.io", "*"),
    ),
}


class _Version(Struct, frozen=True, rename={"git": "gitVersion"}):
    git: str = ""


class _ReviewStatus(Struct, frozen=True):
    allowed: bool = False


class _Review(Struct, frozen=True):
    status: _ReviewStatus = _ReviewStatus()


async def examine(asker: Asker, source: Source = Source.AUTO, account: str = "") -> list[Finding]:
    """Every line about the API server; the first one alone when it does not answer.

    `source` is the kubelets', `account` (namespace/name) whose token they are shown: "" is our own.
    """
    try:
        version = msgspec.json.decode(await asker.get("/version"), type=_Version).git
    except (KubeError, msgspec.DecodeError) as exc:
        return [bad("API server", str(exc), "check the address, the network and the credentials of the kubeconfig")]
    found = [good("API server", f"Kubernetes {version}")]
    needs = {**_scraping(source, account), **NEEDS}
    found += [await rights(asker, need, needed) for need, needed in needs.items()]
    found.append(await _kind(asker))
    return found


def _scraping(source: Source, account: str) -> dict[str, tuple[Right, ...]]:
    """What an account may that kubelets know is for them to say: `kubeletcheck` asks them."""
    if not account:
        return {"scrape kubelets": (Right(("get",), "", PAGES[source]),)}
    namespace, _, name = account.partition("/")
    return {"get a token for kubelets": (Right(("create",), "", "serviceaccounts/token", namespace, name),)}


async def rights(asker: Asker, need: str, needed: Sequence[Right]) -> Finding:
    """Whether these credentials may do all of it; what they may not is named."""
    check = f"may {need}"
    missing = []
    try:
        for right in needed:
            verbs = [verb for verb in right.verbs if not await _may(asker, verb, right)]
            if verbs:
                missing.append(f"{'/'.join(verbs)} {right}")
    except NotFoundError as exc:
        return doubtful(
            check, f"could not be asked: {exc}", "every real API server has reviews: see what answers there"
        )
    except (KubeError, msgspec.DecodeError) as exc:
        return doubtful(check, f"could not be asked: {exc}", "ask again with credentials that may create reviews")
    if missing:
        return bad(
            check, f"not allowed: {', '.join(missing)}", f"grant it to these credentials; the chart does: {CHART}"
        )
    return good(check, "all rights given")


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
