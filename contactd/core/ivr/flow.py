"""A flow made ready to run: its prompts in pieces, its expressions compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from contactd.core.ivr.expressions import Expression, ExpressionError, Kind, compile_expression
from contactd.core.ivr.nodes import Branch, Collect, Menu, Node, Say, Set
from contactd.core.ivr.prompts import How, Piece, PromptError, Said, Spoken, Text, piece_of, pieces_of_text
from contactd.core.ivr.saying import vocabulary

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
    languages: tuple[str, ...] = ("en",)
    """The first is that of callers of whom none is known."""
    currency: str = ""
    texts: Mapping[tuple[str, str], tuple[Spoken | Said, ...]] = field(default_factory=dict)
    """By name and language. A flow that has any says values in the same voice."""

    def spoken_texts(self) -> set[tuple[str, str]]:
        """(language, words) of every piece of a text."""
        return {
            (language, one.words)
            for (_, language), text in self.texts.items()
            for one in text
            if isinstance(one, Spoken)
        }

    def to_speak(self) -> set[tuple[str, str]]:
        """Of every file that callers may hear, those of values too."""
        if not self.texts:
            return set()
        every = (*self.pieces.values(), *self.texts.values())
        said = {one.how for prompt in every for one in prompt if isinstance(one, Said)}
        return self.spoken_texts() | {
            (language, word)
            for language in self.languages
            for how in said
            for word in vocabulary(how, language, self.currency)
        }


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
    languages: tuple[str, ...] = ("en",),
    currency: str = "",
    texts: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[Flow, list[Trouble]]:
    """The flow, and what is wrong with its prompts and expressions; with anything wrong it must not run.

    texts: by name and language. currency: in which amounts are said.
    """
    maker = _Maker({**facts, **variables}, languages, currency)
    for name, by_language in (texts or {}).items():
        maker.text(name, by_language)
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
    flow = Flow(
        flow_id, start, nodes, maker.pieces, maker.expressions, variables, facts, languages, currency, maker.texts
    )
    return flow, [*maker.troubles, *maker.unsaid()]


class _Maker:
    def __init__(self, names: Mapping[str, Kind], languages: tuple[str, ...], currency: str) -> None:
        self._names = names
        self._languages = languages
        self._currency = currency
        self._used: set[str] = set()
        self.texts: dict[tuple[str, str], tuple[Spoken | Said, ...]] = {}
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
            if isinstance(piece, Text):
                self._used.add(piece.name)
                if not any(name == piece.name for name, _ in self.texts):
                    self.tell(node, key, f'there is no text "{piece.name}"', f"Write [texts.{piece.name}]")
            pieces.append(piece)
        self.pieces[node, key] = tuple(pieces)

    def text(self, name: str, by_language: Mapping[str, str]) -> None:
        missing = [language for language in self._languages if language not in by_language]
        if missing:
            remedy = f'Give {missing[0]} = "..." as well, or take {missing[0]} out of languages'
            self.troubles.append(Trouble(("texts", name), f"there is none in {', '.join(missing)}", remedy))
        for language, text in by_language.items():
            at = ("texts", name, language)
            if language not in self._languages:
                remedy = f'Write it among languages = ["{self._languages[0]}", ...], or remove the text'
                self.troubles.append(Trouble(at, f"the flow has no language {language}", remedy))
            try:
                pieces = pieces_of_text(text)
            except PromptError as error:
                self.troubles.append(Trouble(at, str(error), "Mend the text"))
                continue
            for piece in pieces:
                if isinstance(piece, Said) and piece.name not in self._names:
                    what = f'nothing is called "{piece.name}" here'
                    self.troubles.append(Trouble(at, what, "Give a variable or a fact"))
            self.texts[name, language] = pieces

    def unsaid(self) -> list[Trouble]:
        """What nobody would say: texts that no prompt has, and amounts of no currency."""
        found = [
            Trouble(("texts", name), "no prompt says it", f'Write "{{text: {name}}}" in one, or remove it')
            for name in dict.fromkeys(name for name, _ in self.texts)
            if name not in self._used
        ]
        every = [one for prompt in (*self.pieces.values(), *self.texts.values()) for one in prompt]
        if not self._currency and any(isinstance(one, Said) and one.how is How.AMOUNT for one in every):
            found.append(Trouble(("currency",), "amounts are said, of nobody knows what", 'Give currency = "EUR"'))
        return found

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
