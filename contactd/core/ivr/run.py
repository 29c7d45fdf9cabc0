"""One caller's way through the flows. Pure: it says what to do next, and is told which key came of it.

``Run.steps()`` is a generator: it yields what the caller is to hear or how long to wait, is sent the key that was
pressed ('' for none), and returns how the flow ended. Whoever carries it out knows nothing of nodes.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from contactd.core.contact import Needs
from contactd.core.errors import ContactdError
from contactd.core.ids import QueueId
from contactd.core.ivr.expressions import Kind, Scope, Value
from contactd.core.ivr.flow import Flow
from contactd.core.ivr.nodes import Branch, Collect, HangUp, Menu, Node, Queue, Return, Say, Set, Speak, Subflow
from contactd.core.ivr.prompts import How, Piece, Said, Sound, Spoken, Text
from contactd.core.ivr.saying import base, pieces

MOST_NODES = 10_000
"""A caller who has passed so many has pressed keys for hours: a machine, or a mistake."""


@dataclass(frozen=True, slots=True)
class Play:
    """A recorded sound. keys: a key ends it, and is the answer."""

    sound: str
    keys: bool


@dataclass(frozen=True, slots=True)
class Pronounce:
    """A value, said in the caller's language."""

    how: How
    value: Value
    keys: bool


@dataclass(frozen=True, slots=True)
class Utter:
    """Words that were spoken when the configuration was read."""

    words: str
    language: str
    keys: bool


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for one key. first: of an answer; else the caller has begun to press."""

    timeout_s: float
    first: bool


@dataclass(frozen=True, slots=True)
class ChangeLanguage:
    language: str


Step = Play | Pronounce | Utter | Listen | ChangeLanguage
Steps = Generator[Step, str, "End"]
_Asking = Generator[Step, str, str]


@dataclass(frozen=True, slots=True)
class ToQueue:
    queue: QueueId
    needs: Needs
    text: bool = False
    """From here on the call's words are text."""
    callback: bool = False
    """The caller wants to be called back."""


@dataclass(frozen=True, slots=True)
class Over:
    """The caller was served, and the call ends."""


End = ToQueue | Over


@dataclass(slots=True)
class Visit:
    """A node that the caller came to. answer: the key of a menu; how the question of another ended."""

    flow: str
    node: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a caller stands. callers: the flows that called, the outermost first, and to which node each goes back."""

    flow: str
    node: str
    callers: tuple[tuple[str, str], ...] = ()


class FlowStuck(ContactdError):
    """The flow leads nowhere, which its check did not see."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Variables before facts. A ChainMap's get() looks through both twice, and a flow does little else."""

    variables: dict[str, Value]
    facts: Scope

    def get(self, name: str, /) -> Value:
        return self.variables[name] if name in self.variables else self.facts.get(name)


@dataclass(slots=True)
class Run:
    """facts: what is known of the call and the queues as it goes on; read anew at each expression."""

    flows: Mapping[str, Flow]
    flow: Flow
    facts: Scope
    variables: dict[str, Value] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    begin: Place | None = None
    """None: at the flow's start. Else a question where the caller stood before, which is asked again."""
    _ahead: str = ""
    """A key that the caller pressed before the question."""
    _callers: list[tuple[str, str]] = field(default_factory=list)

    def way(self) -> tuple[str, ...]:
        """The nodes that the caller came to; those of another flow as ``flow.node``."""
        return tuple(one.node if one.flow == self.flow.id else f"{one.flow}.{one.node}" for one in self.visits)

    def place(self) -> Place:
        """Of the last node that the caller came to."""
        return Place(self.visits[-1].flow, self.visits[-1].node, tuple(self._callers))

    def steps(self) -> Steps:
        scope = _Known(self.variables, self.facts)
        flow, name = self.flow, self.flow.start
        if self.begin is not None:
            flow, name = self.flows[self.begin.flow], self.begin.node
            self._callers = list(self.begin.callers)
        while True:
            if len(self.visits) >= MOST_NODES:
                raise FlowStuck(f"flow {flow.id} went through {MOST_NODES} nodes; run: contactctl flow check")
            node = flow.nodes[name]
            visit = Visit(flow.id, name)
            self.visits.append(visit)
            match node:
                case Queue():
                    needs = Needs(skills=dict(node.skills), preferred_agent=node.agent, boost_s=node.boost_s)
                    return ToQueue(node.queue, needs, text=node.text, callback=node.callback)
                case HangUp():
                    return Over()
                case Return():
                    if not self._callers:
                        return Over()
                    caller, name = self._callers.pop()
                    flow = self.flows[caller]
                case Subflow():
                    self._callers.append((flow.id, node.next))
                    flow = self.flows[node.flow]
                    name = flow.start
                case _:
                    name = yield from self._pass(flow, name, node, visit, scope)

    def _pass(self, flow: Flow, name: str, node: Node, visit: Visit, scope: Scope) -> _Asking:
        """Through one node; returns the next one's name."""
        match node:
            case Say():
                yield from self._say(flow, flow.pieces[name, "prompt"], scope, keys=node.barge_in)
            case Menu():
                return (yield from self._menu(flow, name, node, visit, scope))
            case Collect():
                return (yield from self._collect(flow, name, node, visit, scope))
            case Branch():
                for n, case in enumerate(node.cases):
                    if flow.expressions[name, f"cases.{n}.when"].holds(scope):
                        return case.go
                return node.otherwise
            case Set():
                for variable in node.values:
                    self.variables[variable] = flow.expressions[name, f"values.{variable}"](scope)
            case Speak():
                yield ChangeLanguage(node.language)
                self.variables["language"] = node.language
            case _:
                raise FlowStuck(f"flow {flow.id} has a node of an unknown kind at {name}")
        return node.next

    def _say(self, flow: Flow, prompt: tuple[Piece, ...], scope: Scope, *, keys: bool) -> Generator[Step, str, None]:
        language = _language(flow, scope) if flow.texts else ""
        for piece in prompt:
            for step in self._heard(flow, piece, scope, language, keys=keys):
                if keys and self._ahead:
                    return
                key = yield step
                if keys and key:
                    self._ahead = key

    def _heard(
        self, flow: Flow, piece: Piece | Spoken, scope: Scope, language: str, *, keys: bool
    ) -> Iterator[Play | Pronounce | Utter]:
        match piece:
            case Sound():
                yield Play(piece.name, keys)
            case Spoken():
                yield Utter(piece.words, language, keys)
            case Text():
                for part in flow.texts[piece.name, language]:
                    yield from self._heard(flow, part, scope, language, keys=keys)
            case Said():
                value = scope.get(piece.name)
                words = pieces(piece.how, value, language, flow.currency) if flow.texts else None
                if words is not None:
                    for word in words:
                        yield Utter(word, language, keys)
                elif value is not None:
                    yield Pronounce(piece.how, value, keys)

    def _ask(self, flow: Flow, prompt: tuple[Piece, ...], scope: Scope, timeout_s: float) -> _Asking:
        """The first key: pressed ahead, into the prompt, or after it; '' for none in time."""
        yield from self._say(flow, prompt, scope, keys=True)
        key, self._ahead = self._ahead, ""
        return key or (yield Listen(timeout_s, first=True))

    def _menu(self, flow: Flow, name: str, node: Menu, visit: Visit, scope: Scope) -> _Asking:
        prompt = flow.pieces[name, "prompt"]
        before: tuple[Piece, ...] = ()
        for _ in range(node.tries):
            key = yield from self._ask(flow, before + prompt, scope, node.timeout_s)
            if key in node.keys:
                visit.answer = key
                return node.keys[key]
            before = flow.pieces[name, "wrong" if key else "nothing"]
        visit.answer = "otherwise"
        return node.otherwise

    def _collect(self, flow: Flow, name: str, node: Collect, visit: Visit, scope: Scope) -> _Asking:
        prompt = flow.pieces[name, "prompt"]
        most = 1 if node.what == "yes_no" else node.most
        before: tuple[Piece, ...] = ()
        for _ in range(node.tries):
            key = yield from self._ask(flow, before + prompt, scope, node.timeout_s)
            keys = ""
            while key and key != node.ends_with:
                keys += key
                key = (yield Listen(node.between_s, first=False)) if len(keys) < most else ""
            value = understood(node, keys)
            if value is not None:
                self.variables[node.into] = value
                visit.answer = "next"
                return node.next
            before = flow.pieces[name, "wrong" if keys else "nothing"]
        visit.answer = "otherwise"
        return node.otherwise


