"""A flow's nodes and ways in a few words, for outlines and pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contactd.core.ivr.flow import Flow
from contactd.core.ivr.nodes import Branch, Collect, Menu, Node, Queue, Say, Set, Speak, Subflow, ways_out


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


def what(node: Node) -> list[str]:
    """What happens there, line by line; empty where the kind says it all."""
    tell = _TELLS.get(type(node))
    return tell(node) if tell is not None else []


def _collects(node: Collect) -> list[str]:
    keys = f"{node.least}" if node.least == node.most else f"{node.least} to {node.most}"
    wanted = "1 or 2" if node.what == "yes_no" else f"{node.what}, {keys} keys"
    return [*node.prompt, f"{node.into}: {wanted}", _asks(node)]


def _queues(node: Queue) -> list[str]:
    needs = [f"{skill} {level}" for skill, level in node.skills.items()]
    needs += [f"rather {node.agent}"] if node.agent else []
    needs += [f"{node.boost_s} s earlier"] if node.boost_s else []
    return [node.queue, *([", ".join(needs)] if needs else [])]


def _asks(node: Menu | Collect) -> str:
    times = "once" if node.tries == 1 else f"{node.tries} times"
    return f"asks {times}, {node.timeout_s} s each"


_TELLS: dict[type, Callable[[Any], list[str]]] = {
    Say: lambda node: list(node.prompt),
    Menu: lambda node: [*node.prompt, _asks(node)],
    Collect: _collects,
    Set: lambda node: [f"{name} = {text}" for name, text in node.values.items()],
    Speak: lambda node: [node.language],
    Subflow: lambda node: [node.flow],
    Queue: _queues,
}
