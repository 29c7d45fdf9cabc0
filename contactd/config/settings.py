"""The whole configuration, checked: what load() returns."""

from __future__ import annotations

import hashlib
import hmac
from fnmatch import fnmatchcase
from operator import itemgetter

import msgspec

from contactd.config.destinations import as_destination, leads, minutes_of
from contactd.config.sections import Line, Profile, Queue, Reason, SecretSections, Sections, TimesTable
from contactd.config.speech import spoken_sounds
from contactd.core import announcements as say
from contactd.core.agent import REMOTE
from contactd.core.contact import Needs
from contactd.core.dialling import DialRules, NumberKind
from contactd.core.ids import AgentId, PbxId, QueueId
from contactd.core.ivr.nodes import Queue as QueueNode
from contactd.core.ivr.prompts import sounds_in
from contactd.core.plan import (
    VOICE_ONLY,
    AgentProfile,
    AtClosing,
    CallbackFirst,
    CallbackPlan,
    Capacity,
    FloorPlan,
    Medium,
    MediumLoad,
    QueuePlan,
    ReasonPlan,
    RecordRule,
    RoutingStep,
    Strategy,
)

KEPT = "(kept until a restart)"
"""Beside the files' names: the sections in force that are not those of the files."""


_USUAL_REASONS = {"1": "break", "2": "training"}


class Secrets(SecretSections, frozen=True, kw_only=True):
    """Never logged, never stored, never shown: its text form hides all of it."""

    def __repr__(self) -> str:
        return "Secrets(...)"

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return []


