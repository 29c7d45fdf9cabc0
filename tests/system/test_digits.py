"""Digits, PINs, keys and secrets: everything that was written down, on both sides, is searched for them.

With contactd's log and Asterisk's at their most talkative. What Asterisk itself shows whatever the dialplan does stands
in docs/security.rst, and is looked for here as well: the paper is wrong when it is not there any more.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from tests.lab.stack import Person
from tests.system.centre import Centre

PIN, WRONG_PIN = "8306172954", "7719284436"
CARD = "453957876"
"""What a caller types in a talk and while waiting."""
LOGGER = """
[logfiles](+)
full.log => notice,warning,error,verbose(10),debug
dtmf.log => dtmf
"""


class Ear:
    """Another session of contactd's own account: what its events carry."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self._task: asyncio.Task[None] | None = None

    async def listen(self, port: int, secret: str) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._writer.write(f"Action: Login\r\nUsername: contactd\r\nSecret: {secret}\r\n\r\n".encode())

        async def run() -> None:
            while data := await reader.read(1 << 16):
                self.heard += data

        self._task = asyncio.create_task(run())

    def stop(self) -> str:
        assert self._task is not None
        self._task.cancel()
        self._writer.close()
        return self.heard.decode()


async def test_no_digit_and_no_secret_is_written_anywhere(tmp_path: Path) -> None:
    people = [Person("anna", "1001", "handset-anna", PIN), Person("bilal", "1002", "handset-bilal", "5550001117")]
    queues = {"sales": (5, 0), "support": (5, 0)}
    async with Centre(
        tmp_path, people=people, queues=queues, log_level="debug", cel=True, extra_conf={"logger.conf": LOGGER}
    ) as centre:
        pbx, daemon = centre.stack.asterisk, centre.stack.daemon
        for command in ("core set verbose 10", "core set debug 10"):
            pbx.cli(command)
        key = re.findall(r"CONTACTD_KEY=(\S+)", pbx.cli("dialplan show globals"))[0]
        ear = Ear()
        await ear.listen(pbx.ami_port, pbx.ami_secret)
        waiting = await centre.dial("5001")
        await centre.until_queued(1)
        await asyncio.gather(
            centre.code("bilal", "*45", WRONG_PIN + "#"), centre.code("anna", "*45", PIN + "#"), waiting.dtmf(CARD)
        )
        await centre.until_fact("AgentRefused", agent="bilal")
        at_anna = await (await centre.handsets["anna"].next_call()).wait("confirmed")
        call = await centre.dial("5000")
        await asyncio.gather(call.dtmf("2"), waiting.dtmf(CARD))
        await at_anna.hangup()
        chosen = await centre.until_fact("MenuChosen")
        await waiting.hangup()
        await call.hangup()
        await centre.until_ended(2)
        said = [daemon.metrics(), pbx.cli("core show channels verbose"), ear.stop()]
        for words in (("status",), ("agents",), ("queues",), ("contacts",), ("--json", "contacts", "--past", "5")):
            said.append(daemon.ctl(*words, check=False).stdout)
        said.append(daemon.ctl("explain", chosen.body["contact"], check=False).stdout)
        tables = centre.psql(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        said += ["\n".join(centre.psql(f"SELECT t::text FROM {table} t")) for table in tables]
        raw = [path.read_bytes() for path in (daemon.folder / "state").rglob("*") if path.is_file()]
        log = daemon.log.read_text()
    assert chosen.body["choice"] == "2"  # the key of a menu is a fact; it says what was chosen
    assert len(ear.heard) > 1_000 and len(tables) > 8 and any(b"ContactArrived" in data for data in raw)
    logs = {path.name: path.read_text(errors="replace") for path in (pbx.folder / "log").rglob("*") if path.is_file()}
    assert len(logs["full.log"]) > 100_000
    for secret in (PIN, WRONG_PIN, CARD, key, pbx.ami_secret, centre.stack._password, "handset-anna"):
        assert secret not in log
        assert not [number for number, text in enumerate(said) if secret in text]
        assert not any(secret.encode() in data or secret.encode().hex().encode() in data for data in raw)
    for digits in (PIN, WRONG_PIN, CARD, pbx.ami_secret):
        assert not [name for name, text in logs.items() if digits in text]
    assert not re.search(r"DTMF|digit\W+\d", log)
    _asterisk_shows_what_the_paper_says(logs, key)


def _asterisk_shows_what_the_paper_says(logs: dict[str, str], key: str) -> None:
    """And nothing else."""
    with_key = {
        re.sub(key, "KEY", line.split(": ", 1)[-1])[:40] for line in logs["full.log"].splitlines() if key in line
    }
    assert {re.split(r"[( ]", line)[0] for line in with_key} == {"Setting", "Function"}, with_key
    # At the level of a log that people keep, only when it is set.
    told = [line for line in logs["messages.log"].splitlines() if key in line]
    assert told and all("Setting global variable 'CONTACTD_KEY'" in line for line in told)
    assert not re.search("DTMF (begin|end|Frame)", logs["messages.log"])
    for name, shown in (
        ("dtmf.log", r"DTMF end '(\d)' received on PJSIP/1001"),
        ("full.log", r"END DTMF Frame: \d+ \((\d)\)"),
    ):
        assert _in_order(PIN, re.findall(shown, logs[name])), name
    assert _in_order(PIN, re.findall(r'""?digit""?:""?(\d)', logs["Master.csv"]))


def _in_order(digits: str, shown: list[str]) -> bool:
    """Among those of other calls."""
    rest = iter(shown)
    return all(digit in rest for digit in digits)
