"""What the doctor says of policies when it is asked: a good one is admitted and a bad one refused; neither is kept.

Each is a creation with `dryRun=All`, which the API server admits and validates like any other and then forgets. With
`fieldValidation=Strict` it refuses what its definition does not know instead of dropping it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from autoscaler.cli.clusterchecks import CHART, Asker
from autoscaler.cli.finding import Finding, bad, doubtful, good
from autoscaler.errors import ForbiddenError, KubeError, NotFoundError, UnreachableError

CHECK = "policies"
DRY_RUN = (("dryRun", "All"), ("fieldValidation", "Strict"))
INVALID = 422
LEAST, MOST = 1, 3
NEWEST = {
    "mode": "Shadow",
    "ownedPodsOnly": True,
    "ignoreRolloutSurge": True,
    "maxSampleAge": "45s",
    "usageWindow": "1m",
    "cpuInitializationPeriod": "2m",
    "initialReadinessDelay": "20s",
    "syncPeriod": "30s",
    "pause": {"directions": ["Down"], "until": "2027-01-31T18:00:00Z", "reason": "a dry run", "actor": "doctor"},
}
"""Every field that an HPA does not have: a definition of an earlier release refuses those it does not know."""


async def examine(asker: Asker, namespace: str) -> Finding:
    """Needs `create` on horizontalpodscalers there. Doubtful when the API server could not be asked."""
    path = f"/apis/hpa-companion.dev/v1alpha1/namespaces/{namespace}/horizontalpodscalers"
    if refusal := await _refusal(asker, path, least=LEAST):
        return _wrongly_refused(refusal, namespace)
    return _judged(await _refusal(asker, path, least=MOST + 1))


async def _refusal(asker: Asker, path: str, *, least: int) -> KubeError | None:
    try:
        await asker.post(path, _policy(least), DRY_RUN)
    except KubeError as exc:
        return exc
    return None


def _wrongly_refused(refusal: KubeError, namespace: str) -> Finding:
    """What is wrong where a good one is not admitted."""
    match refusal:
        case NotFoundError():
            return bad(CHECK, "the API server does not know HorizontalPodScaler", f"install its definition: {CHART}")
        case ForbiddenError():
            todo = f"ask with credentials that may create them in {namespace}"
            return doubtful(CHECK, f"could not be tried: {refusal}", todo)
        case UnreachableError():
            return doubtful(CHECK, f"could not be tried: {refusal}", "ask again")
    return bad(CHECK, f"a good one is refused: {refusal}", f"bring definition and program to one release: {CHART}")


def _judged(refusal: KubeError | None) -> Finding:
    """Of a bad one: it must be refused, and for the field that is wrong."""
    if refusal is None:
        return bad(CHECK, "one with minReplicas over maxReplicas is admitted", f"install the definition anew: {CHART}")
    if refusal.status == INVALID and "minReplicas" in str(refusal):
        return good(CHECK, "a good one is admitted, a bad one refused by its field (dry run)")
    return doubtful(CHECK, f"a bad one is refused, but not for its field: {refusal}", "see what refuses it, ask again")


def _policy(least: int) -> bytes:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    spec: dict[str, Any] = {
        "scaleTargetRef": target,
        "minReplicas": least,
        "maxReplicas": MOST,
        "metrics": [{"type": "Resource", "resource": cpu}],
        **NEWEST,
    }
    body = {
        "apiVersion": "hpa-companion.dev/v1alpha1",
        "kind": "HorizontalPodScaler",
        "metadata": {"generateName": "doctor-"},
        "spec": spec,
    }
    return msgspec.json.encode(body)
