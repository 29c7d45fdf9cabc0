"""What a flow may ask: comparisons and sums over its variables and over facts, in a safe little language.

The words are Python's, read by Python's own parser; nothing of it is ever run as Python. Every expression has a kind,
found before the flow takes effect, so that a caller never meets one that cannot be worked out. What nobody knows (None)
makes every comparison false and every sum unknown. Languages are compared as language tags are: "de" is also de_AT.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from contactd.core.errors import ContactdError

LONGEST = 500
"""Characters of an expression: enough for any question that a person can still read."""
DEEPEST = 40
"""Nested operations, for evaluating never to meet Python's own limit."""

LANGUAGES = frozenset({"language", "party.language"})
"""Names whose values are language tags, from the flow (de_AT) or from another system (de-AT)."""

Value = str | int | Decimal | bool | None


class Scope(Protocol):
    """What names mean at the moment; None: nobody knows."""

    def get(self, name: str, /) -> Value: ...


class Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth"


class ExpressionError(ContactdError):
    """What is wrong with an expression, as a sentence without a full stop."""


@dataclass(frozen=True, slots=True)
class Expression:
    """text: as written. names: what of the scope it reads."""

    text: str
    kind: Kind
    names: frozenset[str]
    _evaluate: Callable[[Scope], Value]

    def __call__(self, scope: Scope) -> Value:
        return self._evaluate(scope)

    def holds(self, scope: Scope) -> bool:
        """Unknown is not true."""
        return self._evaluate(scope) is True