def _language(flow: Flow, scope: Scope) -> str:
    """Of the flow's languages the caller's, or its first. Who wants es hears es_MX rather than en."""
    wanted = str(scope.get("language") or "")
    if wanted in flow.languages:
        return wanted
    near = [one for one in flow.languages if base(one) == base(wanted)]
    return near[0] if near else flow.languages[0]


def stands(place: Place, variables: Mapping[str, Value], flow: Flow, flows: Mapping[str, Flow]) -> bool:
    """Whether somebody who stood there can go on: the flows may have been changed meanwhile."""
    there = flows.get(place.flow)
    if there is None or not isinstance(there.nodes.get(place.node), Menu | Collect):
        return False
    if (place.callers[0][0] if place.callers else place.flow) != flow.id:
        return False
    if any(name not in flows or node not in flows[name].nodes for name, node in place.callers):
        return False
    return all(
        name == "language" or _KIND_OF.get(type(value)) is there.variables.get(name)
        for name, value in variables.items()
    )


def understood(node: Collect, keys: str) -> Value:
    """What the keys mean, or None when they are not what is wanted. A date is told as 2026-12-24, a time as 08:30."""
    if node.what == "yes_no":
        return {"1": True, "2": False}.get(keys)
    return _MEANS[node.what](keys, node) if node.least <= len(keys) <= node.most else None


def _date(keys: str, node: Collect) -> str | None:
    found = _DATES[node.order].fullmatch(keys)
    if found is None:
        return None
    year, month, day = (int(found[part]) for part in ("year", "month", "day"))
    right = year >= 1 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
    return f"{year:04}-{month:02}-{day:02}" if right else None


_KIND_OF = {str: Kind.TEXT, bool: Kind.TRUTH, int: Kind.NUMBER, Decimal: Kind.NUMBER}
_AMOUNT = re.compile(r"[0-9]+(\*[0-9]{1,2})?")
_TIME = re.compile(r"([01][0-9]|2[0-3])[0-5][0-9]")
_DATES = {
    "day-month-year": re.compile(r"(?P<day>[0-9]{2})(?P<month>[0-9]{2})(?P<year>[0-9]{4})"),
    "month-day-year": re.compile(r"(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?P<year>[0-9]{4})"),
    "year-month-day": re.compile(r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"),
}
_MEANS: dict[str, Callable[[str, Collect], Value]] = {
    "digits": lambda keys, _: keys if keys.isdecimal() else None,
    "number": lambda keys, _: int(keys) if keys.isdecimal() else None,
    "amount": lambda keys, _: Decimal(keys.replace("*", ".")) if _AMOUNT.fullmatch(keys) else None,
    "date": _date,
    "time": lambda keys, _: f"{keys[:2]}:{keys[2:]}" if _TIME.fullmatch(keys) else None,
}
