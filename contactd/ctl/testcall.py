"""contactctl testcall: a call through the running system, and its journey step by step.

The PBX plays the caller: a Local channel whose one half walks into [contactd-in] as callers do, and whose other half
listens and presses keys in [contactd-test]. No handset rings unless that is wanted: the dialplan itself ends the call
where one would ([contactd-offer], [contactd-fallback]), so no race can ring one.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contactd.config import Settings
from contactd.core.errors import ContactdError
from contactd.core.events import ContactEnded
from contactd.core.ids import PbxId
from contactd.ctl import explain
from contactd.ctl.ami import Denied, Headers, LoginRefused, Session
from contactd.ctl.exits import Exit
from contactd.ctl.store import NotFound, database
from contactd.store.audit import Entry, Who, audit_act
from contactd.store.reading import Story

ACCOUNT = "contactd-test"
NAME = "contactctl testcall"
_KEYS = re.compile(r"[0-9A-D*#w]{0,40}")
_PLACED_S = 35.0
_JOURNAL_S = 6.0
_POLL_S = 0.2


class NoTestCall(ContactdError):
    """It cannot be placed, and why."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True)
class Plan:
    """What shall happen. listen_s: to hear something; stay_s: after that, and after the keys."""

    pbx: PbxId
    line: str
    leads: str
    keys: str
    ring: bool
    listen_s: int
    stay_s: int


@dataclass(frozen=True, slots=True)
class Step:
    """after_s: since the call was placed. word: stable, for scripts."""

    after_s: float
    word: str
    what: str


@dataclass(slots=True)
class Journey:
    """story: what the journal tells of the contact; None when it does not."""

    plan: Plan
    call: str
    steps: list[Step] = field(default_factory=list)
    story: Story | None = None

    def has(self, word: str) -> bool:
        return any(step.word == word for step in self.steps)

    @property
    def faults(self) -> list[str]:
        """What should have happened and did not; empty for a good call."""
        if not self.has("answered"):
            return ["the line did not answer: is it in [lines], and is the PBX's dialplan joined (contactctl doctor)?"]
        found = []
        if not self.has("heard"):
            found.append("nothing was heard: see the menu's sounds and the music class (contactctl doctor)")
        if self.has("fell_back"):
            found.append("contactd is away or takes no more: the static queue took the call")
        elif not self.has("waiting"):
            found.append("the call came into no queue: see the line's menu, and the key that was pressed")
        if self.story is None:
            found.append("the journal does not know the call: see contactctl status")
        if self.plan.ring and not self.has("talked"):
            found.append("nobody answered: is an agent of the queue ready, and is the handset registered?")
        return found


def plan(
    settings: Settings, line: str | None, keys: str | None, pbx: str | None, *, ring: bool, listen_s: int, stay_s: int
) -> Plan:
    """Raises NoTestCall."""
    if pbx is not None and pbx not in settings.pbx:
        raise NoTestCall(f"There is no PBX {pbx}; give one of {', '.join(settings.pbx)}.")
    lines = {number: entry for number, entry in settings.entries.items() if entry.kind != "echo"}
    if line is None:
        # A menu shows the most.
        line = next(iter(sorted(lines, key=lambda number: lines[number].kind != "menu")), None)
        if line is None:
            raise NoTestCall("There is no line to call: write one into [lines].")
    if line in settings.entries and line not in lines:
        raise NoTestCall(f"{line} is an echo line and no contact: call it from a handset, and hear yourself.")
    if line in settings.emergency_numbers:
        raise NoTestCall(f"{line} is an emergency number: your carrier tells how to test it.")
    entry = lines.get(line)
    if entry is None:
        known = ", ".join(lines) or "none"
        raise NoTestCall(f"{line} is no line of contactd's ({known}); write it into [lines], or give another.")
    if keys is not None and not _KEYS.fullmatch(keys):
        raise NoTestCall("Keys are 0 to 9, A to D, * and #; w waits half a second.")
    if keys is None:
        keys = next(iter(settings.menus[entry.target].choices), "") if entry.kind == "menu" else ""
    where = PbxId(pbx) if pbx else next(iter(settings.pbx))
    return Plan(where, line, f"{entry.kind}:{entry.target}", keys, ring, listen_s, stay_s)


def note(path: Path, tell_daemon: Callable[[str], None], wanted: Plan) -> str:
    """Have it written down who places the call, by the daemon, else in the database. Empty: it is; else why not.

    A call that shall find out what is wrong is not to fail for what is wrong.
    """
    what = f"line {wanted.line} on {wanted.pbx}, {'handsets may ring' if wanted.ring else 'no handset rings'}"
    try:
        tell_daemon(what)
    except ContactdError as first:
        try:
            asyncio.run(_note(path, what))
        except ContactdError as second:
            return f"{first} {second}"
    return ""


async def _note(path: Path, what: str) -> None:
    async with database(path, writes=True) as connection:
        await audit_act(connection, Entry(Who.me(), NAME, "test call", outcome=what))


