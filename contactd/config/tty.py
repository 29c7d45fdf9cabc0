"""What can be wrong with what callers on text telephones read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from contactd.config.problems import Key, Problems
from contactd.config.sections import Line, Sections
from contactd.core.ids import QueueId
from contactd.core.ivr.nodes import Queue, Subflow
from contactd.core.ivr.prompts import sounds_in


def check_tty(sections: Sections, lines: Mapping[str, Line], into: Problems) -> None:
    """Above all: whether there is a text for each sound that such a caller would not hear."""
    tty = sections.tty
    for number in tty.numbers:
        line = lines.get(number)
        if line is None and not into.complained(("lines", number)):
            known = ", ".join(lines) or "a number"
            into.add(("tty", "numbers"), f'"{number}" is no line', f"Add it to [lines], or give one of {known}")
        elif line is not None and line.kind == "echo":
            into.add(("tty", "numbers"), f'"{number}" is the echo line', "Take it out: nobody writes there")
    for key in ("position", "wait"):
        wanted, found = {"position": 1, "wait": 2}[key], getattr(tty, key).count("{}")
        if found != wanted:
            into.add(
                ("tty", key), f"{{}} stands here {found} times", f"Write it {wanted} times, where a number is to be"
            )
    if (
        tty.skill is not None
        and sections.agents
        and not any(tty.skill in one.skills for one in sections.agents.values())
    ):
        what = f'no agent has the skill "{tty.skill}"'
        into.add(("tty", "skill"), what, "Give it to who serves calls of text, or such a call waits for ever")
    # Whose record or tones say it may dial any number; who presses a key has heard what came before.
    read = lines.values() if tty.by_record or tty.by_tones else [lines[one] for one in tty.numbers if one in lines]
    for at, sound in dict.fromkeys(_heard(sections, read)):
        if sound not in tty.texts:
            what = f'callers on text telephones come here, and nothing is to be written in place of the sound "{sound}"'
            into.add(at, what, f'Add "{sound}" = "..." to [tty.texts]')


def _by_key(sections: Sections, but: Collection[str]) -> Iterator[str]:
    """The queues into which callers come who chose text by a key, in a menu or a flow."""
    menus = (
        menu.choices[key]
        for menu in sections.menus.values()
        for key, needs in menu.needs.items()
        if needs.text and key in menu.choices
    )
    nodes = (node for flow in sections.flows.values() for node in flow.nodes.values())
    chosen = (*menus, *(node.queue for node in nodes if isinstance(node, Queue) and node.text))
    yield from (queue for queue in dict.fromkeys(chosen) if queue not in but)


def _heard(sections: Sections, lines: Iterable[Line]) -> Iterator[tuple[Key, str]]:
    """Every sound that callers of these lines may come by, and where it stands."""
    queues: dict[str, None] = {}
    flows: dict[str, None] = {}
    for line in lines:
        if line.kind == "queue":
            queues[line.target] = None
        elif line.kind == "flow":
            flows[line.target] = None
        elif line.kind == "menu" and line.target in sections.menus:
            menu = sections.menus[line.target]
            queues |= dict.fromkeys((*menu.choices.values(), menu.default_choice))
            yield from ((("menus", line.target, "greeting"), sound) for sound in menu.greeting)
            yield from ((("menus", line.target, "prompt"), sound) for sound in menu.prompt)
    left = list(flows)
    while left:
        flow = left.pop()
        nodes = sections.flows[flow].nodes if flow in sections.flows else {}
        for name, node in nodes.items():
            if isinstance(node, Queue):
                queues[node.queue] = None
            elif isinstance(node, Subflow) and node.flow not in flows:
                flows[node.flow] = None
                left.append(node.flow)
            yield from ((("flows", flow, "nodes", name), sound) for sound in sounds_in([node]))
    for queue_id in (*queues, *_by_key(sections, queues)):
        queue = sections.queues.get(QueueId(queue_id))
        if queue is not None:
            yield from ((("queues", queue_id, "welcome"), sound) for sound in queue.welcome)
            for message_id, message in queue.messages.items():
                yield from ((("queues", queue_id, "messages", message_id), sound) for sound in message.sounds)
            if queue.record_announcement is not None:
                yield ("queues", queue_id, "record_announcement"), queue.record_announcement
