from __future__ import annotations

from typing import Any

import pytest

from autoscaler.kube.writers import Writers
from autoscaler.model.policy import TargetRef
from tests.clock import FakeClock
from tests.kube.apiserver import ok, refusal, serving

WEB = TargetRef("apps/v1", "Deployment", "web")
PATH = "/apis/apps/v1/namespaces/shop/deployments/web"


def manager(name: str, operation: str, time: str, **spec: Any) -> dict[str, Any]:
    return {"manager": name, "operation": operation, "time": time, "fieldsV1": {"f:metadata": {}, "f:spec": spec}}


HELM = manager("helm", "Update", "2026-11-23T09:00:00Z", **{"f:template": {}})
ARGO = manager("argocd-controller", "Apply", "2026-11-23T10:00:00Z", **{"f:replicas": {}, "f:template": {}})
KUBECTL = manager("kubectl", "Update", "2026-11-23T11:00:00Z", **{"f:replicas": {}})


@pytest.mark.parametrize(
    ("answer", "writer"),
    [
        pytest.param(ok({"metadata": {"managedFields": [HELM, ARGO]}}), "argocd-controller (Apply)", id="one"),
        pytest.param(ok({"metadata": {"managedFields": [KUBECTL, ARGO, HELM]}}), "kubectl (Update)", id="the last"),
        pytest.param(ok({"metadata": {"managedFields": [HELM]}}), "", id="nobody says"),
        pytest.param(ok({"metadata": {}}), "", id="no managed fields"),
        pytest.param(ok({"metadata": {"managedFields": "?"}}), "", id="nonsense"),
        pytest.param(refusal(403, "forbidden"), "", id="we may not look"),
        pytest.param(refusal(404, "not found"), "", id="it is gone"),
    ],
)
async def test_the_last_who_owns_the_number_of_replicas_is_named(answer: Any, writer: str) -> None:
    async with serving() as (server, client):
        server.on(PATH, answer)
        assert await Writers(client, FakeClock()).of_replicas("shop", WEB) == writer
