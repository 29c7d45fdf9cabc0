"""Where callers go instead of waiting: from the configuration's tables to core's destinations, and what can be wrong.

Whoever adds a key that holds a destination adds it to leads(): from there all of them are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from contactd.config.problems import Key, Problems
from contactd.config.sections import AgentSection, DestinationTable, KeyTable, Queue, Sections
from contactd.core.destination import (
    Destination,
    ToCallback,
    ToExternal,
    ToMailbox,
    ToMenu,
    ToMessage,
    Tone,
    ToQueue,
    ToTone,
    ToVoicemail,
    Way,
)
from contactd.core.dialling import DialRules, Purpose, listed, sentence
from contactd.core.ids import QueueId

KEYS = "keys"
_LONGEST_HOLD = 900
"""AMI takes lines of a thousand characters."""


def as_destination(table: DestinationTable | None) -> Destination | None:
    """table: checked, so that exactly one of its keys is given; None: there is no destination."""
    if table is None:
        return None
    for kind, made in _MADE.items():
        target = getattr(table, kind)
        if target is not None:
            return made(target)
    return ToTone(tone=Tone.BUSY)


_MADE: dict[str, Callable[[Any], Destination]] = {
    "queue": lambda queue: ToQueue(queue=queue),
    "voicemail": lambda box: ToVoicemail(box=box),
    "mailbox": lambda queue: ToMailbox(queue=queue),
    "external": lambda number: ToExternal(number=number),
    "message": lambda sound: ToMessage(sound=sound),
    "callback": lambda _: ToCallback(),
    "hang_up": lambda tone: ToTone(tone=Tone(tone)),
}


def as_way(table: KeyTable) -> Way:
    """table: checked."""
    return ToMenu() if table.menu else as_destination(table) or ToMenu()


def takes_messages(sections: Sections) -> bool:
    """Whether any caller may leave a message that contactd keeps."""
    return any(table.mailbox is not None for _, table in leads(sections))


def leads(sections: Sections) -> Iterator[tuple[Key, DestinationTable]]:
    """Every destination of the configuration, with its key."""
    for queue_id, queue in sections.queues.items():
        for key, table in _of_queue(queue):
            yield ("queues", queue_id, *key), table


def _of_queue(queue: Queue) -> Iterator[tuple[Key, DestinationTable]]:
    if queue.full is not None:
        yield ("full",), queue.full
    if queue.unstaffed is not None:
        yield ("unstaffed",), queue.unstaffed
    if queue.closed is not None:
        yield ("closed",), queue.closed
    if queue.closed_by_hand is not None:
        yield ("closed_by_hand",), queue.closed_by_hand
    for after, step in queue.steps.items():
        if step.go is not None:
            yield ("steps", after, "go"), step.go
    for pressed, way in queue.keys.items():
        yield (KEYS, pressed), way


def minutes_of(clock: str) -> int:
    """
    >>> minutes_of("8:30"), minutes_of("24:00")
    (510, 1440)
    """
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def check_dialling(sections: Sections, into: Problems) -> None:
    """What stands in the configuration to be dialled is asked of the same room as what somebody types."""
    section = sections.dialling
    if not into.complained(("dialling",)) and minutes_of(section.earliest) >= minutes_of(section.latest):
        into.add(("dialling", "latest"), "not after earliest: nobody could ever be called", "Give a later time")
    if not sections.external_numbers:
        return
    # The world's numbering plans take a moment to load, which most commands need not wait for.
    from contactd.numbers import number_of  # noqa: PLC0415

    for number in sections.external_numbers:
        if number in sections.emergency_numbers or number in sections.lines:
            continue  # told where it is used
        refused = listed(number_of(number, sections.customers.country), Purpose.DIVERSION, DialRules())
        if refused is not None:
            what = f"{number} is never dialled: {sentence(refused.why)}"
            into.add(("external_numbers",), what, "Take it out")


def check_destinations(sections: Sections, into: Problems) -> None:
    check_dialling(sections, into)
    for key, table in leads(sections):
        _one_of_them(key, table, into)
        for name, wanted in (("queue", table.queue), ("mailbox", table.mailbox)):
            if wanted and wanted not in sections.queues:
                remedy = f"Give one of {', '.join(sections.queues)}, or add it to [queues]"
                into.add((*key, name), f'there is no queue "{wanted}"', remedy)
        if table.callback is not None:
            _callback(sections, (*key, "callback"), table.callback, into)
        if table.external:
            _external(sections, (*key, "external"), table.external, into)
    _circles(sections, into)
    for queue_id, queue in sections.queues.items():
        _limits(("queues", queue_id), queue, into)
        _keys(("queues", queue_id), queue_id, queue, into)


def _one_of_them(key: Key, table: DestinationTable, into: Problems) -> None:
    kinds = table.__struct_fields__
    given = [kind for kind in kinds if getattr(table, kind) is not None]
    if len(given) > 1:
        into.add(key, f"{' and '.join(given)}, and a caller can go to one only", "Keep one of them")
    elif not given and not into.complained(key):
        into.add(key, "this leads nowhere", f"Give one of {', '.join(kinds)}")


def no_country(sections: Sections) -> tuple[str, str] | None:
    """What is wrong where somebody is to be called back, and the remedy."""
    if sections.dialling.countries or sections.customers.country:
        return None
    remedy = 'Write countries = ["DE"] under [dialling], or country = "DE" under [customers]: yours'
    return "no country's numbers may be called back", remedy


def _callback(sections: Sections, key: Key, wanted: bool, into: Problems) -> None:
    if not wanted:
        if not into.complained(key):
            into.add(key, "this leads nowhere", "Give true, or take it out")
    elif (trouble := no_country(sections)) is not None:
        into.add(key, *trouble)
    queue = sections.queues.get(QueueId(key[1])) if key[0] == "queues" else None
    if queue is not None and queue.callback_first == "agent" and queue.record != "no" and queue.record_announcement:
        what = "a customer who is called back for an agent who waits would not hear record_announcement"
        into.add((*key[:2], "callback_first"), what, 'Give "customer"')


def _external(sections: Sections, key: Key, number: str, into: Problems) -> None:
    if number in sections.emergency_numbers:
        into.add(key, "an emergency number, which nobody is to be sent to", "Give another destination")
    elif number in sections.lines:
        remedy = "Give { queue = ... }, which keeps the caller's place and needs no trunk"
        into.add(key, "a line of contactd's own: the call would go out and come in again", remedy)
    elif number not in sections.external_numbers:
        remedy = f'Write external_numbers = ["{number}"] above all sections, if callers may be sent there at your cost'
        into.add(key, "the number is not among external_numbers", remedy)


def check_remote_number(sections: Sections, key: Key, agent: AgentSection, into: Problems) -> None:
    """An agent's number outside is dialled at the same cost."""
    if agent.endpoint:
        into.add(key, "the agent has a handset as well", "Keep endpoint or remote_number")
    number = agent.remote_number
    if number in sections.emergency_numbers:
        into.add(key, "an emergency number, where no agent is", "Give the agent's own number")
    elif number in sections.lines:
        remedy = "Give the agent's own number"
        into.add(key, "a line of contactd's own: the call would go out and come in again", remedy)
    elif number and number not in sections.external_numbers:
        remedy = (
            f'Write external_numbers = ["{number}"] above all sections, if the agent may be called there at your cost'
        )
        into.add(key, "the number is not among external_numbers", remedy)
    others = [other for other, one in sections.agents.items() if one is not agent and one.remote_number == number]
    if others:
        into.add(key, f"the number of {others[0]} as well", "Give each agent a number of their own")


