"""The log: JSON lines, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from contactd.log import WITHHELD, configure


@pytest.fixture
def lines() -> Iterator[io.BytesIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    buffer = io.BytesIO()
    configure("info", file=buffer)
    yield buffer
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def parsed(buffer: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in buffer.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_time_and_ids(lines: io.BytesIO) -> None:
    structlog.get_logger().info("contact_offered", contact_id="c1", waited_s=2.5)
    (line,) = parsed(lines)
    assert line["at"].endswith("Z")
    assert (line["event"], line["level"], line["contact_id"], line["waited_s"]) == (
        "contact_offered",
        "info",
        "c1",
        2.5,
    )


@pytest.mark.parametrize("key", ["pin", "secret", "password", "digits", "ami_secret", "db_password", "typed_digits"])
def test_the_value_of_a_secret_key_is_withheld(lines: io.BytesIO, key: str) -> None:
    structlog.get_logger().error("agent_refused", **{key: "4711"})
    assert parsed(lines)[0][key] == WITHHELD
    assert b"4711" not in lines.getvalue()


def test_a_traceback_shows_no_local_variable(lines: io.BytesIO) -> None:
    secret = "geh" + "eim"
    try:
        raise ValueError(len(secret))
    except ValueError:
        structlog.get_logger().exception("request_failed")
    assert "ValueError: 6" in parsed(lines)[0]["exception"]
    assert b"geheim" not in lines.getvalue()


def test_below_the_level_nothing_is_written(lines: io.BytesIO) -> None:
    structlog.get_logger().debug("fact")
    assert lines.getvalue() == b""


def test_what_libraries_log_comes_out_as_json(lines: io.BytesIO) -> None:
    logging.getLogger("asyncio").error("task %s failed", 7)
    assert parsed(lines)[0]["message"] == "task 7 failed"


def test_a_value_that_json_does_not_know_is_shown_and_loses_no_line(lines: io.BytesIO) -> None:
    structlog.get_logger().info("odd", value=object(), lone="\ud800", table={1: 2})
    assert len(parsed(lines)) == 1
