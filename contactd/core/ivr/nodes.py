"""The nodes of a flow, as its file has them. ``kind`` says which one is; what ``next`` and the like name are nodes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from contactd.core.ids import AgentId, QueueId, SkillId

NodeName = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z", description="a node: a small letter, then up to 39 more, digits or _")
]
Variable = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]{0,39}\Z",
        description="a variable: a small letter, then up to 39 small letters, digits or _",
    ),
]
Words = Annotated[
    str, Meta(min_length=1, max_length=200, description='a sound such as "custom/welcome", or "{digits: account}"')
]
Asked = Annotated[str, Meta(min_length=1, max_length=500, description='an expression, such as language == "es"')]
Key = Annotated[str, Meta(pattern=r"^[0-9*#]\Z", description="one key: 0 to 9, * or #")]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?\Z", description='a language, such as "en" or "pt_BR"')]
_Seconds = Annotated[int, Meta(ge=1, le=60, description="seconds, 1 to 60")]
_Tries = Annotated[int, Meta(ge=1, le=10, description="a number of times, 1 to 10")]
_Length = Annotated[int, Meta(ge=1, le=40, description="a number of keys, 1 to 40")]
_Skill = Annotated[SkillId, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}\Z", description="a skill")]
_FlowId = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}\Z", description="a flow: the name of its file")]


class _Node(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """The root of all kinds."""


class Say(_Node, frozen=True, kw_only=True, tag="say"):
    """The caller hears something."""

    prompt: tuple[Words, ...]
    """What is said, piece by piece."""
    barge_in: bool = True
    """A key cuts it short, and counts in the next question."""
    next: NodeName
    """The node that follows."""


class _Question(_Node, frozen=True, kw_only=True):
    prompt: tuple[Words, ...]
    """Said at each try; a key cuts it short."""
    timeout_s: _Seconds = 5
    """The wait for the first key after the prompt."""
    tries: _Tries = 3
    """How often to ask."""
    nothing: tuple[Words, ...] = ()
    """Said before the prompt is said again, to who pressed nothing."""
    wrong: tuple[Words, ...] = ()
    """The same, to who pressed something that cannot be used."""
    otherwise: NodeName
    """After all tries."""


class Menu(_Question, frozen=True, kw_only=True, tag="menu"):
    """One key of several."""

    keys: dict[Key, NodeName]
    """Key = node. The key stands in quotes."""


class Collect(_Question, frozen=True, kw_only=True, tag="collect"):
    """Several keys, checked for what they are wanted to be."""

    what: Literal["digits", "number", "amount", "date", "time", "yes_no"] = "digits"
    """amount: * is the decimal point. date: eight keys. time: four. yes_no: 1 and 2."""
    into: Variable
    """Where it is kept."""
    least: _Length = 1
    """So many keys at least."""
    most: _Length = 20
    """After so many the answer is complete."""
    ends_with: Literal["#", "*", ""] = "#"
    """The key that ends an answer; empty: none does."""
    between_s: _Seconds = 3
    """The wait for each further key."""
    order: Literal["day-month-year", "month-day-year", "year-month-day"] = "day-month-year"
    """Of a date's keys."""
    next: NodeName
    """After an answer that can be used."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    when: Asked
    """True or false."""
    go: NodeName
    """Where it leads when it is true."""


class Branch(_Node, frozen=True, kw_only=True, tag="branch"):
    """The first case that is true."""

    cases: tuple[Case, ...]
    """``{ when = "...", go = "..." }`` for each, asked in this order."""
    otherwise: NodeName
    """When none is true."""


class Set(_Node, frozen=True, kw_only=True, tag="set"):
    """Variables from expressions, in the order of the file."""

    values: dict[Variable, Asked]
    """Variable = expression."""
    next: NodeName
    """The node that follows."""


class Speak(_Node, frozen=True, kw_only=True, tag="language"):
    """From here on the caller hears this language."""

    language: Language
    """As the folder of its sounds is called."""
    next: NodeName
    """The node that follows."""


class Subflow(_Node, frozen=True, kw_only=True, tag="flow"):
    """Another flow, until it returns. It sees and sets the same variables."""

    flow: _FlowId
    """Where it begins."""
    next: NodeName
    """Where the caller comes back to."""


class Return(_Node, frozen=True, kw_only=True, tag="return"):
    """Back to the flow that this one was called from."""


class Queue(_Node, frozen=True, kw_only=True, tag="queue"):
    """The caller waits for an agent, and the flow is over."""

    queue: Annotated[QueueId, Meta(description="a queue")]
    """Where."""
    skills: dict[_Skill, Annotated[int, Meta(ge=1, le=10, description="a level, 1 to 10")]] = {}
    """Skill = the least level that this caller needs beyond the queue's."""
    agent: Annotated[AgentId, Meta(description="an agent")] | None = None
    """Whom the caller prefers."""
    boost_s: Annotated[int, Meta(ge=0, le=86400, description="seconds, 0 to 86400")] = 0
    """The caller goes before those who have waited for up to so much longer."""
    text: bool = False
    """For callers on a text telephone: from here on the call's words are text."""
    callback: bool = False
    """The caller is asked for a number, hangs up, and is called back at the place that the wait in this queue earns."""


class HangUp(_Node, frozen=True, kw_only=True, tag="hang_up"):
    """The caller got what they came for; the call ends."""


Node = Say | Menu | Collect | Branch | Set | Speak | Subflow | Return | Queue | HangUp
KINDS: dict[str, type[Node]] = {str(kind.__struct_config__.tag): kind for kind in Node.__args__}
ENDS = (Queue, HangUp, Return)
"""The flow is over."""


def ways_out(node: Node) -> list[tuple[str, str, bool]]:
    """(the key in the file, the node there, whether the caller did something for it) of each."""
    match node:
        case Menu():
            return [(f"keys.{key}", to, True) for key, to in node.keys.items()] + [("otherwise", node.otherwise, False)]
        case Collect():
            return [("next", node.next, True), ("otherwise", node.otherwise, False)]
        case Branch():
            cases = [(f"cases.{n}.go", case.go, False) for n, case in enumerate(node.cases)]
            return [*cases, ("otherwise", node.otherwise, False)]
        case Say() | Set() | Speak() | Subflow():
            return [("next", node.next, False)]
        case _:
            return []
