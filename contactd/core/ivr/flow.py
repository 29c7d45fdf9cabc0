"""A flow made ready to run: its prompts in pieces, its expressions compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from contactd.core.ivr.expressions import Expression, ExpressionError, Kind, compile_expression
from contactd.core.ivr.nodes import Branch, Collect, Menu, Node, Say, Set
from contactd.core.ivr.prompts import Piece, PromptError, Said, piece_of

_COLLECTED = {"number": Kind.NUMBER, "amount": Kind.NUMBER, "yes_no": Kind.TRUTH}

_QUEUE_FACTS = {
    "open": Kind.TRUTH,
    "waiting": Kind.NUMBER,
    "agents_ready": Kind.NUMBER,
    "agents_signed_in": Kind.NUMBER,
    "estimated_wait_s": Kind.NUMBER,
}
_FACTS = {
    "dialled": Kind.TEXT,
    "language": Kind.TEXT,
    "caller.withheld": Kind.TRUTH,
    "party.known": Kind.TRUTH,
    "party.vip": Kind.TRUTH,
    "party.language": Kind.TEXT,
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong in a flow. key: the path within the flow's file, such as ("nodes", "welcome", "next")."""

    key: tuple[str, ...]
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Flow:
    """What a caller goes through. pieces: by node and key, such as ("choose", "prompt"); expressions likewise."""

    id: str
    start: str
    nodes: Mapping[str, Node]
    pieces: Mapping[tuple[str, str], tuple[Piece, ...]]
    expressions: Mapping[tuple[str, str], Expression]
    variables: Mapping[str, Kind]
    facts: Mapping[str, Kind]


def fact_kinds(queues: Iterable[str], calendars: Iterable[str]) -> dict[str, Kind]:
    """Every fact that a flow may ask for, and its kind."""
    found = dict(_FACTS)
    for queue in queues:
        found |= {f"queue.{queue}.{name}": kind for name, kind in _QUEUE_FACTS.items()}
    return found | {f"calendar.{calendar}.open": Kind.TRUTH for calendar in calendars}


def variables_of(flows: Mapping[str, Mapping[str, Node]], facts: Mapping[str, Kind]) -> dict[str, Kind]:
    """What all flows together set, and of which kind: a subflow's variables are its caller's.

    Where two nodes disagree the first one counts; the other is told when its flow is made.
    """
    found: dict[str, Kind] = {}
    every = [node for nodes in flows.values() for node in nodes.values()]
    for node in every:
        if isinstance(node, Collect):
            found.setdefault(node.into, _COLLECTED.get(node.what, Kind.TEXT))
    sets = [(name, text) for node in every if isinstance(node, Set) for name, text in node.values.items()]
    # A variable may be set from another one that is set further below: go on while there is something new.
    while True:
        before = len(found)
        for name, text in sets:
            if name not in found and (kind := _kind_of(text, {**facts, **found})) is not None:
                found[name] = kind
        if len(found) == before:
            return found


def _kind_of(text: str, names: Mapping[str, Kind]) -> Kind | None:
    try:
        return compile_expression(text, names.get).kind
    except ExpressionError:
        return None


def make_flow(
    flow_id: str,
    start: str,
    nodes: Mapping[str, Node],
    *,
    variables: Mapping[str, Kind],
    facts: Mapping[str, Kind],
) -> tuple[Flow, list[Trouble]]:
    """The flow, and what is wrong with its prompts and expressions; with anything wrong it must not run."""
    maker = _Maker({**facts, **variables})
    for name, node in nodes.items():
        match node:
            case Say():
                maker.prompt(name, "prompt", node.prompt)
            case Menu() | Collect():
                for key in ("prompt", "nothing", "wrong"):
                    maker.prompt(name, key, getattr(node, key))
                if isinstance(node, Collect):
                    maker.into(name, node, variables)
            case Branch():
                for n, case in enumerate(node.cases):
                    maker.expression(name, f"cases.{n}.when", case.when, lambda _: Kind.TRUTH)
            case Set():
                for variable, text in node.values.items():
                    if variable in facts:
                        maker.tell(name, f"values.{variable}", "the name of a fact", "Give the variable another name")
                    maker.expression(name, f"values.{variable}", text, lambda kind, v=variable: variables.get(v, kind))  # type: ignore[misc]
            case _:
                pass
    flow = Flow(flow_id, start, nodes, maker.pieces, maker.expressions, variables, facts)
    return flow, maker.troubles


class _Maker:
    def __init__(self, names: Mapping[str, Kind]) -> None:
        self._names = names
        self.pieces: dict[tuple[str, str], tuple[Piece, ...]] = {}
        self.expressions: dict[tuple[str, str], Expression] = {}
        self.troubles: list[Trouble] = []

    def tell(self, node: str, key: str, what: str, remedy: str) -> None:
        self.troubles.append(Trouble(("nodes", node, *key.split(".")), what, remedy))

    def prompt(self, node: str, key: str, texts: tuple[str, ...]) -> None:
        pieces: list[Piece] = []
        for text in texts:
            try:
                piece = piece_of(text)
            except PromptError as error:
                self.tell(node, key, str(error), "Mend that element")
                continue
            if isinstance(piece, Said) and piece.name not in self._names:
                self.tell(node, key, f'nothing is called "{piece.name}" here', "Give a variable or a fact")
            pieces.append(piece)
        self.pieces[node, key] = tuple(pieces)

    def into(self, node: str, collect: Collect, variables: Mapping[str, Kind]) -> None:
        kind = _COLLECTED.get(collect.what, Kind.TEXT)
        if variables[collect.into] is not kind:
            what = f"{collect.into} is a {variables[collect.into]} elsewhere, and a {kind} here"
            self.tell(node, "into", what, "Give each its own variable")
        if collect.least > collect.most:
            self.tell(node, "least", "more than most", "Give most at least as many keys as least")

    def expression(self, node: str, key: str, text: str, wanted: Callable[[Kind], Kind]) -> None:
        try:
            made = compile_expression(text, self._names.get)
        except ExpressionError as error:
            self.tell(node, key, str(error), "Mend the expression")
            return
        if made.kind is not wanted(made.kind):
            self.tell(node, key, f"a {made.kind} where a {wanted(made.kind)} is wanted", "Mend the expression")
        self.expressions[node, key] = made
