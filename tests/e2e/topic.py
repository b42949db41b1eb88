"""The decisions in a topic, as a consumer who knows nothing but the documented contract reads them."""

from __future__ import annotations

import asyncio
import json

from autoscaler.audit.verify import verify
from tests.e2e.kafka.broker import Broker, Message
from tests.e2e.kubeapi import Object


def decisions(broker: Broker, topic: str, key: str, *, again: bool = False) -> list[Object]:
    """All decisions of the target `namespace/kind/name` so far; proven to be complete, in order and each there once.

    `again`: some may have been delivered twice, as after an answer that was lost; the second ones are left out.
    """
    mine = [message for message in asyncio.run(broker.messages(topic)) if message.key == key]
    verdict = verify(message.number for message in mine)
    assert verdict.missing == ()
    assert verdict.late == ()
    assert again or verdict.duplicates == ()
    found: dict[str, Object] = {}
    for decision in map(_decision, mine):
        found.setdefault(decision["id"], decision)
    return list(found.values())


def _decision(message: Message) -> Object:
    """The body; its id and time are those of the CloudEvents headers."""
    body: Object = json.loads(message.value)
    headers = message.headers
    assert (headers["ce_specversion"], headers["ce_type"]) == ("1.0", "dev.hpa-companion.decision.v1")
    assert (headers["ce_id"], headers["ce_time"]) == (body["id"], body["time"])
    return body


def stage(decision: Object, name: str) -> Object:
    """The stage of this name; AssertionError when it did not happen."""
    found = [each for each in decision["stages"] if each["stage"] == name]
    assert found, f"{name} is not among the stages of {decision}"
    made: Object = found[0]
    return made


def writes(found: list[Object]) -> list[Object]:
    """Those that changed the target."""
    return [each for each in found if each["outcome"] == "written"]
