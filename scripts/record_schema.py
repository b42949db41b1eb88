"""Writes the JSON Schema of the audit record where it is published and where it is shipped; `--check` compares.

A test compares, so that the schema cannot drift from `autoscaler/model/decision.py`.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path

import generated
import msgspec

from autoscaler.audit import codec
from autoscaler.model.decision import SCHEMA_VERSION, Decision

ROOT = Path(__file__).resolve().parent.parent
NAME = f"decision.v{SCHEMA_VERSION}.schema.json"
PLACES = (ROOT / "docs" / NAME, ROOT / "autoscaler" / "audit" / NAME)


def schema() -> str:
    """The whole document."""
    found = msgspec.json.schema(Decision)
    for definition in found["$defs"].values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{codec.DECISION_TYPE}",
        "title": f"Body of a {codec.DECISION_TYPE} event",
    }
    return json.dumps(head | found, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(generated.main(dict.fromkeys(PLACES, schema())))