def compile_expression(text: str, kind_of: Callable[[str], Kind | None]) -> Expression:
    """kind_of: the kind of a name, such as ``balance`` or ``queue.sales.waiting``; None: there is no such name.

    Raises ExpressionError.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"longer than {LONGEST} characters; split it with a set node")
    try:
        parsed = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ExpressionError('not an expression; an example: language == "es" and queue.sales.waiting > 5') from None
    reader = _Reader(kind_of)
    made = reader.read(parsed, 0)
    return Expression(text, made.kind, frozenset(reader.names), made.evaluate)


@dataclass(frozen=True, slots=True)
class _Part:
    """language: its values are language tags."""

    kind: Kind
    evaluate: Callable[[Scope], Value]
    language: bool = False


_SIGNS: dict[type[ast.AST], tuple[str, Callable[[bool, bool], bool]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
_SUMS: dict[type[ast.AST], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


class _Reader:
    """One expression's tree into closures, each over its parts'."""

    def __init__(self, kind_of: Callable[[str], Kind | None]) -> None:
        self._kind_of = kind_of
        self.names: set[str] = set()
        self._readers: dict[type[ast.expr], Callable[[Any, int], _Part]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Attribute: self._name,
            ast.Subscript: self._name,
            ast.BoolOp: self._all_or_any,
            ast.UnaryOp: self._turned,
            ast.BinOp: self._sum,
            ast.Compare: self._compare,
            ast.Call: self._call,
        }

    def read(self, node: ast.expr, depth: int) -> _Part:
        if depth > DEEPEST:
            raise ExpressionError("too deeply nested; split it with a set node")
        reader = self._readers.get(type(node))
        if reader is None:
            raise ExpressionError(
                "something in it is not part of the language: names, texts, numbers, true and false, and or not,"
                " == != < <= > >= in, + - *, length() starts_with() ends_with()"
            )
        return reader(node, depth + 1)

    def _of(self, kind: Kind, node: ast.expr, depth: int) -> Callable[[Scope], Value]:
        part = self.read(node, depth)
        if part.kind is not kind:
            raise ExpressionError(f"a {part.kind} where a {kind} is wanted")
        return part.evaluate

    def _constant(self, node: ast.Constant, _depth: int) -> _Part:
        found: Value
        match node.value:
            case bool():
                kind, found = Kind.TRUTH, node.value
            case str():
                kind, found = Kind.TEXT, node.value
            case int():
                kind, found = Kind.NUMBER, node.value
            case float():
                # As it was written: 0.1 is a tenth.
                kind, found = Kind.NUMBER, Decimal(repr(node.value))
            case _:
                raise ExpressionError("a value is a text in quotes, a number, true or false")
        return _Part(kind, lambda _scope: found)

    def _name(self, node: ast.expr, _depth: int) -> _Part:
        name = _dotted(node)
        if name in ("true", "false"):
            value = name == "true"
            return _Part(Kind.TRUTH, lambda _scope: value)
        kind = self._kind_of(name)
        if kind is None:
            raise ExpressionError(f'nothing is called "{name}" here')
        self.names.add(name)
        return _Part(kind, lambda scope: scope.get(name), language=name in LANGUAGES)

    def _all_or_any(self, node: ast.BoolOp, depth: int) -> _Part:
        truths = [self._of(Kind.TRUTH, one, depth) for one in node.values]
        return _all_or_any(truths, every=isinstance(node.op, ast.And))

    def _turned(self, node: ast.UnaryOp, depth: int) -> _Part:
        match node.op:
            case ast.Not():
                truth = self._of(Kind.TRUTH, node.operand, depth)
                return _Part(Kind.TRUTH, lambda scope: not truth(scope))
            case ast.USub():
                number = self._of(Kind.NUMBER, node.operand, depth)
                return _Part(Kind.NUMBER, lambda scope: _negative(number(scope)))
            case _:
                raise ExpressionError("before a value there may be not and -")

    def _sum(self, node: ast.BinOp, depth: int) -> _Part:
        left, right = self.read(node.left, depth), self.read(node.right, depth)
        one, other = left.evaluate, right.evaluate
        if isinstance(node.op, ast.Add) and left.kind is right.kind is Kind.TEXT:
            return _Part(Kind.TEXT, lambda scope: _joined(one(scope), other(scope)))
        work = _SUMS.get(type(node.op))
        if work is None:
            raise ExpressionError("of sums there are + - and *")
        if left.kind is not Kind.NUMBER or right.kind is not Kind.NUMBER:
            raise ExpressionError(f"a sum of a {left.kind} and a {right.kind}")
        return _Part(Kind.NUMBER, lambda scope: _worked(work, one(scope), other(scope)))

    def _compare(self, node: ast.Compare, depth: int) -> _Part:
        left = self.read(node.left, depth)
        if isinstance(node.ops[0], ast.In | ast.NotIn) and len(node.ops) == 1:
            return self._among(left, node.comparators[0], depth, wanted=isinstance(node.ops[0], ast.In))
        pairs: list[Callable[[Scope], Value]] = []
        for op, other in zip(node.ops, node.comparators, strict=True):
            right = self.read(other, depth)
            sign, holds = _SIGNS.get(type(op), ("", operator.eq))
            if not sign:
                raise ExpressionError("compare with == != < <= > >= or in")
            if left.kind is not right.kind:
                raise ExpressionError(f"a {left.kind} compared with a {right.kind}")
            if sign not in ("==", "!=") and left.kind is Kind.TRUTH:
                raise ExpressionError(f"true and false have no order, so {sign} says nothing")
            if sign in ("==", "!=") and (same := _same(left, right)) is not None:
                holds = same if sign == "==" else _unlike(same)
            pairs.append(_compared(left.evaluate, holds, right.evaluate))
            left = right
        return _all_or_any(pairs, every=True)

    def _among(self, one: _Part, within: ast.expr, depth: int, *, wanted: bool) -> _Part:
        if not isinstance(within, ast.List | ast.Tuple) or not within.elts:
            raise ExpressionError('after "in" comes a list, such as ["1", "2"]')
        parts = [self.read(element, depth) for element in within.elts]
        if any(part.kind is not one.kind for part in parts):
            raise ExpressionError(f"a {one.kind} sought in a list of something else")
        value = one.evaluate
        found = [_compared(value, _same(one, part) or operator.eq, part.evaluate) for part in parts]

        def evaluate(scope: Scope) -> Value:
            return value(scope) is not None and any(holds(scope) for holds in found) is wanted

        return _Part(Kind.TRUTH, evaluate)

    def _call(self, node: ast.Call, depth: int) -> _Part:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _FUNCTIONS or node.keywords:
            raise ExpressionError(f"of functions there are {', '.join(f'{one}()' for one in _FUNCTIONS)}")
        arguments = [self.read(one, depth) for one in node.args]
        takes, gives, work = _FUNCTIONS[name]
        if [one.kind for one in arguments] != list(takes):
            raise ExpressionError(f"{name}() takes {' and '.join(f'a {kind}' for kind in takes)}")
        parts = [one.evaluate for one in arguments]

        def evaluate(scope: Scope) -> Value:
            values = [str(value) for part in parts if (value := part(scope)) is not None]
            return work(values) if len(values) == len(parts) else None

        return _Part(gives, evaluate)


_FUNCTIONS: dict[str, tuple[tuple[Kind, ...], Kind, Callable[[list[str]], Value]]] = {
    "length": ((Kind.TEXT,), Kind.NUMBER, lambda values: len(values[0])),
    "starts_with": ((Kind.TEXT, Kind.TEXT), Kind.TRUTH, lambda values: values[0].startswith(values[1])),
    "ends_with": ((Kind.TEXT, Kind.TEXT), Kind.TRUTH, lambda values: values[0].endswith(values[1])),
}


def _dotted(node: ast.expr) -> str:
    """queue.sales.waiting, or queue["sales-eu"].waiting for an id that is no word of Python's."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_dotted(value)}.{name}"
        case ast.Subscript(value=value, slice=ast.Constant(value=str() as name)):
            return f"{_dotted(value)}.{name}"
        case _:
            raise ExpressionError('a name is written queue.sales.waiting, or queue["sales-eu"].waiting')


