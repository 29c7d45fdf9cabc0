"""A caller in a flow: what the flow wants is said and heard over FastAGI, and what came of it is told to the floor."""

from __future__ import annotations

import functools
from calendar import timegm
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from time import strptime

from contactd.core import inputs as inp
from contactd.core.agent import Status
from contactd.core.contact import IN_LINE
from contactd.core.floor import LiveFloor
from contactd.core.ids import CalendarId, ContactId, Instant, PbxId, QueueId
from contactd.core.ivr.expressions import Value
from contactd.core.ivr.flow import Flow
from contactd.core.ivr.nodes import Collect, Menu
from contactd.core.ivr.prompts import How
from contactd.core.ivr.run import (
    ChangeLanguage,
    End,
    Listen,
    Over,
    Place,
    Play,
    Pronounce,
    Run,
    Step,
    Utter,
    Visit,
    stands,
)
from contactd.core.opening import opening_of
from contactd.core.routing.waits import estimated_wait
from contactd.pbx.agi_session import AgiSession
from contactd.pbx.flow_place import VARIABLE, PlaceKeeper

_KEYS = "0123456789*#"


@dataclass(frozen=True, slots=True)
class Entry:
    """A flow that a line leads to, and all that it may call."""

    flow: Flow
    flows: Mapping[str, Flow]
    file_of: Callable[[str, str], str]
    """Of words in a language, as the PBX plays it."""


async def go_through(
    session: AgiSession,
    entry: Entry,
    contact: ContactId,
    facts: Mapping[str, Value],
    put: Callable[[inp.Input], None],
    keeper: PlaceKeeper,
    left: str = "",
    carry_out: Callable[[Step], Awaitable[str]] | None = None,
) -> End:
    """To the flow's end. put: the way to the floor. left: what keeper left on the channel, of a caller who was here.
    carry_out: does a step in another way than by sounds and keys, and tells the key that came of it.

    Raises what the session raises, with the way so far told.
    """
    if carry_out is None:
        carry_out = functools.partial(_carry_out, session, file_of=entry.file_of)
    run = _again(entry, facts, keeper.opened(session.request.uniqueid, left)) or Run(entry.flows, entry.flow, facts)
    told = 0
    kept = bool(left)

    def tell(*, asks: str = "", served: bool = False) -> None:
        """asks: the question that the caller has just come to, whose answer is told next time."""
        nonlocal told
        upto = len(run.visits) - bool(asks)
        answers = [f"={visit.answer}" if visit.answer else "" for visit in run.visits]
        passed = tuple(place + answer for place, answer in zip(run.way()[told:upto], answers[told:upto], strict=True))
        told = upto
        put(inp.FlowWent(contact=contact, flow=entry.flow.id, passed=passed, asks=asks, served=served))

    await session.answer()
    steps = run.steps()
    asked: Visit | None = None
    try:
        step = next(steps)
        while True:
            here = run.visits[-1]
            if here is not asked and isinstance(entry.flows[here.flow].nodes[here.node], Menu | Collect):
                asked = here
                tell(asks=run.way()[-1])
                place = keeper.sealed(session.request.uniqueid, run.place(), run.variables)
                if place or kept:
                    await session.set_variable(VARIABLE, place)
                kept = bool(place)
            step = steps.send(await carry_out(step))
    except StopIteration as stopped:
        end: End = stopped.value
        tell(served=isinstance(end, Over))
        if kept and not isinstance(end, Over):
            await session.set_variable(VARIABLE, "")
        return end
    except BaseException:
        tell()
        raise


def _again(entry: Entry, facts: Mapping[str, Value], left: tuple[Place, dict[str, Value]] | None) -> Run | None:
    """None: the caller begins anew."""
    if left is None or not stands(*left, entry.flow, entry.flows):
        return None
    place, variables = left
    return Run(entry.flows, entry.flow, facts, variables, begin=place)


async def _carry_out(session: AgiSession, step: Step, file_of: Callable[[str, str], str]) -> str:
    """The key that was pressed; '' for none."""
    match step:
        case Play():
            return await session.stream_file(step.sound, _KEYS if step.keys else "")
        case Utter():
            return await session.stream_file(file_of(step.language, step.words), _KEYS if step.keys else "")
        case Pronounce():
            key = ""
            for command, *words in _said(step.how, step.value):
                key = key or await session.say(command, *words, escape_digits=_KEYS if step.keys else "")
            return key
        case Listen():
            return await session.wait_for_digit(int(step.timeout_s * 1000))
        case ChangeLanguage():
            await session.set_variable("CHANNEL(language)", step.language)
            return ""


def _said(how: How, value: Value) -> Iterator[tuple[str, ...]]:
    """The PBX's own words for a value, in the channel's language: (SAY's kind, the value, what follows the keys)."""
    text = str(value)
    match how:
        case How.NUMBER if isinstance(value, int | Decimal) and value == int(value):
            yield "NUMBER", str(int(value))
        case How.DATE if _at(text, "%Y-%m-%d") is not None:
            yield "DATETIME", str(_at(text, "%Y-%m-%d")), "ABdY", "UTC"
        case How.TIME if _at(f"2001-01-01 {text}", "%Y-%m-%d %H:%M") is not None:
            yield "DATETIME", str(_at(f"2001-01-01 {text}", "%Y-%m-%d %H:%M")), "IMp", "UTC"
        case _:
            digits = "".join(one for one in text if one.isdecimal())
            if digits:
                yield "DIGITS", digits


def _at(text: str, form: str) -> int | None:
    try:
        return timegm(strptime(text, form))
    except ValueError:
        return None


class Facts(Mapping[str, Value]):
    """What a flow may ask for, read from the floor when it asks."""

    def __init__(self, floor: LiveFloor, pbx: PbxId, now: Callable[[], Instant], call: Mapping[str, Value]) -> None:
        self._floor = floor
        self._pbx = pbx
        self._now = now
        self._call = call

    def __getitem__(self, name: str) -> Value:
        if name in self._call:
            return self._call[name]
        kind, _, rest = name.partition(".")
        which, _, what = rest.rpartition(".")
        if kind == "calendar":
            state = self._floor.state.calendars.get(CalendarId(which))
            return state.open if state is not None else None
        return self._queue(QueueId(which), what) if kind == "queue" else None

    def _queue(self, queue: QueueId, what: str) -> Value:
        floor = self._floor
        plan = floor.queues.get(queue)
        if plan is None:
            return None
        serving = [agent for agent in floor.agents.values() if queue in agent.profile.queues]
        value: Value = None
        match what:
            case "open":
                value = opening_of(plan, floor.state.calendars, floor.state.switches).open
            case "waiting":
                value = sum(one.queue == queue and one.state in IN_LINE for one in floor.contacts.values())
            case "agents_signed_in":
                value = sum(agent.status is not Status.SIGNED_OUT for agent in serving)
            case "agents_ready":
                value = sum(agent.id in floor.available for agent in serving)
            case "estimated_wait_s":
                estimate = estimated_wait(floor, queue, self._now(), pbx=self._pbx)
                value = None if estimate is None else round(estimate.median_s)
            case _:
                pass
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._call)

    def __len__(self) -> int:
        return len(self._call)
