"""A flow tried out without a telephone: what a caller would do, and where it leads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contactd.core.ivr.expressions import Value
from contactd.core.ivr.flow import Flow
from contactd.core.ivr.run import ChangeLanguage, End, Listen, Play, Pronounce, Run, ToQueue, Utter

GONE = "hang up"
NOTHING = "nothing"
HUNG_UP = "caller hung up"


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """ends: ``queue sales``, ``callback sales``, ``hang up``, or ``caller hung up``. heard: every sound, and values as
    ``digits 4711``."""

    ends: str
    heard: tuple[str, ...]
    path: tuple[str, ...]
    variables: Mapping[str, Value]
    left: int
    """What the caller had still meant to do."""


@dataclass(slots=True)
class _Caller:
    """One thing is done at each question: keys, ``nothing`` until the time is over, or ``hang up``."""

    does: list[str]
    keys: list[str] = field(default_factory=list)

    def press(self, *, first: bool) -> str:
        if first:
            now = self.does.pop(0) if self.does else NOTHING
            self.keys = [] if now == NOTHING else list(now)
        return self.keys.pop(0) if self.keys else ""


def rehearse(flow: Flow, flows: Mapping[str, Flow], caller: Iterable[str], facts: Mapping[str, Value]) -> Rehearsed:
    """Goes through the flow as this caller would. Who has nothing more to do presses nothing."""
    run = Run(flows, flow, facts)
    who = _Caller(list(caller))
    heard: list[str] = []
    steps = run.steps()
    ends = ""
    try:
        step = next(steps)
        while True:
            answer = ""
            match step:
                case Play():
                    heard.append(step.sound)
                case Utter():
                    heard.append(step.words)
                case Pronounce():
                    heard.append(f"{step.how} {step.value}")
                case ChangeLanguage():
                    heard.append(f"language {step.language}")
                case Listen():
                    if step.first and who.does[:1] == [GONE]:
                        who.does.pop(0)
                        ends = HUNG_UP
                        break
                    answer = who.press(first=step.first)
            step = steps.send(answer)
    except StopIteration as stopped:
        ends = _named(stopped.value)
    return Rehearsed(ends, tuple(heard), run.way(), run.variables, len(who.does))


def _named(end: End) -> str:
    if not isinstance(end, ToQueue):
        return GONE
    return f"callback {end.queue}" if end.callback else f"queue {end.queue}"
