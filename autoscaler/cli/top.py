"""`autoscaler top`: what the Metrics API of the cluster says, whoever serves it, with the age of every sample."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TextIO

import msgspec
from msgspec import Struct

from autoscaler.cli.pages import Getter, pages
from autoscaler.clock import SystemClock
from autoscaler.core.table import aligned
from autoscaler.errors import ConfigError, ForbiddenError, KubeError, MalformedError, NotFoundError
from autoscaler.kube.client import KubeClient, segment
from autoscaler.kube.connection import connect
from autoscaler.model.instant import parse_instant
from autoscaler.model.quantity import milli
from autoscaler.telemetry import Telemetry
from autoscaler.telemetry.logs import configure_logs

API = "/apis/metrics.k8s.io/v1beta1"
BAD_REQUEST = 400


class Request(Struct, frozen=True, kw_only=True):
    """What to show: `kind` is node or pod, an empty `namespace` means all, `sort_by` is name, cpu or memory."""

    kind: str
    name: str = ""
    namespace: str = "default"
    selector: str = ""
    sort_by: str = "name"
    containers: bool = False


class Row(Struct, frozen=True):
    """One line. `cpu` in thousandths of a core, `memory` in bytes, `age` and `window` in seconds."""

    names: tuple[str, ...]
    cpu: int
    memory: int
    age: float
    window: str


class _Meta(Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _Usage(Struct, frozen=True):
    cpu: str = "0"
    memory: str = "0"


class _Container(Struct, frozen=True):
    name: str = ""
    usage: _Usage = _Usage()


class _Item(Struct, frozen=True):
    """NodeMetrics has `usage`, PodMetrics `containers`."""

    timestamp: str
    metadata: _Meta = _Meta()
    window: str = ""
    usage: _Usage | None = None
    containers: tuple[_Container, ...] = ()


class _List(Struct, frozen=True):
    items: tuple[_Item, ...] = ()


class _NodeStatus(Struct, frozen=True):
    allocatable: dict[str, str] = {}


class _Node(Struct, frozen=True):
    metadata: _Meta = _Meta()
    status: _NodeStatus = _NodeStatus()


class _NodeList(Struct, frozen=True):
    items: tuple[_Node, ...] = ()


def run(kubeconfig: str, request: Request, out: TextIO) -> int:
    """Print the table; KubeError when the API server gives none."""
    if request.kind == "pod" and request.name and not request.namespace:
        raise ConfigError("one pod is in one namespace: name it with -n instead of -A")
    for line in asyncio.run(_ask(kubeconfig, request)):
        print(line, file=out)
    return 0


async def _ask(kubeconfig: str, request: Request) -> list[str]:
    configure_logs("critical", "text")  # what goes wrong ends in one message
    clock = SystemClock()
    async with KubeClient(await connect(kubeconfig, clock), Telemetry().kube) as client:
        return await lines(client, request, clock.now())


async def lines(client: Getter, request: Request, now: float) -> list[str]:
    """The table, line by line."""
    found = await rows(client, request, now)
    if not found:
        where = f" in namespace {request.namespace}" if request.kind == "pod" and request.namespace else ""
        return [f"No metrics of {request.kind}s{where}{' with these labels' if request.selector else ''}."]
    if request.kind == "node":
        return _node_table(found, await _allocatable(client, request.name))
    return _pod_table(found, request)


async def rows(client: Getter, request: Request, now: float) -> list[Row]:
    """What the Metrics API has, sorted. ConfigError when it does not understand the selector."""
    params = [("labelSelector", request.selector)] if request.selector else []
    try:
        found = [row async for item in _items(client, request, params) for row in _rows(item, request, now)]
    except NotFoundError as exc:
        if request.name and "could not find the requested resource" not in str(exc):
            raise
        raise KubeError(f"this cluster serves no {API}: run `autoscaler doctor` to see why", status=404) from exc
    except KubeError as exc:
        if exc.status == BAD_REQUEST and request.selector:
            raise ConfigError(f"--selector {request.selector}: {exc}") from exc
        raise
    except (msgspec.DecodeError, MalformedError) as exc:
        raise KubeError(f"{_path(request)} gave no metrics: {exc}") from exc
    order = {"cpu": lambda row: (-row.cpu, row.names), "memory": lambda row: (-row.memory, row.names)}
    return sorted(found, key=order.get(request.sort_by, lambda row: row.names))


async def _items(client: Getter, request: Request, params: Sequence[tuple[str, str]]) -> AsyncIterator[_Item]:
    if request.name:
        yield msgspec.json.decode(await client.get(_path(request), params), type=_Item)
        return
    async for page in pages(client, _path(request), params):
        for each in msgspec.json.decode(page, type=_List).items:
            yield each


def _path(request: Request) -> str:
    name = f"/{segment(request.name)}" if request.name else ""
    if request.kind == "node":
        return f"{API}/nodes{name}"
    return f"{API}/namespaces/{segment(request.namespace)}/pods{name}" if request.namespace else f"{API}/pods"


def _rows(item: _Item, request: Request, now: float) -> Iterable[Row]:
    age = max(0.0, now - parse_instant(item.timestamp))
    if request.kind == "node":
        usage = item.usage or _Usage()
        yield Row((item.metadata.name,), milli(usage.cpu), _bytes(usage.memory), age, item.window)
        return
    names = (item.metadata.namespace, item.metadata.name)
    parts = [(part.name, milli(part.usage.cpu), _bytes(part.usage.memory)) for part in item.containers]
    if request.containers:
        for name, cpu, memory in parts:
            yield Row((*names, name), cpu, memory, age, item.window)
    else:
        yield Row(names, sum(part[1] for part in parts), sum(part[2] for part in parts), age, item.window)


def _bytes(text: str) -> int:
    return -(-milli(text) // 1000)


async def _allocatable(client: Getter, name: str) -> Mapping[str, tuple[int, int]]:
    """(thousandths of a core, bytes) that pods may use, by node, or of the one `name`; empty when we may not see it."""
    nodes: list[_Node] = []
    try:
        if name:
            nodes.append(msgspec.json.decode(await client.get(f"/api/v1/nodes/{segment(name)}"), type=_Node))
        else:
            async for page in pages(client, "/api/v1/nodes"):
                nodes += msgspec.json.decode(page, type=_NodeList).items
    except ForbiddenError:
        return {}
    except msgspec.DecodeError as exc:
        raise KubeError(f"/api/v1/nodes gave no nodes: {exc}") from exc
    return {
        node.metadata.name: (
            milli(node.status.allocatable.get("cpu", "0")),
            _bytes(node.status.allocatable.get("memory", "0")),
        )
        for node in nodes
    }


def _node_table(found: Sequence[Row], allocatable: Mapping[str, tuple[int, int]]) -> list[str]:
    table = [("NAME", "CPU(cores)", "CPU%", "MEMORY(bytes)", "MEMORY%", "SAMPLE AGE", "WINDOW")]
    for row in found:
        cpu, memory = allocatable.get(row.names[0], (0, 0))
        shares = _percent(row.cpu, cpu), _percent(row.memory, memory)
        table.append((row.names[0], f"{row.cpu}m", shares[0], _mebi(row.memory), shares[1], _age(row), row.window))
    return aligned(table, right={1, 2, 3, 4, 5, 6})


def _pod_table(found: Sequence[Row], request: Request) -> list[str]:
    heads = ("NAMESPACE", "POD", "CONTAINER")[: 3 if request.containers else 2]
    first = 1 if request.namespace else 0
    table = [(*heads[first:], "CPU(cores)", "MEMORY(bytes)", "SAMPLE AGE", "WINDOW")]
    table += [(*row.names[first:], f"{row.cpu}m", _mebi(row.memory), _age(row), row.window) for row in found]
    width = len(table[0])
    return aligned(table, right=set(range(width - 4, width)))


def _percent(part: int, whole: int) -> str:
    return f"{part * 100 // whole}%" if whole else "-"


def _mebi(value: int) -> str:
    """As kubectl shows it: whole Mi, cut."""
    return f"{value >> 20}Mi"


def _age(row: Row) -> str:
    return f"{row.age:.0f}s"