def _circles(sections: Sections, into: Problems) -> None:
    """Whoever leaves a queue never comes back to it: the wait counts from its beginning, so a step that sent a contact
    away once would do so again at once."""
    ways: dict[QueueId, list[tuple[Key, QueueId]]] = {queue: [] for queue in sections.queues}
    for key, table in leads(sections):
        # A caller who goes in a circle by keys wants to.
        if key[0] == "queues" and key[2] != KEYS and table.queue in ways:
            ways[QueueId(key[1])].append((key, table.queue))
    told: set[QueueId] = set()
    for queue in ways:
        way = _way_back(queue, ways)
        if way and queue not in told:
            told |= {queue, *(to for _, to in way)}
            path = " -> ".join([queue, *(to for _, to in way)])
            remedy = "Take one of these ways out; agents who help in both queues are named by also_groups"
            into.add(way[0][0], f"callers would go in a circle ({path})", remedy)


def _way_back(start: QueueId, ways: dict[QueueId, list[tuple[Key, QueueId]]]) -> list[tuple[Key, QueueId]]:
    """The shortest way from start to start; empty: there is none."""
    seen: set[QueueId] = set()
    paths: list[list[tuple[Key, QueueId]]] = [[way] for way in ways[start]]
    while paths:
        path = paths.pop(0)
        reached = path[-1][1]
        if reached == start:
            return path
        if reached not in seen:
            seen.add(reached)
            paths += [[*path, way] for way in ways[reached]]
    return []


def _keys(at: Key, queue_id: QueueId, queue: Queue, into: Problems) -> None:
    for pressed, table in queue.keys.items():
        if table.menu is False:
            into.add((*at, KEYS, pressed, "menu"), "this leads nowhere", "Give true, or take the key out")
        if table.queue == queue_id:
            into.add((*at, KEYS, pressed, "queue"), "the queue in which the caller waits", "Give another one")
    targets = [getattr(table, kind) for table in queue.keys.values() for kind in DestinationTable.__struct_fields__]
    said = sum(len(sound) + 1 for sound in queue.whisper) + sum(15 + len(str(target)) for target in targets if target)
    if queue.keys and said > _LONGEST_HOLD:
        remedy = "Shorten the names of sounds in whisper, and of messages"
        into.add((*at, KEYS), f"with whisper, more than the PBX takes ({_LONGEST_HOLD} characters)", remedy)


def _limits(at: Key, queue: Queue, into: Problems) -> None:
    limits = [name for name in ("max_waiting", "max_estimated_wait_s") if getattr(queue, name) is not None]
    if limits and queue.full is None:
        what = "nobody says where who is too many goes"
        into.add((*at, limits[0]), what, 'Give full = { message = "..." } as well')
    if queue.full is not None and not limits:
        remedy = "Give max_waiting or max_estimated_wait_s as well, or take this out"
        into.add((*at, "full"), "the queue has no limit, so it is never full", remedy)
    for after, step in queue.steps.items():
        if step.go is None:
            continue
        others = [name for name in step.__struct_fields__ if name != "go" and getattr(step, name) not in (None, 0, ())]
        if others:
            remedy = f"Take out {', '.join(others)}, or write a step of its own for it"
            into.add((*at, "steps", after), "whoever goes elsewhere needs no rule here", remedy)
