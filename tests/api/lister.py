"""Asks one server again and again, while its pods come and go."""

import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from autoscaler.api.answer import Answer
from autoscaler.api.call import parse_call
from autoscaler.api.ledger import Ledger
from autoscaler.api.resources import Resources
from autoscaler.api.status import StatusError
from autoscaler.model.identity import ResourceAttributes
from autoscaler.model.objects import Pod
from autoscaler.telemetry.series import ApiTelemetry
from autoscaler.turnstile import Turnstile
from tests.api.asking import BASE
from tests.api.cluster import NOW, Cluster, pod_usage
from tests.clock import FakeClock


class Client:
    """Asks one server again and again."""

    def __init__(self, count: int = 5) -> None:
        self.cluster = Cluster()
        for number in range(count):
            self.cluster.add_pod(Pod(namespace="shop", name=f"web-{number}", uid=str(number)), ("c", 1, 1))
        self.clock = FakeClock(NOW)
        self.ledger = Ledger(self.cluster, self.cluster, self.cluster, self.clock)
        self.resources = Resources(
            self.cluster, self.cluster, self.ledger, self.clock, ApiTelemetry(CollectorRegistry()), turns=Turnstile(2)
        )

    async def answer(self, query: str = "", tag: str = "", path: str = "/pods", accept: str = "") -> Answer:
        call = parse_call("GET", f"{BASE}{path}?{query}", if_none_match=tag, accept=accept)
        assert isinstance(call.attributes, ResourceAttributes)
        return await self.resources.answer(call, call.attributes)

    async def list(self, query: str = "") -> tuple[list[str], dict[str, Any]]:
        """Names and the list's metadata."""
        body = (await self.answer(query)).body
        assert isinstance(body, bytes)
        found = json.loads(body)
        return [item["metadata"]["name"] for item in found["items"]], found["metadata"]

    async def refused(self, query: str) -> dict[str, Any]:
        with pytest.raises(StatusError) as caught:
            await self.answer(query)
        status: dict[str, Any] = json.loads(caught.value.body())
        return status

    def churn(self) -> None:
        """The pod that would come next goes, one comes before it, and everything has new numbers."""
        gone = self.cluster.pod_list[2]
        del self.cluster.usages[("shop", gone.name)]
        self.cluster.change(gone, None)
        new = Pod(namespace="shop", name="web-00", uid="new")
        self.cluster.usages[("shop", new.name)] = pod_usage(new, ("c", 1, 1))
        self.cluster.change(None, new)
        self.cluster.commit(*self.cluster.pod_list)
