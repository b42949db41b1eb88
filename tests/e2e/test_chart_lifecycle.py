"""Upgrade, rollback, a second release and uninstalling, by the real Helm on the real API server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.asking import asking
from tests.e2e.chart import CHART, SERVED_BY, rendered
from tests.e2e.chartvalues import INSTALLED
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Object
from tests.e2e.release import NAME, VERSIONS, Release
from tests.e2e.workloads import Namespace, autoscaler_spec, scaler

SOON = 30.0
TAKEOVER = "--set=apiService.takeover=true"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/horizontalpodscalers.hpa-companion.dev"
REGISTERED = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"
CERT_MANAGER = "/apis/cert-manager.io/v1"
FIELD = "maxSampleAge"
VALUE = "compat"
"""A field and a value that the chart before this one did not have."""
NOT_ALONE = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "Certificate", "Issuer", "Pod"}
"""Kinds of others, which need their definitions, and a pod, which needs its account: test_chart_admission has it."""


@pytest.fixture
def here(cluster: Cluster, release: Release, namespace: str) -> Namespace:
    """With a policy, which must outlive everything."""
    assert release.serving()
    made = Namespace(cluster, namespace)
    cluster.admin.post(made.scalers, scaler("web", autoscaler_spec("web") | {"mode": "Shadow"}))
    return made


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The chart as it might have been before: another version, without a value and a field of its definition."""
    folder = tmp_path / "older"
    shutil.copytree(CHART, folder)
    chart = folder / "Chart.yaml"
    chart.write_text(chart.read_text().replace("version: 0.1.0", "version: 0.0.9", 1))
    known_by = {
        "values.yaml": f'  {VALUE}: "1.37"\n',
        "values.schema.json": f'"{VALUE}", ',
        "templates/_settings.tpl": f"- --{VALUE}={{{{ .Values.scaling.{VALUE} }}}}\n",
    }
    for name, known in known_by.items():
        file = folder / name
        assert known in file.read_text()
        file.write_text(file.read_text().replace(known, "", 1))
    schemas = folder / "templates/crd.yaml"
    lines = schemas.read_text().splitlines(keepends=True)
    [start] = [number for number, line in enumerate(lines) if line.strip() == f"{FIELD}:"]
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = next(n for n in range(start + 1, len(lines)) if len(lines[n]) - len(lines[n].lstrip()) <= indent)
    schemas.write_text("".join(lines[:start] + lines[end:]))
    return folder


def identities(cluster: Cluster, release: Release, here: Namespace) -> list[str]:
    """Of what must not be made anew: the definition and a policy, who is asked, and what runs."""
    base = f"/namespaces/{release.namespace}"
    paths = [CRD, f"{here.scalers}/web", f"/api/v1{base}/services/{NAME}", f"/apis/apps/v1{base}/deployments/{NAME}"]
    return [cluster.admin.get(path)["metadata"]["uid"] for path in [*paths, REGISTERED]]


def knows(cluster: Cluster, here: Namespace) -> bool:
    """Whether the API server takes the new field: it forgets those it does not know."""
    policy = scaler("new", autoscaler_spec("new") | {FIELD: "30s"})
    return FIELD in cluster.admin.post(f"{here.scalers}?dryRun=All", policy)["spec"]


def with_what_was_given(cluster: Cluster, release: Release, how: str) -> None:
    """Upgrade by the values of the release that is there; `--reuse-values` takes its chart's defaults for ours."""
    cluster.helm("upgrade", NAME, str(CHART), f"--namespace={release.namespace}", how)


@pytest.mark.timeout(180)
def test_c16_an_upgrade_and_a_rollback_leave_policies_and_the_metrics_api_alone(
    cluster: Cluster, release: Release, here: Namespace, older: Path
) -> None:
    before = identities(cluster, release, here)
    with asking(cluster.admin) as codes:
        try:
            release.helm("upgrade", chart=older)
            eventually(SOON, lambda: not knows(cluster, here), "the older definition holds")
            with pytest.raises(AssertionError, match=f"missing property '{VALUE}'"):
                with_what_was_given(cluster, release, "--reuse-values")
            with_what_was_given(cluster, release, "--reset-then-reuse-values")
            eventually(SOON, lambda: knows(cluster, here), "the newer one does")
            release.roll_back()
            eventually(SOON, lambda: not knows(cluster, here), "the older one does again")
        finally:
            release.helm("upgrade")
        eventually(SOON, lambda: knows(cluster, here))
    assert identities(cluster, release, here) == before
    assert set(codes) == {200}


