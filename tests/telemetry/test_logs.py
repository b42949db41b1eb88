import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from autoscaler.telemetry.logs import LogFormat, configure_logs, unread
from autoscaler.telemetry.throttle import LINES
from tests.clock import FakeClock


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


async def test_p07_ten_thousand_errors_in_a_second_are_as_many_lines_as_fit_and_their_number() -> None:
    out, clock = io.StringIO(), FakeClock()
    configure_logs("info", "json", out, clock=clock)
    for number in range(10_000):
        structlog.get_logger().error("Could not write", number=number)
        logging.getLogger("library").error("broken: %d", number)
    structlog.get_logger().error("Something else")
    structlog.get_logger().error("Kept a record in this log only", record="{}")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(lines) == 2 * LINES + 2
    await clock.advance(1)
    structlog.get_logger().error("Could not write", number=0)
    assert json.loads(out.getvalue().splitlines()[-1])["left_out"] == 10_000 - LINES


def test_every_record_that_is_nowhere_else_is_written_however_many_they_are() -> None:
    out = io.StringIO()
    configure_logs("info", "json", out, clock=FakeClock())
    for _ in range(2 * LINES):
        structlog.get_logger().error("Kept a record in this log only", record="{}")
    assert len(out.getvalue().splitlines()) == 2 * LINES


def test_the_line_about_lines_that_nobody_read_is_one() -> None:
    assert json.loads(unread(7))["left_out"] == 7