def _all_or_any(parts: Iterable[Callable[[Scope], Value]], *, every: bool) -> _Part:
    parts = tuple(parts)
    if every:
        return _Part(Kind.TRUTH, lambda scope: all(part(scope) is True for part in parts))
    return _Part(Kind.TRUTH, lambda scope: any(part(scope) is True for part in parts))


def _same(one: _Part, other: _Part) -> Callable[[Any, Any], bool] | None:
    """How languages are the same; None: neither is one. RFC 4647, 3.3.1: "de" takes in de-AT, not the reverse."""
    if one.language and other.language:
        return lambda left, right: _within(left, right) or _within(right, left)
    if one.language:
        return _within
    return (lambda left, right: _within(right, left)) if other.language else None


def _within(tag: str, wanted: str) -> bool:
    """Whether the tag is the language that is wanted, or one of its kinds."""
    found, sought = (one.replace("-", "_").casefold() for one in (tag, wanted))
    return found == sought or (sought != "" and found.startswith(f"{sought}_"))


def _unlike(same: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: not same(left, right)


def _compared(
    left: Callable[[Scope], Value], holds: Callable[[bool, bool], bool], right: Callable[[Scope], Value]
) -> Callable[[Scope], Value]:
    def evaluate(scope: Scope) -> Value:
        one, other = left(scope), right(scope)
        # The kinds are the same, as was seen when it was compiled; bool only stands for both here.
        return one is not None and other is not None and holds(one, other)  # type: ignore[arg-type]

    return evaluate


def _negative(value: Value) -> Value:
    return None if value is None else -value  # type: ignore[operator]


def _joined(one: Value, other: Value) -> Value:
    return None if one is None or other is None else f"{one}{other}"


def _worked(work: Callable[[Decimal, Decimal], Decimal], one: Value, other: Value) -> Value:
    if one is None or other is None:
        return None
    return work(one, other)  # type: ignore[arg-type]  # int and Decimal mix