@pytest.fixture
def cert_manager(cluster: Cluster) -> Iterator[None]:
    """Its kinds, as far as the API server is concerned."""
    for kind in ("Certificate", "Issuer"):
        cluster.admin.post(CRD.rpartition("/")[0], _anything("cert-manager.io", kind))
    eventually(SOON, lambda: cluster.admin.exists(f"{CERT_MANAGER}/issuers"), "they are served")
    yield
    for plural in ("certificates", "issuers"):
        cluster.admin.delete(f"{CRD.rpartition('/')[0]}/{plural}.cert-manager.io")


def _anything(group: str, kind: str) -> Object:
    plural, schema = f"{kind.lower()}s", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": f"{plural}.{group}"}, "spec": spec}


def keep_certificates(cluster: Cluster, namespace: str) -> None:
    """As cert-manager does, which makes the Secret that a Certificate names, and leaves it there for ever."""
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    for certificate in cluster.admin.items(f"{CERT_MANAGER}/namespaces/{namespace}/certificates"):
        name = certificate["spec"]["secretName"]
        if not cluster.admin.exists(f"{secrets}/{name}"):
            data = {"tls.crt": "eA==", "tls.key": "eA=="}
            cluster.admin.post(secrets, {"metadata": {"name": name}, "type": "kubernetes.io/tls", "data": data})


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("cert_manager")
def test_c16_what_it_does_and_whose_certificate_it_shows_may_be_changed_and_changed_back(
    cluster: Cluster, release: Release
) -> None:
    """From each to each: nothing that one leaves behind, such as a Secret or a strategy, is in the way of the next."""
    before = release.values
    uid = cluster.admin.get(REGISTERED)["metadata"]["uid"]
    release.stop()
    theirs: dict[str, object] = {"tls": {"mode": "certManager"}}
    ways = [theirs, {"tls": {"mode": "auto"}}, {"mode": "observe"} | theirs, {"leaderElection": {"enabled": False}}]
    try:
        for way in ways:
            release.values = before | way
            release.helm("upgrade")
            if "certManager" in str(way):
                keep_certificates(cluster, release.namespace)
    finally:
        release.values = before
        release.helm("upgrade")
        release.serve()
    assert cluster.admin.get(REGISTERED)["metadata"]["uid"] == uid


def test_c18_a_second_release_is_refused_by_the_name_of_the_first(cluster: Cluster, release: Release) -> None:
    before = cluster.admin.get(REGISTERED)
    with pytest.raises(AssertionError) as refused:
        cluster.helm("install", "second", str(CHART), "--namespace=default", "--set=crds.install=false")
    told = str(refused.value)
    assert f"registered for the Service {release.namespace}/{NAME}" in told
    assert f"by the Helm release {NAME} in namespace {release.namespace}" in told
    assert "apiService.create=false" in told
    assert cluster.admin.get(REGISTERED)["spec"] == before["spec"]
    beside = ["--set=crds.install=false,apiService.create=false", "--dry-run=server"]
    with pytest.raises(AssertionError, match=f"{NAME} in namespace {release.namespace} scales by HorizontalPodScalers"):
        cluster.helm("install", "second", str(CHART), "--namespace=default", *beside)
    watching = [*beside, "--set=mode=observe"]
    assert "kind: APIService" not in cluster.helm("install", "second", str(CHART), "--namespace=default", *watching)


def test_c18_rights_that_somebody_elses_chart_gives_are_no_second_release(cluster: Cluster, release: Release) -> None:
    """Our own is upgraded beside a role that may write statuses, of another chart for its administrators."""
    role = ("clusterrole", "of-administrators")
    rights = ["--verb=update", "--resource=horizontalpodscalers.hpa-companion.dev/status"]
    cluster.kubectl("create", *role, *rights)
    try:
        owner = ["meta.helm.sh/release-name=rights", "meta.helm.sh/release-namespace=default"]
        cluster.kubectl("annotate", *role, *owner)
        cluster.kubectl("label", *role, "helm.sh/chart=rights-1.0.0")
        release.helm("upgrade", "--dry-run=server")
    finally:
        cluster.kubectl("delete", *role)


@pytest.fixture
def registered_by_others(cluster: Cluster, release: Release) -> Iterator[None]:
    """As metrics-server's manifests do it, for a moment: without Helm."""
    found: Object = cluster.admin.get(REGISTERED)
    marks = found["metadata"]["annotations"]
    owner = {name: None for name in marks if name.startswith("meta.helm.sh/")}
    service = {"namespace": "kube-system", "name": "metrics-server", "port": 443}
    cluster.admin.patch(REGISTERED, {"metadata": {"annotations": owner}, "spec": {"service": service}})
    yield
    ours = {**service, "namespace": release.namespace, "name": NAME, "port": found["spec"]["service"]["port"]}
    cluster.admin.patch(REGISTERED, {"metadata": {"annotations": marks}, "spec": {"service": ours}})
    eventually(SOON, release.serving, "we serve again")


