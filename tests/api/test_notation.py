import json

import pytest
import yaml

from autoscaler.api import document
from autoscaler.api.notation import Compact, Indented, Yaml

OPENING = {"kind": "L", "metadata": {}}


@pytest.mark.parametrize("parts", [[], [[b"1"]], [[b'{"a":1}', b'{"a":{}}'], [b'"<"']]])
def test_a_list_in_pieces_is_the_same_document(parts: list[list[bytes]]) -> None:
    compact = b"".join(Compact().pieces(OPENING, "rows", parts))
    assert json.loads(compact) == OPENING | {"rows": [json.loads(each) for part in parts for each in part]}
    assert compact.endswith(b"]}\n")
    assert b"".join(Indented().pieces(OPENING, "rows", parts)) == document.indented(compact)
    assert b"".join(Yaml().pieces(OPENING, "rows", parts)) == Yaml().whole(compact)


def test_a_whole_document_is_compact_with_a_line_end_or_indented_without() -> None:
    assert Compact().whole(b'{"a":1}') == b'{"a":1}\n'
    assert Indented().whole(b'{"a":1}') == b'{\n  "a": 1\n}'


def test_in_yaml_a_list_stands_where_its_name_belongs() -> None:
    shown = b"".join(Yaml().pieces({"kind": "L", "apiVersion": "v1"}, "items", [[b'{"b":"1","a":[]}']]))
    assert shown == b'apiVersion: v1\nitems:\n- a: []\n  b: "1"\nkind: L\n'


def test_yaml_comes_in_pieces_of_which_none_takes_long() -> None:
    pieces = list(Yaml().pieces(OPENING, "items", [[b"{}"] * 256]))
    assert len(pieces) > 8
    assert len(yaml.safe_load(b"".join(pieces))["items"]) == 256