def place(path: Path, settings: Settings, wanted: Plan, tell: Callable[[Step], None]) -> Journey:
    """Places the call and tells each step as it happens. Raises NoTestCall, PbxUnreachable."""
    section, secret = settings.pbx[wanted.pbx], settings.secrets.pbx[wanted.pbx].test_secret
    if secret is None:
        raise NoTestCall(
            f"contactd's own AMI account cannot place calls, on purpose. Take the account {ACCOUNT} of"
            f" manager_contactd.conf into manager.conf, and its secret as test_secret into [pbx.{wanted.pbx}] of the"
            " secrets file."
        )
    # Ids of our own, in Asterisk's form: so the contact can be found whatever else goes on.
    stem = f"{wanted.pbx}-{int(time.time())}.test{secrets.token_hex(4)}"
    journey = Journey(wanted, call=f"{stem}b")
    try:
        with Session(section.host, section.port, ACCOUNT, secret, events=True) as session:
            _follow(session, journey, stem, tell)
    except (LoginRefused, Denied) as refused:
        raise NoTestCall(
            f"{refused} Compare test_secret with the account {ACCOUNT} in manager_contactd.conf (write = originate),"
            " and: manager reload."
        ) from None
    journey.story = asyncio.run(_story(path, journey.call))
    return journey


def _follow(session: Session, journey: Journey, stem: str, tell: Callable[[Step], None]) -> None:
    wanted = journey.plan
    session.ask(
        "Originate",
        Channel=f"Local/{wanted.line}@contactd-in/n",
        ChannelId=f"{stem}a",
        OtherChannelId=journey.call,
        Context="contactd-test",
        Exten="caller",
        Priority="1",
        CallerID=f'"{NAME}" <testcall>',
        Timeout=str(int((_PLACED_S - 5) * 1000)),
        Async="true",
        Variable=[
            f"__CONTACTD_TEST={'ring' if wanted.ring else 'quiet'}",
            f"CONTACTD_TEST_KEYS={wanted.keys}",
            f"CONTACTD_TEST_LISTEN={wanted.listen_s}",
            f"CONTACTD_TEST_STAY={wanted.stay_s}",
        ],
    )
    began = time.monotonic()
    ours = {f"{stem}a", journey.call}
    seen = 0
    limit_s = _PLACED_S + wanted.listen_s + wanted.stay_s

    def fresh() -> list[Headers]:
        return [event for event in session.events("UserEvent") if event.get("Uniqueid") in ours][seen:]

    while not journey.has("ended"):
        if not session.until(lambda: bool(fresh()), began + limit_s - time.monotonic()):
            break
        for event in fresh():
            seen += 1
            step = _step(event, event["At"] - began, wanted)
            if step is not None:
                journey.steps.append(step)
                tell(step)


_STEPS = {
    ("ContactdTest", "answered"): ("answered", "the line answers"),
    ("ContactdTest", "heard", "NOISE"): ("heard", "something is heard"),
    ("ContactdTest", "heard"): ("silence", "nothing is heard for {listen} s"),
    ("ContactdTest", "pressed"): ("pressed", "pressed {value}"),
    ("ContactdTest", "unrung"): ("offered", "handset {value} would ring now; without --ring the call ends here"),
    ("ContactdTest", "diverted"): (
        "diverted",
        "would be sent elsewhere ({value}); without --ring the call ends here",
    ),
    ("ContactdDivertEnd",): ("back", "the destination did not take the call ({status}): back to the queue"),
    ("ContactdTest", "left"): ("left", "the caller hangs up"),
    ("ContactdTest", "ended"): ("ended", "the call is over"),
    ("ContactdHeld",): ("waiting", "waits in the queue {queue}"),
    ("ContactdFellBack",): ("fell_back", "is in the static queue: contactd does not steer"),
    ("ContactdOfferEnd", "ANSWER"): ("talked", "the agent answered, and has hung up"),
    ("ContactdOfferEnd",): ("refused", "the handset did not answer ({status})"),
}
"""What the dialplan tells, by user event and what says more of it: a stable word, and a sentence."""


def _step(event: Headers, after_s: float, wanted: Plan) -> Step | None:
    kind, value, status = (str(event.get(name, "")) for name in ("UserEvent", "Value", "DialStatus"))
    status = status or str(event.get("Status", ""))
    more = event.get("Step") or status
    found = _STEPS.get((kind, more, value)) or _STEPS.get((kind, more)) or _STEPS.get((kind,))
    if found is None:
        return None
    word, sentence = found
    queue = event.get("Queue") or "of default_queue"
    return Step(after_s, word, sentence.format(value=value, status=status, queue=queue, listen=wanted.listen_s))


async def _story(path: Path, call: str) -> Story | None:
    """What the journal tells, once it tells the end."""
    deadline = time.monotonic() + _JOURNAL_S
    told: Story | None = None
    while True:
        try:
            told, _ = await explain.explain(path, call)
        except NotFound:
            told = None
        except ContactdError:
            return told
        if told is not None and any(isinstance(fact.event, ContactEnded) for fact in told.told):
            return told
        if time.monotonic() > deadline:
            return told
        await asyncio.sleep(_POLL_S)


def settled(journey: Journey) -> Journey:
    """A talk shows in the journal when the caller was the one who hung up: the dialplan then tells no more of it."""
    story = journey.story
    if story is not None and not journey.has("talked") and any(fact.kind == "ContactConnected" for fact in story.told):
        journey.steps.append(Step(journey.steps[-1].after_s, "talked", "an agent answered (from the journal)"))
    return journey


def as_json(journey: Journey) -> dict[str, Any]:
    wanted = journey.plan
    return {
        "line": wanted.line,
        "leads": wanted.leads,
        "keys": wanted.keys,
        "ring": wanted.ring,
        "call": journey.call,
        "contact": journey.story.contact if journey.story else None,
        "steps": [{"after_s": round(step.after_s, 3), "word": step.word, "what": step.what} for step in journey.steps],
        "faults": journey.faults,
    }
