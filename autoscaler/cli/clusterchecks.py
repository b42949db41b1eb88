"""What the doctor asks the API server: is it there, may we, is our kind known, are we registered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from autoscaler.cli.finding import Finding, bad, doubtful, good
from autoscaler.errors import ForbiddenError, KubeError, NotFoundError
from autoscaler.model.metrics import Source

OUR_NAME = "hpa-companion"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
VERSIONS = ("v1beta1", "v1")
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
    "scale": (
        Right(("get", "list", "watch"), "hpa-companion.dev", "horizontalpodscalers"),
        Right(("update",), "hpa-companion.dev", "horizontalpodscalers/status"),
        Right(("get", "update"), "apps", "deployments/scale"),
        Right(("create",), "events.k8s.io", "events"),
    ),
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


class _Service(Struct, frozen=True):
    namespace: str = ""
    name: str = ""


class _Spec(Struct, frozen=True, rename="camel"):
    service: _Service | None = None
    ca_bundle: str = ""
    insecure_skip_tls_verify: bool = msgspec.field(name="insecureSkipTLSVerify", default=False)


class _Condition(Struct, frozen=True):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Status(Struct, frozen=True):
    conditions: tuple[_Condition, ...] = ()


class _Meta(Struct, frozen=True):
    labels: dict[str, str] = {}


class _ApiService(Struct, frozen=True):
    metadata: _Meta = _Meta()
    spec: _Spec = _Spec()
    status: _Status = _Status()


async def examine(asker: Asker, source: Source = Source.AUTO) -> list[Finding]:
    """Every line about the API server; the first one alone when it does not answer. `source` is the kubelets'."""
    try:
        version = msgspec.json.decode(await asker.get("/version"), type=_Version).git
    except (KubeError, msgspec.DecodeError) as exc:
        return [bad("API server", str(exc), "check the address, the network and the credentials of the kubeconfig")]
    found = [good("API server", f"Kubernetes {version}")]
    needs = {"scrape kubelets": (Right(("get",), "", PAGES[source]),), **NEEDS}
    found += [await _rights(asker, need, rights) for need, rights in needs.items()]
    found.append(await _kind(asker))
    found += [await _registration(asker, version) for version in VERSIONS]
    return found


async def _rights(asker: Asker, need: str, rights: Sequence[Right]) -> Finding:
    check = f"may {need}"
    missing = []
    try:
        for right in rights:
            verbs = [verb for verb in right.verbs if not await _may(asker, verb, right)]
            if verbs:
                missing.append(f"{'/'.join(verbs)} {right}")
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


async def _registration(asker: Asker, version: str) -> Finding:
    name = f"{version}.metrics.k8s.io"
    check = f"APIService {name}"
    try:
        found = msgspec.json.decode(await asker.get(f"{APISERVICES}/{name}"), type=_ApiService)
    except NotFoundError:
        return bad(check, "not registered: kubectl top and HPAs get no answer from us", f"register it: {CHART}")
    except ForbiddenError as exc:
        return doubtful(check, f"could not be read: {exc}", "ask with credentials that may get apiservices")
    except (KubeError, msgspec.DecodeError) as exc:
        return doubtful(check, f"could not be read: {exc}", "ask again")
    return _judged(check, name, found)


def _judged(check: str, name: str, found: _ApiService) -> Finding:
    service = found.spec.service
    if service is None:
        return bad(check, "served by the API server itself", f"register it for us: {CHART}")
    where = f"{service.namespace}/{service.name}"
    labels = found.metadata.labels
    if labels.get("app.kubernetes.io/name") != OUR_NAME and not labels.get("helm.sh/chart", "").startswith(OUR_NAME):
        return bad(
            check,
            f"points at {where}, which is not ours",
            f"keep that one, or remove it and register us: {CHART}",
        )
    available = next((each for each in found.status.conditions if each.type == "Available"), None)
    if available is None or available.status != "True":
        why = f"{available.reason}: {available.message}" if available else "kube-aggregator has not looked yet"
        return bad(check, f"{where} is not available: {why}", f"kubectl -n {service.namespace} get endpointslices,pods")
    if found.spec.insecure_skip_tls_verify:
        return doubtful(
            check, f"{where} is available, but its certificate is not verified", f"set caBundle of {name}: {CHART}"
        )
    return good(check, f"{where} is available, its certificate verified")
