"""Every encoding of the same objects, byte by byte as metrics-server 0.9.0 gave it (data/metrics_api_answers.jsonl).

The numbers, names and times are read out of its answer, and ours is written of them: whatever else is in it is the
encoding. Tables differ on purpose (README.md), so of them only what stands beside the rows is compared.
"""

from __future__ import annotations

import calendar
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoscaler.api import protobuf
from autoscaler.api.call import parse_call
from autoscaler.api.envelope import ListMeta
from autoscaler.api.items import Item, node_item, pod_item
from autoscaler.api.renderings import chosen
from autoscaler.api.status import StatusError, object_not_found
from autoscaler.model.identity import ResourceAttributes
from autoscaler.model.metrics import NodeUsage, PodUsage, Usage
from autoscaler.model.objects import Node, NodeName, Pod
from tests.api import protodecode

RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parent / "data/metrics_api_answers.jsonl").read_text(encoding="utf-8").splitlines()
]
ANSWERED = [each for each in RECORDED if each["status"] == 200]
TABLES = [each for each in ANSWERED if "as=Table" in each["accept"] and "includeObject=None" not in each["path"]]
UNITS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "s": 1, "ms": 1e-3}
BASE = "/apis/metrics.k8s.io/v1beta1"


def named(record: dict[str, Any]) -> str:
    return f"{record['path'].removeprefix(BASE)} as {record['accept'].removeprefix('application/')}"


def body(record: dict[str, Any]) -> bytes:
    return bytes.fromhex(record["hex"]) if "hex" in record else str(record["text"]).encode()


def amount(text: str, unit: float = 1) -> int:
    """The number of a quantity or duration, in `unit`."""
    digits = text.rstrip("KMGiunms")
    return round(float(digits) * UNITS.get(text[len(digits) :], 1) / unit)


def instant(text: str) -> int:
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def item(shown: dict[str, Any]) -> Item:
    """What it must have been made of; metadata alone says nothing of numbers."""
    metadata = shown["metadata"]
    at, window = instant(shown.get("timestamp", "1970-01-01T00:00:00Z")), amount(shown.get("window", "0s"), 1e-9)

    def usage(found: dict[str, str]) -> Usage:
        return Usage(amount(found["cpu"], 1e-9), amount(found["memory"]), at * 10**9, window)

    name, labels = metadata["name"], metadata.get("labels", {})
    if "namespace" not in metadata:
        used = usage(shown.get("usage", {"cpu": "0", "memory": "0"}))
        return node_item(Node(name=NodeName(name), uid="", labels=labels), NodeUsage(NodeName(name), used))
    pod = Pod(namespace=metadata["namespace"], name=name, labels=labels)
    containers = tuple((each["name"], usage(each["usage"])) for each in shown.get("containers", ()))
    return pod_item(pod, PodUsage(pod.namespace, name, "", containers, at * 10**9, window))


def answer(record: dict[str, Any], shown: dict[str, Any]) -> bytes:
    """Ours, of the objects in theirs."""
    call = parse_call("GET", record["path"], accept=record["accept"])
    assert isinstance(call.attributes, ResourceAttributes)
    rendering = chosen(call, call.attributes)
    if call.attributes.name:
        return rendering.single(item(shown), instant(shown["metadata"]["creationTimestamp"]))
    items = tuple(item(each) for each in shown["items"])
    now = instant(shown["items"][0]["metadata"]["creationTimestamp"]) if items else 0
    return b"".join(rendering.pieces([items] if items else [], ListMeta(), now))


def theirs(record: dict[str, Any]) -> bytes:
    """An empty list is empty in ours: Go's null for one is an accident of a type that clients do not expect."""
    return body(record).replace(b'"items":null', b'"items":[]').replace(b"items: null", b"items: []")


@pytest.mark.parametrize("record", [each for each in ANSWERED if "as=Table" not in each["accept"]], ids=named)
def test_an_answer_is_theirs_byte_by_byte(record: dict[str, Any]) -> None:
    shown = protodecode.document(theirs(record)) if "hex" in record else yaml.safe_load(theirs(record))
    assert answer(record, shown) == theirs(record)


@pytest.mark.parametrize("record", TABLES, ids=named)
def test_beside_the_rows_of_a_table_stands_what_they_put_there(record: dict[str, Any]) -> None:
    objects = [row["object"] for row in yaml.safe_load(body(record))["rows"] or ()]
    shown = objects[0] if len(objects) == 1 else {"items": objects}
    assert [row["object"] for row in yaml.safe_load(answer(record, shown))["rows"]] == objects


@pytest.mark.parametrize("record", [each for each in RECORDED if each["status"] in (400, 406)], ids=named)
def test_what_they_refuse_is_refused_with_the_same_code(record: dict[str, Any]) -> None:
    with pytest.raises(StatusError) as caught:
        answer(record, {})
    assert caught.value.code == record["status"]


def test_a_status_is_the_same_in_protobuf() -> None:
    (record,) = [each for each in RECORDED if each["status"] == 404]
    assert protobuf.status(object_not_found("node", "nope")) == body(record)
