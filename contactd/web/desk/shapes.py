"""What the API takes and gives, as types: requests are checked against them, and its description is made from them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

_Name = Annotated[str, Meta(min_length=1, max_length=64)]
_Id = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request brings."""


class Answer(Struct, frozen=True, kw_only=True):
    """What an answer brings."""


class Error(Answer, frozen=True, kw_only=True):
    """A refusal. error: a stable code; message: a sentence for people."""

    error: str
    message: str
    wait_s: float | None = None
    """When trying again may help; of a sign-in that has to wait."""


# --- signing in ---


class SignIn(Body, frozen=True, kw_only=True):
    user: Annotated[str, Meta(min_length=1, max_length=64)]
    password: Annotated[str, Meta(min_length=1, max_length=256)]
    code: Annotated[str, Meta(max_length=16)] | None = None
    """The six digits of the telephone, where the user has a secret for them."""


class SessionView(Answer, frozen=True, kw_only=True):
    user: str
    name: str
    role: str
    rights: list[str]
    agent: str | None
    queues: list[str]
    """What the user sees; empty: all."""
    csrf: str
    """To be sent as X-CSRF-Token with every POST, PUT and DELETE. Empty for a token."""
    language: str


# --- the agent's own ---


class AgentView(Answer, frozen=True, kw_only=True):
    """Times are Unix seconds."""

    id: str
    name: str
    status: str
    reason: str
    reason_label: str
    since: float | None
    pending: bool
    """Asked for in a contact: it takes effect after it."""
    state: str
    handset: str
    """The endpoint; empty: none."""
    handset_state: str
    handset_own: bool
    wrap_up_until: float | None
    overdue: bool


class ReasonView(Answer, frozen=True, kw_only=True):
    id: str
    label: str
    longest_s: int


class HandsetView(Answer, frozen=True, kw_only=True):
    id: str
    own: bool


class Why(Answer, frozen=True, kw_only=True):
    """Why a contact came here."""

    skills: dict[str, int]
    strategy: str
    preferred: bool
    """The agent is the one whom the customer knows."""
    chosen: str
    """What the caller chose in a menu or a flow, as far as it is known."""
    dialled: str
    """Our number, or address."""


class CustomerView(Answer, frozen=True, kw_only=True):
    id: str | None
    name: str | None
    matches: int
    """To how many customers the number belongs; of several nobody guesses."""
    vip: bool
    language: str | None
    verified: str


class ContactView(Answer, frozen=True, kw_only=True):
    id: str
    medium: str
    state: str
    """offered, busy or wrap_up."""
    queue: str | None
    queue_name: str
    since: float
    waited_s: float | None
    why: Why
    customer: CustomerView | None
    number: str | None
    recording: str
    """on, paused or off."""
    text: bool
    callback: bool
    test: bool
    wrap_up_until: float | None
    disposition: str | None
    can: list[str]


class Disposition(Answer, frozen=True, kw_only=True):
    id: str
    label: str


class Me(Answer, frozen=True, kw_only=True):
    """The whole of what an agent's desk shows. Compare (epoch, seq): the greater one is newer."""

    epoch: int
    seq: int
    now: float
    agent: AgentView | None
    reasons: list[ReasonView]
    handsets: list[HandsetView]
    contacts: list[ContactView]
    dispositions: dict[str, list[Disposition]]
    """By queue, of the contacts that are here."""


class QueueLine(Answer, frozen=True, kw_only=True):
    id: str
    name: str
    waiting: int
    oldest_since: float | None
    talking: int
    ready: int
    """Agents who do nothing and are ready."""
    open: bool


class AgentLine(Answer, frozen=True, kw_only=True):
    id: str
    status: str
    reason: str
    state: str
    since: float | None
    handset_state: str
    overdue: bool
    contact: str | None
    queues: list[str]


class Floor(Answer, frozen=True, kw_only=True):
    """Of the user's queues."""

    epoch: int
    seq: int
    now: float
    queues: list[QueueLine]
    agents: list[AgentLine]


class AgentAct(Body, frozen=True, kw_only=True):
    """reason: of not-ready one of the configured; of skills "german=7 cards=3", configured or none."""

    act: Literal["sign-in", "sign-out", "ready", "not-ready", "wrap-up-end", "wrap-up-extend", "skills"]
    reason: Annotated[str, Meta(max_length=1000)] = ""


class StatusAsked(Body, frozen=True, kw_only=True):
    status: Literal["ready", "not_ready", "signed_out"]
    reason: Annotated[str, Meta(max_length=32)] = ""


class HandsetAsked(Body, frozen=True, kw_only=True):
    handset: Annotated[str, Meta(pattern=r"^[0-9A-Za-z_-]{1,32}$")]


class WrapUpAsked(Body, frozen=True, kw_only=True):
    """What came of the contact. In talk it is said beforehand; in wrap-up it also ends that."""

    disposition: Annotated[str, Meta(max_length=32)] | None = None
    """One of dispositions in the view; null: none."""
    notes: Annotated[str, Meta(max_length=10000)] = ""


class Done(Answer, frozen=True, kw_only=True):
    """It is so now."""

    done: str
