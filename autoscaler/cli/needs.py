"""The rights that running needs, by what each is needed for: as many as the chart grants, and no more.

Those of leader election are `leasecheck`'s; what the account whose token kubelets see may do, is for them to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from autoscaler.config.settings import KubeletSettings, ServingSettings, Settings
from autoscaler.kube.registration import VERSIONS
from autoscaler.model.metrics import Source

KEDA = "/apis/keda.sh/v1alpha1"
PAGES = {Source.RESOURCE: "nodes/metrics", Source.SUMMARY: "nodes/stats", Source.AUTO: "nodes/metrics"}
DEPLOYMENTS = ("apps", "deployments")
OURS, REGISTRATIONS = "hpa-companion.dev", "apiregistration.k8s.io"

_UNREGISTERED = "right where we are not registered (apiService.create=false)"


class Right(Struct, frozen=True):
    """`verbs` on `resource` (with /subresource) of an API group, cluster-wide unless a namespace is named."""

    verbs: tuple[str, ...]
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


class Need(Struct, frozen=True):
    """What for, as in "may …". `group`: only where the API server serves this path. `spared`: why it may be missing."""

    what: str
    rights: tuple[Right, ...]
    group: str = ""
    spared: str = ""


def needed(settings: Settings, scaled: Sequence[tuple[str, str]] = (DEPLOYMENTS,)) -> list[Need]:
    """In the order in which mending them makes sense. `scaled`: groups and resources of what is."""
    lookers_on = "right for an observer, which scales nothing" if settings.control.observe_hpas else ""
    return [
        _scraping(settings.kubelet),
        Need("watch the cluster", (Right(("list", "watch"), "", "nodes"), Right(("list", "watch"), "", "pods"))),
        Need(
            "serve metrics",
            (
                Right(("create",), "authentication.k8s.io", "tokenreviews"),
                Right(("create",), "authorization.k8s.io", "subjectaccessreviews"),
                Right(("get", "list", "watch"), "", "configmaps", "kube-system", "extension-apiserver-authentication"),
            ),
        ),
        Need("see whether we are registered", tuple(_registrations("get"))),
        *_certificate(settings.serving),
        Need(
            "read what to scale by",
            (
                Right(("get", "list", "watch"), OURS, "horizontalpodscalers"),
                *(Right(("get",), group, f"{resource}/scale") for group, resource in scaled),
            ),
        ),
        Need(
            "scale",
            (
                Right(("update",), OURS, "horizontalpodscalers/status"),
                *(Right(("update",), group, f"{resource}/scale") for group, resource in scaled),
                Right(("create",), "events.k8s.io", "events"),
            ),
            spared=lookers_on,
        ),
        *([Need("watch what it scales", (Right(("list", "watch"), *DEPLOYMENTS),))] if DEPLOYMENTS in scaled else []),
        Need(
            "see who else scales a target",
            (
                Right(("list", "watch"), "autoscaling", "horizontalpodautoscalers"),
                *(Right(("get",), group, resource) for group, resource in scaled),
            ),
        ),
        Need("see what KEDA scales", (Right(("list", "watch"), "keda.sh", "scaledobjects"),), group=KEDA),
        Need("count owned pods only", (Right(("get",), "apps", "replicasets"),)),
        Need(
            "read custom and external metrics",
            (Right(("get",), "custom.metrics.k8s.io", "*"), Right(("list",), "external.metrics.k8s.io", "*")),
        ),
    ]


def _scraping(settings: KubeletSettings) -> Need:
    if not settings.token_account:
        return Need("scrape kubelets", (Right(("get",), "", PAGES[Source(settings.source)]),))
    namespace, _, name = settings.token_account.partition("/")
    return Need("get a token for kubelets", (Right(("create",), "", "serviceaccounts/token", namespace, name),))


def _registrations(*verbs: str) -> Iterable[Right]:
    return (Right(verbs, REGISTRATIONS, "apiservices", name=f"{version}.metrics.k8s.io") for version in VERSIONS)


def _certificate(settings: ServingSettings) -> Iterable[Need]:
    """One of our own is kept in a Secret, and its CA in the APIServices."""
    if settings.issue_secret:
        secret = Right(("get", "patch"), "", "secrets", settings.issue_namespace, settings.issue_secret)
        yield Need("renew the serving certificate", (secret,))
        yield Need("have it verified by the API server", tuple(_registrations("patch")), spared=_UNREGISTERED)