class Settings(Sections, frozen=True, kw_only=True):
    """Sections that fit together, with the secrets beside them."""

    path: str
    """The folder, or the only file."""
    texts: dict[str, str]
    """Every file by its name, with line ends and final newline made uniform."""
    kept: str = ""
    """As TOML, whole sections: what runs on, though the files say something else, until a restart."""
    secrets: Secrets
    entries: dict[str, Line]
    """``lines``, parsed: the dialled number -> where it leads."""

    @property
    def sha256(self) -> str:
        """Names files(): over each name and text, with their lengths, in the order of the names."""
        made = hashlib.sha256()
        for name, text in sorted(self.files().items()):
            for part in (name.encode(), text.encode()):
                made.update(b"%d:%b" % (len(part), part))
        return made.hexdigest()

    def plan(self) -> FloorPlan:
        """What the floor decides by."""
        return FloorPlan(
            sha256=self.sha256,
            queues=tuple(_queue_plan(queue_id, queue) for queue_id, queue in self.queues.items()),
            agents=tuple(
                AgentProfile(
                    id=agent_id,
                    pbx=self.pbx_of(agent_id),
                    endpoint=agent.endpoint or (f"{REMOTE}{agent_id}" if agent.remote_number else ""),
                    queues=agent.queues,
                    groups=agent.groups,
                    skills=agent.skills,
                    weight=agent.weight,
                    record=agent.record,
                    capacity=VOICE_ONLY if agent.profile is None else _capacity(self.profiles[agent.profile]),
                )
                for agent_id, agent in self.agents.items()
            ),
            default_queue=self.default_queue,
            calendars=tuple(self.calendars),
            pin_tries=self.sign_in.pin_tries,
            pin_lock_s=self.sign_in.lock_s,
            handset_tries=self.sign_in.handset_tries,
            reasons=tuple(
                ReasonPlan(id=reason_id, paid=reason.paid, longest_s=reason.longest_s)
                for reason_id, reason in self.why_not_ready.items()
            ),
            sign_out_unregistered_s=self.sign_in.sign_out_unregistered_s,
            sign_out_inactive_s=self.sign_in.sign_out_inactive_s,
            dialling=self.dial_rules,
        )

    @property
    def dial_rules(self) -> DialRules:
        section = self.dialling
        own = (self.customers.country,) if self.customers.country else ()
        return DialRules(
            countries=section.countries or own,
            kinds=tuple(map(NumberKind, section.kinds)),
            earliest_min=minutes_of(section.earliest),
            latest_min=minutes_of(section.latest),
            number_an_hour=section.number_an_hour,
            queue_an_hour=section.queue_an_hour,
            all_an_hour=section.all_an_hour or None,
        )

    def needs_of(self, menu: str) -> dict[str, Needs]:
        """What the callers of a menu need, by the key that they press."""
        return {
            key: Needs(skills=needs.skills, preferred_agent=needs.agent, boost_s=needs.boost_s)
            for key, needs in self.menus[menu].needs.items()
        }

    def files(self) -> dict[str, str]:
        """What config_version keeps: the configuration in force, whole. No secret is in it."""
        return {**self.texts, **({KEPT: self.kept} if self.kept else {})}

    def pbx_of(self, agent: AgentId) -> PbxId:
        """The agent's PBX: the one that is named, else the only one."""
        return self.agents[agent].pbx or next(iter(self.pbx))

    def remotes_of(self, pbx: PbxId) -> dict[str, str]:
        """Of the agents whom this PBX calls at a number outside: the seat, as the floor names it, to the number."""
        return {
            f"{REMOTE}{agent_id}": agent.remote_number
            for agent_id, agent in self.agents.items()
            if agent.remote_number and self.pbx_of(agent_id) == pbx
        }

    def is_shared(self, endpoint: str) -> bool:
        """Whether any agent may sign in at this handset."""
        return any(fnmatchcase(endpoint, pattern) for pattern in self.handsets.shared)

    def agent_of(self, number: str) -> AgentId | None:
        """Whose number was dialled at a desk."""
        return next((agent_id for agent_id, agent in self.agents.items() if agent.number == number), None)

    @property
    def why_not_ready(self) -> dict[str, Reason]:
        """Every reason by its name, from both forms."""
        short = self.sign_in.not_ready_reasons
        if not short and not self.reasons:
            short = _USUAL_REASONS
        return {**{reason: Reason(digits=digits) for digits, reason in short.items()}, **self.reasons}

    @property
    def reason_codes(self) -> dict[str, str]:
        """What an agent dials for a reason, to its name."""
        return {one.digits: reason for reason, one in self.why_not_ready.items() if one.digits is not None}

    @property
    def calls_back(self) -> bool:
        """Whether anything leads a caller to being called back."""
        if any(table.callback for _, table in leads(self)):
            return True
        if any(needs.callback for menu in self.menus.values() for needs in menu.needs.values()):
            return True
        nodes = [node for flow in self.flows.values() for node in flow.nodes.values()]
        return any(isinstance(node, QueueNode) and node.callback for node in nodes)

    @property
    def sounds(self) -> tuple[str, ...]:
        """Every sound of the menus, flows, messages and announcements, once."""
        found = [sound for menu in self.menus.values() for sound in (*menu.greeting, *menu.prompt)]
        found += [queue.record_announcement for queue in self.queues.values() if queue.record_announcement is not None]
        found += [table.message for _, table in leads(self) if table.message is not None]
        for queue in self.queues.values():
            found += (*queue.welcome, *queue.whisper)
            found += [sound for message in queue.messages.values() for sound in message.sounds]
        if any(queue.whisper_wait for queue in self.queues.values()):
            found += ("queue-reporthold", "queue-seconds", "queue-minute", "queue-minutes")
        words = self.announcements
        if any(queue.announce_position is not None for queue in self.queues.values()):
            found += (*words.position_next, *words.position_before, *words.position_after)
        if any(queue.announce_wait is not None for queue in self.queues.values()):
            found += (*words.wait_before, *words.wait_less_than, *words.wait_between)
            found += (*words.wait_minute, *words.wait_minutes)
        if self.calls_back:
            found += (*words.callback_number, *words.callback_keys, *words.callback_enter, *words.callback_wrong)
            found += (*words.callback_taken, *words.callback_whisper)
        found += [sound for flow in self.flows.values() for sound in sounds_in(flow.nodes.values())]
        found += spoken_sounds(self)
        if any(agent.remote_number for agent in self.agents.values()):
            found += ("followme/no-recording", "followme/options")
        return tuple(dict.fromkeys(found))

    def pbx_secret(self, pbx: PbxId) -> str:
        return self.secrets.pbx[pbx].secret

    @property
    def agi_host(self) -> str:
        """The host by which a PBX reaches our FastAGI."""
        return self.agi.advertise or self.agi.listen

    @property
    def audiosocket_host(self) -> str:
        """The host by which a PBX reaches our AudioSocket."""
        return self.audiosocket.advertise or self.audiosocket.listen

    def pin_right(self, agent: AgentId, digits: str) -> bool:
        """Whether these are the agent's PIN, in a time that does not tell how many digits were right."""
        kept = self.secrets.agents.get(agent)
        return kept is not None and hmac.compare_digest(kept.pin.encode(), digits.encode())


