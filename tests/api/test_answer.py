from autoscaler.api.answer import json_answer
from autoscaler.api.call import parse_call


def test_a_document_is_compact_for_programs_and_indented_for_people() -> None:
    body = b'{"a":1}\n'
    assert json_answer(parse_call("GET", "/"), body).body == body
    assert json_answer(parse_call("GET", "/?pretty=1"), body).body == b'{\n  "a": 1\n}'


def test_type_and_headers_are_handed_on() -> None:
    answer = json_answer(parse_call("GET", "/"), b"{}", "application/x", {"ETag": "e"})
    assert (answer.status, answer.content_type, answer.headers) == (200, "application/x", {"ETag": "e"})
