"""contactctl webhooks, and what doctor says of them: how each stands, what is dead, retried, dropped, tested."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import pytest

from contactd.ctl import webhooks
from contactd.ctl.doctor.database import judge_hook
from contactd.ctl.doctor.findings import Findings
from contactd.ctl.exits import Exit
from contactd.metrics import HookFigures
from tests.ctl.test_contactctl import contactctl
from tests.engine.journal import fetch
from tests.services.receiver import receiving, says
from tests.worker.test_sending import OPEN, customer, routed, settings_of, until_rows, working

URL = "https://crm.example.org/in"


@pytest.fixture
def options(database: str, tmp_path: Path) -> tuple[str, str]:
    return ("--config", settings_of(tmp_path, database, crm={"url": URL}).path)


async def dead(dsn: str, count: int = 1) -> list[str]:
    for _ in range(count):
        await customer(dsn)
    sql = "UPDATE outbox SET state = 'dead', error = 'HTTP 500 instead of 2xx.', attempts = 9, ended_at = now()"
    await fetch(dsn, sql)
    await fetch(dsn, "UPDATE outbox_destination SET failed = 9, error = 'HTTP 500 instead of 2xx.'")
    return [str(one) for one in await fetch(dsn, "SELECT message::text FROM outbox ORDER BY id")]


def test_the_examples_in_the_code_are_true() -> None:
    assert doctest.testmod(webhooks).failed == 0


async def test_they_are_listed_as_they_stand(database: str, options: tuple[str, str]) -> None:
    first = await contactctl(*options, "webhooks", "list")
    assert (first.code, first.err) == (0, "") and re.search(r"crm +no worker has read it", first.out), first.out
    await routed(database)
    await dead(database, 2)
    await customer(database)
    listed = await contactctl(*options, "webhooks", "list")
    assert re.search(r"crm +no worker +1 .* 2 +0 +9 +HTTP 500", listed.out), listed.out
    await fetch(database, "UPDATE outbox_destination SET gone_at = now()")
    assert "gone (410)" in (await contactctl(*options, "webhooks", "list")).out
    (told,) = json.loads((await contactctl(*options, "--json", "webhooks", "list")).out)
    assert (told["name"], told["queued"], told["dead"], told["configured"]) == ("crm", 1, 2, True)


async def test_dead_ones_are_shown_retried_and_dropped_and_who_did_is_written_down(
    database: str, options: tuple[str, str]
) -> None:
    await routed(database)
    one, other, third = await dead(database, 3)
    shown = await contactctl(*options, "webhooks", "show", "crm", "--state", "dead")
    assert shown.code == 0 and one in shown.out and "customer.added" in shown.out
    whole = await contactctl(*options, "webhooks", "show", one)
    assert whole.code == Exit.DEGRADED and "HTTP 500" in whole.out and '"customer": "' in whole.out
    ran = await contactctl(*options, "webhooks", "retry", one)
    assert (ran.code, ran.out) == (0, "crm: 1 message to be sent again now.\n")
    ran = await contactctl(*options, "webhooks", "drop", other)
    assert (ran.code, ran.out) == (0, "crm: 1 message dropped.\n")
    assert (await contactctl(*options, "webhooks", "drop", other)).code == Exit.REFUSED
    states = "SELECT state FROM outbox ORDER BY id"
    assert await fetch(database, states) == ["queued", "dropped", "dead"]
    assert (await contactctl(*options, "webhooks", "drop", "crm")).out == "crm: 1 message dropped.\n"
    assert (await contactctl(*options, "webhooks", "drop", "crm", "--queued")).out == "crm: 1 message dropped.\n"
    assert (await contactctl(*options, "webhooks", "retry", "crm")).out == "crm: 0 messages to be sent again now.\n"
    assert (await contactctl(*options, "webhooks", "retry", third)).code == 0
    audited = await fetch(database, "SELECT act || ': ' || outcome FROM audit WHERE via = 'contactctl webhooks'")
    assert f"retry webhook: {one}: 1 messages" in audited and "drop webhook: crm: 1 messages" in audited


@pytest.mark.parametrize("what", ["none", "6f0c1c6e-2d3f-4c55-9d7a-0b8f3a0e8d11"])
@pytest.mark.parametrize("act", ["show", "retry", "drop"])
async def test_what_is_not_there_is_told(options: tuple[str, str], act: str, what: str) -> None:
    ran = await contactctl(*options, "webhooks", act, what)
    assert ran.code == Exit.NOT_FOUND and "There is no" in ran.err


async def test_a_test_message_takes_the_way_of_all_and_says_what_became_of_it(database: str, tmp_path: Path) -> None:
    async with receiving() as receiver:
        settings = settings_of(tmp_path, database, crm={"url": receiver.url, "events": ["contact.ended"]})
        config = ("--config", settings.path)
        alone = await contactctl(*config, "webhooks", "test", "crm", "--timeout", "0.1")
        assert alone.code == Exit.DEGRADED and "no worker has tried it yet" in alone.out
        async with working(settings):
            await until_rows(database, OPEN, [0])
            taken = await contactctl(*config, "webhooks", "test", "crm")
            assert taken.code == 0 and "crm took the test message" in taken.out, taken.out
            receiver.reply = lambda _: says("401 No")
            refused = await contactctl(*config, "webhooks", "test", "crm")
            assert refused.code == Exit.DEGRADED and "HTTP 401 instead of 2xx" in refused.out
        assert receiver.types == ["webhook.test"] * 3
        assert (await contactctl(*config, "webhooks", "test", "other")).code == Exit.NOT_FOUND


@pytest.mark.parametrize(
    ("figures", "level", "words"),
    [
        (None, "error", "no worker serves it"),
        (HookFigures(served=True, sent=4), "ok", "4 messages sent"),
        (HookFigures(oldest_s=1000.0), "error", "no worker serves it"),
        (HookFigures(served=True, lag_s=1000.0), "error", "no worker serves it"),
        (HookFigures(served=True, gone=True), "error", "HTTP 410"),
        (HookFigures(served=True, dead=3, error="HTTP 500"), "warning", "3 messages are dead; last error: HTTP 500"),
        (HookFigures(served=True, oldest_s=1000.0), "warning", "has waited for"),
    ],
)
def test_doctor_says_how_it_stands(figures: HookFigures | None, level: str, words: str) -> None:
    found = Findings()
    judge_hook(found.at("database"), "crm", figures)
    (one,) = found.all
    assert (one.level, words in one.what) == (level, True)
