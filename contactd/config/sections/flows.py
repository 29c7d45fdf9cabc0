"""A flow's file: the way of a caller through questions and answers, and rehearsals of it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contactd.core.ivr.nodes import Language, Node, NodeName, Variable

_Does = Annotated[
    str,
    Meta(
        pattern=r"^([0-9*#]{1,40}|nothing|hang up)\Z",
        description='keys such as "2" or "4711#", "nothing", or "hang up"',
    ),
]
_Ends = Annotated[
    str,
    Meta(
        pattern=r"^((queue|callback) [a-z][a-z0-9_-]{0,31}|hang up|caller hung up)\Z",
        description='"queue <id>", "callback <id>", "hang up" or "caller hung up"',
    ),
]
_FactName = Annotated[str, Meta(min_length=1, max_length=100, description="a fact, such as queue.sales.open")]
_FactValue = Annotated[str | int | bool, Meta(description="a text, a whole number, true or false")]


SpokenText = Annotated[
    str, Meta(min_length=1, max_length=2000, description='a text, such as "Your balance is {amount: balance}."')
]


class FlowTest(Struct, frozen=True, kw_only=True):
    """A caller made up, and what must come of it. ``contactctl flow test`` runs all of them, without a PBX."""

    name: Annotated[str, Meta(min_length=1, max_length=120, description="what it shows, in a few words")]
    """Told where it fails."""
    caller: tuple[_Does, ...] = ()
    """What the caller does at each question; then nothing more."""
    facts: dict[_FactName, _FactValue] = {}
    """What is known of the call and the queues. What is not given here nobody knows."""
    ends: _Ends
    """How it must end."""
    hears: tuple[Annotated[str, Meta(min_length=1, max_length=200, description="a sound, or digits 4711")], ...] = ()
    """Among what the caller hears, in this order."""
    passes: tuple[Annotated[str, Meta(min_length=1, max_length=80, description="a node")], ...] = ()
    """Among the nodes that the caller comes to, in this order. One of another flow: ``flow.node``."""
    variables: dict[str, _FactValue] = {}
    """What must have become of them."""


class Flow(Struct, frozen=True, kw_only=True):
    """One file for each flow, in the folder ``flows`` beside this one; its name is the flow's. docs/flows.rst tells
    about nodes, prompts, expressions and tests."""

    start: NodeName
    """Where a caller begins."""
    languages: tuple[Language, ...] = ("en",)
    """Every sound of the flow must be there in each of them."""
    currency: Annotated[Literal["", "EUR", "USD", "GBP", "MXN", "CHF"], Meta(description="a currency, such as EUR")] = (
        ""
    )
    """In which ``{amount: ...}`` is said. Empty: the flow says none."""
    texts: dict[Variable, dict[Language, SpokenText]] = {}
    """``[texts.<name>]`` for each, a text for every language of the flow, said where a prompt has ``{text: <name>}``. A
    voice speaks them when the configuration is read: it needs ``[speech]``."""
    nodes: dict[NodeName, Node]
    """``[nodes.<name>]`` for each: what the caller hears, is asked, and where that leads."""
    tests: tuple[FlowTest, ...] = ()
    """``[[tests]]`` for each. The configuration is refused while one of them fails."""