def _queue_plan(queue_id: QueueId, queue: Queue) -> QueuePlan:
    steps: list[RoutingStep] = []
    for after_s, step in sorted(((int(after), step) for after, step in queue.steps.items()), key=itemgetter(0)):
        if step.go is not None:
            # Who comes back, since the destination failed, is routed as in the step before.
            before = (
                steps[-1]
                if steps
                else RoutingStep(after_s=0, only_groups=queue.only_groups, also_groups=queue.also_groups)
            )
            steps.append(msgspec.structs.replace(before, after_s=after_s, go=as_destination(step.go)))
            continue
        steps.append(
            RoutingStep(
                after_s=after_s,
                skills=step.skills,
                lower_by=step.lower_by,
                only_groups=step.only_groups,
                also_groups=step.also_groups,
                strategy=Strategy(step.strategy) if step.strategy is not None else None,
                boost_s=step.boost_s,
            )
        )
    return QueuePlan(
        id=queue_id,
        ring_s=queue.ring_s,
        wrap_up_s=queue.wrap_up_s,
        wrap_up_extend_s=queue.wrap_up_extend_s,
        strategy=Strategy(queue.strategy),
        ring_all_most=queue.ring_all_most,
        ring_all_not_ready=queue.ring_all_not_ready,
        skills=queue.skills,
        preferred_skills=queue.preferred_skills,
        only_groups=queue.only_groups,
        also_groups=queue.also_groups,
        boost_s=queue.boost_s,
        sticky_s=queue.sticky_s,
        steps=tuple(steps),
        max_waiting=queue.max_waiting,
        max_estimated_wait_s=queue.max_estimated_wait_s,
        full=as_destination(queue.full),
        unstaffed=as_destination(queue.unstaffed),
        unstaffed_grace_s=queue.unstaffed_grace_s if queue.unstaffed and queue.at_sign_out == "send" else None,
        calendar=queue.calendar,
        at_closing=AtClosing(queue.at_closing),
        closed=as_destination(queue.closed),
        closed_by_hand=as_destination(queue.closed_by_hand),
        ring_back_s=queue.ring_back_s,
        expected_talk_s=queue.expected_talk_s,
        record=RecordRule(queue.record),
        record_announcement=queue.record_announcement or "",
        announcements=_announcements(queue),
        callback=CallbackPlan(
            first=CallbackFirst(queue.callback_first),
            ring_s=queue.callback_ring_s,
            tries=queue.callback_tries,
            retry_s=queue.callback_retry_s,
            expires_s=queue.callback_expires_s,
        ),
    )


def _announcements(queue: Queue) -> say.Announcements | None:
    found = say.Announcements(
        welcome=queue.welcome,
        position=_times(queue.announce_position),
        position_up_to=queue.announce_position.up_to if queue.announce_position is not None else 0,
        wait=_times(queue.announce_wait),
        messages=tuple(
            say.Message(
                id=message_id,
                sounds=message.sounds,
                times=say.Times(after_s=message.after_s, every_s=message.every_s),
            )
            for message_id, message in queue.messages.items()
        ),
    )
    return found if found != say.Announcements() else None


def _times(table: TimesTable | None) -> say.Times | None:
    return None if table is None else say.Times(after_s=table.after_s, every_s=table.every_s)


def _capacity(profile: Profile) -> Capacity:
    return Capacity(
        media={
            Medium(medium): MediumLoad(
                most=load.most, weight=load.weight, interrupts=tuple(map(Medium, load.interrupts))
            )
            for medium, load in profile.media.items()
        },
        own_calls_take_all=profile.own_calls == "all",
    )


def as_settings(
    sections: Sections, secrets: SecretSections, entries: dict[str, Line], path: str, texts: dict[str, str]
) -> Settings:
    kept = Secrets(**msgspec.structs.asdict(secrets))
    return Settings(**msgspec.structs.asdict(sections), secrets=kept, entries=entries, path=path, texts=texts)