@pytest.mark.usefixtures("registered_by_others")
def test_c18_a_metrics_server_that_is_there_is_named(release: Release) -> None:
    with pytest.raises(AssertionError, match="registered for the Service kube-system/metrics-server, not by Helm"):
        release.helm("upgrade")


@pytest.mark.timeout(180)
def test_c18_what_somebody_else_registered_is_taken_over_only_where_both_are_told(
    cluster: Cluster, release: Release
) -> None:
    """The chart by its value, Helm by its flag: metrics-server's registration, unverified as it is, becomes ours."""
    release.stop()
    release.uninstall()
    service = {"namespace": "kube-system", "name": "metrics-server", "port": 443}
    spec = {"group": "metrics.k8s.io", "version": "v1beta1", "insecureSkipTLSVerify": True, "service": service}
    priorities = {"groupPriorityMinimum": 100, "versionPriority": 100}
    foreign = {"metadata": {"name": "v1beta1.metrics.k8s.io"}, "spec": {**spec, **priorities}}
    before = cluster.admin.post(REGISTERED.rpartition("/")[0], foreign)["metadata"]["uid"]
    try:
        with pytest.raises(AssertionError, match="registered for the Service kube-system/metrics-server, not by Helm"):
            release.helm("install")
        with pytest.raises(AssertionError, match="invalid ownership metadata"):
            release.helm("install", TAKEOVER)
        assert cluster.admin.get(REGISTERED)["spec"]["service"]["name"] == "metrics-server"
    finally:
        release.helm("install", TAKEOVER, "--take-ownership")
        release.serve()
    found = cluster.admin.get(REGISTERED)
    assert found["metadata"]["uid"] == before
    assert (found["spec"]["service"]["name"], found["spec"].get("insecureSkipTLSVerify", False)) == (NAME, False)
    release.helm("upgrade")  # it is ours now, which takes no more telling


@pytest.mark.timeout(180)
def test_c17_uninstalled_nothing_hangs_and_policies_stay(cluster: Cluster, release: Release, here: Namespace) -> None:
    policy = cluster.admin.get(f"{here.scalers}/web")["metadata"]["uid"]
    release.stop()  # first what serves, as in the worst case: an APIService that is left would answer nothing now
    try:
        release.uninstall()
        assert not any(cluster.admin.exists(REGISTERED.replace("v1beta1", version)) for version in VERSIONS)
        assert cluster.admin.get(f"{here.scalers}/web")["metadata"]["uid"] == policy
        cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": "to-go"}})
        cluster.admin.delete("/api/v1/namespaces/to-go")
        eventually(SOON, lambda: not cluster.admin.exists("/api/v1/namespaces/to-go"), "a namespace can be deleted")
    finally:
        release.helm("install")
        release.serve()


def test_the_api_server_takes_every_object_of_every_way_to_install(
    cluster: Cluster, release: Release, tmp_path: Path
) -> None:
    """Each different one once, by a dry run that refuses unknown fields; kinds of others need their definitions.

    And keeps all that it says: what it would drop or write otherwise is what a GitOps tool would mend for ever.
    """
    different: dict[str, Object] = {}
    for values in INSTALLED.values():
        text = rendered(json.dumps(values, sort_keys=True), "try", SERVED_BY)
        for each in filter(None, yaml.load_all(text, Loader=yaml.CSafeLoader)):
            if each["kind"] not in NOT_ALONE:
                different[json.dumps(each, sort_keys=True)] = _in(release.namespace, each)
    assert len(different) > 150
    file = tmp_path / "objects.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(different.values())}))
    flags = ["--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", f"--filename={file}"]
    kept = json.loads(cluster.kubectl("apply", *flags, "--output=json"))["items"]
    assert len(kept) == len(different)
    assert {word for made, live in zip(different.values(), kept, strict=True) for word in _lost(made, live)} == set()


def _lost(made: object, live: object, path: str = "") -> Iterator[str]:
    """Where `live` does not have what `made` has."""
    if isinstance(made, dict) and isinstance(live, dict):
        for key, value in made.items():
            yield from _lost(value, live.get(key), f"{path}/{key}")
    elif isinstance(made, list) and isinstance(live, list) and len(made) == len(live):
        for index, (one, other) in enumerate(zip(made, live, strict=True)):
            yield from _lost(one, other, f"{path}/{index}")
    elif made != live:
        yield f"{path}: {made} {live}"


def _in(namespace: str, each: Object) -> Object:
    """In a namespace that is there."""
    if each["metadata"].get("namespace") == "metrics":
        each["metadata"]["namespace"] = namespace
    return each
