import json

import pytest

from autoscaler.api import document
from autoscaler.api.notation import Compact, Indented

OPENING = {"kind": "L", "metadata": {}}


@pytest.mark.parametrize("parts", [[], [[b"1"]], [[b'{"a":1}', b'{"a":{}}'], [b'"<"']]])
def test_a_list_in_pieces_is_the_same_document(parts: list[list[bytes]]) -> None:
    compact = b"".join(Compact().pieces(OPENING, "rows", parts))
    assert json.loads(compact) == OPENING | {"rows": [json.loads(each) for part in parts for each in part]}
    assert compact.endswith(b"]}\n")
    assert b"".join(Indented().pieces(OPENING, "rows", parts)) == document.indented(compact)


def test_a_whole_document_is_compact_with_a_line_end_or_indented_without() -> None:
    assert Compact().whole(b'{"a":1}') == b'{"a":1}\n'
    assert Indented().whole(b'{"a":1}') == b'{\n  "a": 1\n}'
