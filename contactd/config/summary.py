"""What contactd check-config tells of a configuration that is right: what was read, and what is worth a look."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from contactd.config.destinations import leads
from contactd.config.files import open_files
from contactd.config.settings import Settings
from contactd.core.agent import Agent
from contactd.core.contact import Contact
from contactd.core.ids import ContactId, QueueId
from contactd.core.ivr.nodes import Subflow
from contactd.core.routing.demand import eligible, target_of

_WIDTH = 100
_INDENT = 12
_MOST = 20


def summary(settings: Settings) -> str:
    opened = open_files(Path(settings.path))
    lines = [f"{settings.path} is right.", ""]
    for number, source in enumerate(opened.sources):
        named = [f"{name} ({len(value)})" if isinstance(value, dict) else name for name, value in source.table.items()]
        lines += _row("" if number else "files", f"{source.name}: {', '.join(named) or 'nothing'}")
    lines += _row("secrets", str(opened.secrets_path()))
    if opened.ignored:
        lines += _row("not read", ", ".join(opened.ignored))
    lines.append("")
    for number, (name, pbx) in enumerate(settings.pbx.items()):
        lines += _row("" if number else "PBXes", f"{name}: {pbx.username} at {pbx.host}:{pbx.port}")
    lines += _row("database", settings.database.dsn)
    lines += _row("listens", ", ".join(_doors(settings)))
    lines += _row("lines", _few(f"{number} = {where}" for number, where in settings.lines.items()))
    lines += _row("calendars", _few(settings.calendars))
    lines += _row("queues", _few(settings.queues))
    lines += _row("menus", _few(settings.menus))
    lines += _row("flows", _few(f"{flow_id} ({len(flow.tests)} tests)" for flow_id, flow in settings.flows.items()))
    lines += _row("agents", f"{len(settings.agents)}: {_few(settings.agents)}")
    lines += _row("sha256", settings.sha256)
    doubts = list(_doubts(settings))
    if doubts:
        lines += ["", "Worth a look:", *(f"  {doubt}" for doubt in doubts)]
    return "\n".join(lines)


def _doors(settings: Settings) -> Iterator[str]:
    yield f"agi {settings.agi.listen}:{settings.agi.port}"
    yield f"audiosocket {settings.audiosocket.listen}:{settings.audiosocket.port}"
    yield f"web {settings.web.listen}:{settings.web.port}"
    yield f"ctl {settings.ctl.socket}"


def _doubts(settings: Settings) -> Iterator[str]:
    """Right, and perhaps not meant."""
    served = {queue for agent in settings.agents.values() for queue in agent.queues}
    for queue, section in settings.queues.items():
        leads_away = section.unstaffed is not None or any(step.go is not None for step in section.steps.values())
        if queue not in served and not leads_away:
            yield f"queues.{queue}: no agent serves it; its callers wait until they hang up"
    yield from _asked_in_vain(settings, served)
    for agent_id, agent in settings.agents.items():
        if not agent.queues and not agent.groups:
            yield f"agents.{agent_id}: serves no queue, and is offered nothing"
    yield from _hours_in_vain(settings)
    called = {table.external for _, table in leads(settings)}
    called |= {agent.remote_number for agent in settings.agents.values()}
    for number in settings.external_numbers:
        if number not in called:
            yield f"external_numbers: no queue sends anybody to {number}, and no agent is there"
    reached = {line.target for line in settings.entries.values() if line.kind == "menu"}
    for menu in settings.menus:
        if menu not in reached:
            yield f"menus.{menu}: no line leads to it"
    nodes = [node for flow in settings.flows.values() for node in flow.nodes.values()]
    led_to = {node.flow for node in nodes if isinstance(node, Subflow)}
    led_to |= {line.target for line in settings.entries.values() if line.kind == "flow"}
    for flow in settings.flows:
        if flow not in led_to:
            yield f"flows.{flow}: no line and no other flow leads to it"


def _hours_in_vain(settings: Settings) -> Iterator[str]:
    """Calendars that nobody follows, or that have no hours at all; and needs that no agent meets."""
    followed = {queue.calendar for queue in settings.queues.values()}
    for calendar_id, calendar in settings.calendars.items():
        if calendar_id not in followed:
            yield f"calendars.{calendar_id}: no queue follows it"
        elif not calendar.hours and all(day.hours == "closed" for day in calendar.special.values()):
            yield f"calendars.{calendar_id}: never open"
    levels: dict[str, int] = {}
    for agent in settings.agents.values():
        for skill, level in agent.skills.items():
            levels[skill] = max(level, levels.get(skill, 0))
    for menu_id, menu in settings.menus.items():
        for key, needs in menu.needs.items():
            for skill, level in needs.skills.items():
                if level > levels.get(skill, 0):
                    yield f"menus.{menu_id}.needs.{key}.skills.{skill}: no agent has it at level {level}"


def _asked_in_vain(settings: Settings, served: set[QueueId]) -> Iterator[str]:
    """Steps of a queue's plan that no agent meets, signed in or not."""
    plan = settings.plan()
    agents = {profile.id: Agent(id=profile.id, profile=profile) for profile in plan.agents}
    for queue in plan.queues:
        for step in range(len(queue.steps) + 1) if queue.id in served else ():
            if step and queue.steps[step - 1].go is not None:
                continue
            waiting = [
                Contact(id=ContactId(""), pbx=pbx, call="", channel="", dnis="", arrived_at=0.0, step=step)
                for pbx in settings.pbx
            ]
            targets = [target_of(queue, contact, agents) for contact in waiting]
            if not any(eligible(agent, target) for agent in agents.values() for target in targets):
                key = f"queues.{queue.id}" + (f".steps.{queue.steps[step - 1].after_s}" if step else "")
                yield f"{key}: no agent has what it asks for"


def _few(names: Iterable[str]) -> str:
    """The first of many; the rest as a number."""
    every = list(names)
    more = [f"and {len(every) - _MOST} more"] if len(every) > _MOST else []
    return ", ".join([*every[:_MOST], *more]) or "none"


def _row(name: str, text: str) -> list[str]:
    first = f"{name:<{_INDENT}}"
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]
