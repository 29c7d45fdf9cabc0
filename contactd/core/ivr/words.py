"""A flow's nodes and ways in a few words, for outlines and pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contactd.core.ivr.flow import Flow
from contactd.core.ivr.nodes import Branch, Collect, Menu, Node, Queue, Set, Speak, Subflow, ways_out
from contactd.core.ivr.prompts import Spoken, Text


def in_order(flow: Flow) -> list[str]:
    """Its nodes as a caller may come to them, the nearest first; then what nobody comes to."""
    found = [flow.start] if flow.start in flow.nodes else []
    for name in found:
        found += [to for to in dict.fromkeys(leads(flow, name)) if to not in found]
    return [*found, *(name for name in flow.nodes if name not in found)]


def leads(flow: Flow, name: str) -> list[str]:
    """Where its ways out lead, as far as there is such a node."""
    return [to for _, to, _ in ways_out(flow.nodes[name]) if to in flow.nodes]


def ways(node: Node) -> list[tuple[str, str]]:
    """(when, to) of each way out; when is empty for the only one."""
    told = []
    for key, to, _ in ways_out(node):
        section, _, which = key.partition(".")
        if section == "cases" and isinstance(node, Branch):
            told.append((node.cases[int(which.split(".")[0])].when, to))
        else:
            told.append((which or ("" if section == "next" else section), to))
    return told


def what(flow: Flow, name: str) -> list[str]:
    """What happens there, line by line; empty where the kind says it all."""
    node = flow.nodes[name]
    tell = _TELLS.get(type(node))
    return [*_said(flow, name), *(tell(node) if tell is not None else [])]


def _said(flow: Flow, name: str) -> list[str]:
    """Sounds and values as they are written, texts as they are said in the flow's first language."""
    told = []
    for piece, written in zip(
        flow.pieces.get((name, "prompt"), ()), getattr(flow.nodes[name], "prompt", ()), strict=False
    ):
        parts = flow.texts.get((piece.name, flow.languages[0]), ()) if isinstance(piece, Text) else ()
        words = [part.words if isinstance(part, Spoken) else f"{{{part.how}: {part.name}}}" for part in parts]
        told.append(" ".join(words) if words else written)
    return told


def _collects(node: Collect) -> list[str]:
    keys = f"{node.least}" if node.least == node.most else f"{node.least} to {node.most}"
    wanted = "1 or 2" if node.what == "yes_no" else f"{node.what}, {keys} keys"
    return [f"{node.into}: {wanted}", _asks(node)]


def _queues(node: Queue) -> list[str]:
    needs = [f"{skill} {level}" for skill, level in node.skills.items()]
    needs += [f"rather {node.agent}"] if node.agent else []
    needs += [f"{node.boost_s} s earlier"] if node.boost_s else []
    return [node.queue, *([", ".join(needs)] if needs else [])]


def _asks(node: Menu | Collect) -> str:
    times = "once" if node.tries == 1 else f"{node.tries} times"
    return f"asks {times}, {node.timeout_s} s each"


_TELLS: dict[type, Callable[[Any], list[str]]] = {
    Menu: lambda node: [_asks(node)],
    Collect: _collects,
    Set: lambda node: [f"{name} = {text}" for name, text in node.values.items()],
    Speak: lambda node: [node.language],
    Subflow: lambda node: [node.flow],
    Queue: _queues,
}
