"""make call: a real call through the running demo, step by step: menu, queue, an auto-answering handset, two-way
audio, the story in the journal. Exit 0 only if every step was there."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar

from tests.lab.demo import CARD, FOLDER
from tests.lab.phones import PhoneError, Phones
from tests.lab.progress import ROOT, LabError
from tests.lab.stack import LINE

CALLER_HZ, AGENT_HZ = 440, 660
T = TypeVar("T")


class Missing(LabError):
    """A step of the call did not happen."""


async def did(what: str, work: Awaitable[T]) -> T:
    """Print the step with its time, or end with its name."""
    began = time.monotonic()
    print(f"  {what:<58}", end=" ", flush=True)
    try:
        result = await asyncio.wait_for(work, 30)
    except (TimeoutError, AssertionError, PhoneError, LabError) as error:
        print("MISSING")
        raise Missing(f"{what}: {error or 'not within 30 s'}") from error
    print(f"ok  {time.monotonic() - began:6.2f} s")
    return result


async def ctl(card: dict[str, Any], *words: str) -> str:
    argv = [sys.executable, "-m", "contactd.ctl", "--config", card["config"], *words]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, cwd=ROOT, timeout=30)
    if done.returncode:
        raise LabError(f"contactctl {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


async def listed(card: dict[str, Any], what: str, **wanted: str) -> dict[str, Any]:
    """The first row of `contactctl --json WHAT` with these values, once there is one."""
    while True:
        rows = json.loads(await ctl(card, "--json", what))
        for row in rows if isinstance(rows, list) else rows[what]:
            if all(str(row.get(name)) == value for name, value in wanted.items()):
                return dict(row)
        await asyncio.sleep(0.1)


async def story(card: dict[str, Any], contact: str) -> str:
    """`contactctl explain`, once it is told to the end."""
    while True:
        told = await ctl(card, "explain", contact)
        if "handled" in told:
            return told
        await asyncio.sleep(0.2)


async def call(card: dict[str, Any]) -> None:
    person = card["people"][-1]
    async with Phones(card["listen"], card["sip_port"], folder=FOLDER / "phones") as phones:
        print(f"\nAgent {person['id']} on handset {person['number']}, a caller to {LINE}:\n")
        handset = await did(
            f"handset {person['number']} registers",
            phones.handset(person["number"], person["password"], answer="manual", tone_hz=AGENT_HZ),
        )
        await did(f"{person['id']} signs in with *45 and the PIN", _sign_in(card, handset, person))
        caller = await phones.caller(number="0301234567", tone_hz=CALLER_HZ)
        customer = await did(f"the caller dials {LINE} and is answered", _dial(caller))
        await did("the caller hears the menu", _hears_something(customer))
        await did("the caller presses 2: support", customer.dtmf("2"))
        ringing = await did(f"{person['id']}'s handset rings", handset.next_call(20))
        await did("the caller hears music while it rings", _hears_something(customer))
        await did(f"{person['id']} answers", _answer(ringing))
        await did("the agent hears the caller", ringing.hears(CALLER_HZ))
        await did("the caller hears the agent", customer.hears(AGENT_HZ))
        talking = listed(card, "contacts", state="connected", agent=person["id"])
        row = await did("contactctl shows them talking", talking)
        await did("the caller hangs up, the agent's handset is released", _hang_up(customer, ringing))
        await did(f"{person['id']} is in wrap-up", listed(card, "agents", id=person["id"], state="wrap_up"))
        await did(f"{person['id']} is ready again", listed(card, "agents", id=person["id"], state="idle"))
        contact = str(row["id"])
        told = await did("the whole story is in the journal", story(card, contact))
        await did(f"{person['id']} signs out with *46", _code(handset, "*46"))
    print(f"\n{told}")


async def _sign_in(card: dict[str, Any], handset: Any, person: dict[str, str]) -> None:
    await listed(card, "agents", id=person["id"], handset="free")
    dialled = await handset.dial("*45")
    await dialled.wait("confirmed")
    await dialled.dtmf(person["pin"] + "#")
    await dialled.wait("disconnected", 15)
    await listed(card, "agents", id=person["id"], status="ready", handset="free")


async def _code(handset: Any, code: str) -> None:
    dialled = await handset.dial(code)
    await dialled.wait("disconnected", 15)


async def _dial(caller: Any) -> Any:
    dialled = await caller.dial(LINE)
    return await dialled.wait("confirmed")


async def _hears_something(customer: Any) -> None:
    while not await customer.tone(5):  # noqa: ASYNC110 - sound signals nothing
        await asyncio.sleep(0.1)


async def _answer(ringing: Any) -> None:
    await ringing.answer()
    await ringing.wait("confirmed")


async def _hang_up(customer: Any, ringing: Any) -> None:
    await customer.hangup()
    await ringing.wait("disconnected")


def main() -> int:
    try:
        card = json.loads(Path(CARD).read_text())
    except OSError:
        print("lab: no demo is running here: start it with `make run` in another terminal.", file=sys.stderr)
        return 1
    try:
        asyncio.run(call(card))
    except (LabError, PhoneError) as error:
        log = FOLDER / "contactd/contactd.log"
        print(f"\nlab: the call failed. {error}\nThe demo's log is {log}.", file=sys.stderr)
        return 1
    print("The call is complete: every step was there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
