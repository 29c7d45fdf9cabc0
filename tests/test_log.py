"""The log: JSON lines, and no secret in any of them."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from contactd import log as logs
from contactd.log import TOLD, WITHHELD, Flood, configure
from contactd.pbx.gate import LOOPBACK, Gate, Refused


@pytest.fixture
def lines() -> Iterator[io.BytesIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    buffer = io.BytesIO()
    logs.flood.tell(all_of_it=True)
    configure("info", file=buffer)
    yield buffer
    logs.flood.tell(all_of_it=True)
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


# --- floods ---


def counted(lines: list[dict[str, Any]], event: str, **of: str) -> int:
    """Lines of an event, and those that another line says were withheld."""

    def fits(line: dict[str, Any]) -> bool:
        return all(line.get(key) == value for key, value in of.items())

    written = sum(line["event"] == event for line in lines if fits(line))
    return written + sum(
        line["count"] for line in lines if line["event"] == TOLD and line["of"] == event and fits(line)
    )


def test_ten_thousand_refusals_leave_few_lines_and_lose_no_count(
    lines: io.BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A logger keeps for ever the configuration of its first line, and this one is other tests' too.
    monkeypatch.setattr("contactd.pbx.gate.log", structlog.get_logger())
    gate = Gate("agi_connection_refused", LOOPBACK, Counter())
    before = logs.flood.withheld
    for _ in range(10_000):
        gate.note(Refused("token", "the token is missing, used or wrong"))
    gate.note(Refused("route", "no route"))
    logs.flood.tell(all_of_it=True)
    told = parsed(lines)
    assert len(told) < 20
    assert counted(told, "agi_connection_refused", kind="token") == gate._refused["token"] == 10_000
    assert counted(told, "agi_connection_refused", kind="route") == 1
    assert logs.flood.withheld - before == 10_000 - 10


def test_a_flood_that_goes_on_is_told_of_once_a_period(lines: io.BytesIO) -> None:
    now = 0.0
    flood = Flood(most=3, period_s=10, clock=lambda: now)
    processors = structlog.get_config()["processors"]
    processors[processors.index(logs.flood)] = flood
    log = structlog.get_logger()
    for second in range(60):
        now = float(second)
        for _ in range(100):
            log.error("journal_away", pbx="pbx1")
    now = 100.0
    flood.tell()
    told = parsed(lines)
    assert counted(told, "journal_away") == 6000
    assert [line["event"] for line in told].count("journal_away") == 6 * 3
    assert [line["count"] for line in told if line["event"] == TOLD] == [997] * 6
    assert all(line["pbx"] == "pbx1" and line["level"] == "warning" for line in told if line["event"] == TOLD)


def test_invented_kinds_fill_no_memory() -> None:
    flood = Flood(most=1)
    passed = 0
    for n in range(5000):
        with contextlib.suppress(structlog.DropEvent):
            flood(None, "warning", {"event": f"odd {n}"})
            passed += 1
    assert len(flood._kinds) <= Flood.MOST_KINDS + 1
    assert passed + flood.withheld == 5000


def test_a_calls_lines_are_not_withheld(lines: io.BytesIO) -> None:
    """500 agents' worth of redirects in ten seconds is a busy centre, not a flood."""
    for n in range(500):
        structlog.get_logger().info("redirect_failed", contact=f"c{n}")
    assert len(parsed(lines)) == 500


def test_a_line_that_is_withheld_costs_less_than_one_that_is_written(lines: io.BytesIO) -> None:
    log = structlog.get_logger()

    def cost_us(count: int, level: str) -> float:
        write = getattr(log, level)
        began = time.thread_time()
        for n in range(count):
            write("contact_offered", contact_id="0190f5a7-0000-7000-8000-000000000000", agent_id="anna", waited_s=n)
        return (time.thread_time() - began) / count * 1e6

    written = min(cost_us(100, "info") for _ in range(5))
    cost_us(20, "warning")
    withheld = min(cost_us(2000, "warning") for _ in range(5))
    print(f"{written:.1f} us a line, {withheld:.1f} us one that is withheld")
    assert withheld < written
