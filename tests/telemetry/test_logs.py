import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from autoscaler.telemetry.logs import LogFormat, configure_logs


@pytest.fixture(autouse=True)
def _undo() -> Iterator[None]:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


def test_json_lines_parse_and_carry_time_level_and_message() -> None:
    out = io.StringIO()
    configure_logs("info", "json", out)
    structlog.get_logger().info("Scraped", node="a")
    line = json.loads(out.getvalue())
    assert line["msg"] == "Scraped"
    assert line["level"] == "info"
    assert line["node"] == "a"
    assert line["ts"].endswith("Z")


def test_a_hostile_value_cannot_forge_a_second_line_or_colour_a_terminal() -> None:
    out = io.StringIO()
    configure_logs("info", "text", out)
    structlog.get_logger().info("Scraped", pod="x\nlevel=error forged", other="\x1b[31mred")
    assert len(out.getvalue().splitlines()) == 1
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_record_that_is_nowhere_else_is_in_a_line_of_json_in_both_forms(form: LogFormat) -> None:
    out = io.StringIO()
    configure_logs("info", form, out)
    body = json.dumps({"error": "\u202e\u200b\x1b[31m \u00e4"}, ensure_ascii=False)
    structlog.get_logger().error("Kept a record in this log only", target="shop/x", record=body)
    [line] = out.getvalue().splitlines()
    assert json.loads(json.loads(line)["record"]) == json.loads(body)
    assert "\x1b" not in line


def test_what_is_below_the_level_is_not_said() -> None:
    out = io.StringIO()
    configure_logs("warning", "json", out)
    structlog.get_logger().info("quiet")
    assert out.getvalue() == ""


def test_libraries_speak_through_the_same_lines() -> None:
    out = io.StringIO()
    configure_logs("info", "json", out)
    logging.getLogger("aiokafka").error("no broker")
    logging.getLogger("aiokafka").info("chatter")
    assert [json.loads(line)["msg"] for line in out.getvalue().splitlines()] == ["no broker"]
