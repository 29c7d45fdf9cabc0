"""Whether flows can be let at callers: no dead end, no node that nobody reaches, no circle without the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from contactd.core.ivr.flow import Flow, Trouble
from contactd.core.ivr.nodes import ENDS, Return, Subflow, ways_out
from contactd.core.ivr.prompts import Sound


def check_flow(flow: Flow, flows: Mapping[str, Flow], *, answers: bool) -> list[Trouble]:
    """What is wrong with the way through this flow. answers: a line leads to it, so there is nobody to return to."""
    if flow.start not in flow.nodes:
        known = f"Give one of {', '.join(flow.nodes)}" if flow.nodes else "Write [nodes.<name>] for each node"
        return [Trouble(("start",), f'there is no node "{flow.start}"', known)]
    lost = list(_lost(flow, flows))
    if lost:
        return lost
    return [*_unreached(flow), *_endless(flow), *_circles(flow), *_returns(flow, answers=answers)]


def missing_sounds(flow: Flow, languages: tuple[str, ...], has: Callable[[str, str], bool]) -> list[Trouble]:
    """has(sound, language): whether the PBX has it."""
    found: list[Trouble] = []
    for (node, key), pieces in flow.pieces.items():
        for sound in dict.fromkeys(piece.name for piece in pieces if isinstance(piece, Sound)):
            without = [language for language in languages if not has(sound, language)]
            if without:
                what = f"the sound {sound} is missing in {', '.join(without)}"
                found.append(Trouble(("nodes", node, key), what, "Record it, or take it out"))
    return found


def called_in_circles(flows: Mapping[str, Flow]) -> list[str]:
    """Flows that call themselves, by whatever others."""
    calls = {
        flow.id: {node.flow for node in flow.nodes.values() if isinstance(node, Subflow)} for flow in flows.values()
    }
    return [flow for flow in calls if flow in _reached(calls[flow], lambda name: calls.get(name, set()))]


def _lost(flow: Flow, flows: Mapping[str, Flow]) -> Iterator[Trouble]:
    for name, node in flow.nodes.items():
        for key, to, _ in ways_out(node):
            if to not in flow.nodes:
                known = f"Give one of {', '.join(flow.nodes)}, or add it"
                yield Trouble(("nodes", name, *key.split(".")), f'there is no node "{to}"', known)
        if isinstance(node, Subflow) and node.flow not in flows:
            known = f"Give one of {', '.join(flows)}, or add its file"
            yield Trouble(("nodes", name, "flow"), f'there is no flow "{node.flow}"', known)


def _unreached(flow: Flow) -> Iterator[Trouble]:
    reached = _reached({flow.start}, lambda name: {to for _, to, _ in ways_out(flow.nodes[name])})
    for name in flow.nodes:
        if name not in reached:
            yield Trouble(("nodes", name), "no caller ever comes here", "Let another node lead to it, or remove it")


def _endless(flow: Flow) -> Iterator[Trouble]:
    """From here no way leads to an end, whatever the caller does."""
    back: dict[str, set[str]] = {name: set() for name in flow.nodes}
    for name, node in flow.nodes.items():
        for _, to, _ in ways_out(node):
            back[to].add(name)
    ends = {name for name, node in flow.nodes.items() if isinstance(node, ENDS)}
    leads = _reached(ends, lambda name: back[name])
    for name in flow.nodes:
        if name not in leads:
            yield Trouble(
                ("nodes", name),
                "a dead end: from here no way leads to a queue, a hang_up or a return",
                "Give the caller a way out",
            )


def _circles(flow: Flow) -> Iterator[Trouble]:
    """A caller who does nothing would go round for ever, and hold a line of the PBX."""
    idle = {name: {to for _, to, pressed in ways_out(node) if not pressed} for name, node in flow.nodes.items()}
    told: set[str] = set()
    for name in flow.nodes:
        if name not in told and name in _reached(idle[name], lambda one: idle[one]):
            ring = {one for one in _reached({name}, lambda one: idle[one]) if name in _reached({one}, idle.__getitem__)}
            told |= ring
            around = ", ".join(sorted(ring))
            yield Trouble(
                ("nodes", name),
                f"a caller who presses nothing goes round for ever: {around}",
                "Let the otherwise of one of them lead out of the circle",
            )


def _returns(flow: Flow, *, answers: bool) -> Iterator[Trouble]:
    for name, node in flow.nodes.items():
        if answers and isinstance(node, Return):
            yield Trouble(
                ("nodes", name),
                "a line leads to this flow, so there is nobody to return to",
                'Give kind = "queue" or kind = "hang_up"',
            )


def _reached(start: set[str], ways: Callable[[str], set[str]]) -> set[str]:
    found = set(start)
    left = list(start)
    while left:
        new = ways(left.pop()) - found
        found |= new
        left.extend(new)
    return found
