"""A floor at work: seeded random walks through core.step, and their events as journal rows."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import asyncpg
import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import AgentState, Handset, Status
from contactd.core.contact import ContactState
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, Instant, PbxId, QueueId, contact_id
from contactd.core.plan import AgentProfile, FloorPlan, QueuePlan
from contactd.core.step import Step, step

PBX = PbxId("pbx1")
START: Instant = 1_800_000_000.0
QUEUES = (QueueId("sales"), QueueId("service"))
Row = tuple[int, Instant, ev.Event]


def plan(agents: int = 4, *, mark: str = "a", wrap_up_s: int = 30) -> FloorPlan:
    return FloorPlan(
        sha256=mark * 64,
        queues=tuple(QueuePlan(id=queue, ring_s=20, wrap_up_s=wrap_up_s) for queue in QUEUES),
        agents=tuple(
            AgentProfile(id=AgentId(f"a{n}"), pbx=PBX, endpoint=f"100{n}", queues=QUEUES) for n in range(agents)
        ),
        default_queue=QUEUES[0],
    )


@dataclass
class Walk:
    """Inputs into a floor; rows holds what happened."""

    floor: LiveFloor = field(default_factory=LiveFloor)
    now: Instant = START
    rows: list[Row] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    calls: int = 0

    def __post_init__(self) -> None:
        self.floor.state.epoch = 1

    def put(self, input_: inp.Input, *, after_s: float = 0.0, at: Instant | None = None) -> list[ev.Event]:
        self.now = round(self.now + after_s, 6)
        when = self.now if at is None else at
        made = step(self.floor, input_, when)
        assert made.bug is None, made.bug
        self.steps.append(made)
        self.rows += [(made.first_seq + n, when, event) for n, event in enumerate(made.events)]
        return made.events

    def open(self, agents: int = 4, **plan_words: int) -> None:
        """Configured, compared, everybody's handset free."""
        self.put(inp.ConfigurationLoaded(plan=plan(agents, **plan_words)))  # type: ignore[arg-type]
        free = {f"100{n}": Handset.FREE for n in range(agents)}
        self.put(inp.PbxCompared(pbx=PBX, asked_at=self.now, booted_at=self.now - 900, calls=(), handsets=free))

    def arrive(self, queue: QueueId | None = None, *, after_s: float = 0.0) -> inp.CallArrived:
        """A call; with a queue it waits there at once."""
        self.calls += 1
        self.now = round(self.now + after_s, 6)
        call = f"pbx1-{int(self.now)}.{self.calls}"
        contact = contact_id(PBX, call, self.now)
        arrived = inp.CallArrived(
            contact=contact, pbx=PBX, call=call, channel=f"PJSIP/trunk-{self.calls:08x}", dnis="5000"
        )
        self.put(arrived)
        if queue is not None:
            self.hold(arrived, queue)
        return arrived

    def hold(self, call: inp.CallArrived, queue: QueueId) -> None:
        self.put(
            inp.CallHeld(
                contact=call.contact,
                pbx=PBX,
                call=call.call,
                channel=call.channel,
                dnis=call.dnis,
                queue=queue,
                queued_at=self.now,
            )
        )

    def wander(self, seed: int, moves: int) -> None:
        """Random callers, agents and handsets; some inputs carry an earlier time, as a PBX's stamps do."""
        dice = random.Random(seed)
        for _ in range(moves):
            self.now = round(self.now + dice.expovariate(0.5), 6)
            at = round(self.now - dice.choice((0, 0, 0, 0.3, 2.0)), 6)
            input_ = self._some_input(dice)
            if input_ is not None:
                self.put(input_, at=at)

    def _some_input(self, dice: random.Random) -> inp.Input | None:  # noqa: PLR0911
        contacts, agents = list(self.floor.contacts.values()), list(self.floor.agents.values())
        what = dice.random()
        if what < 0.2 or not contacts:
            self.arrive(dice.choice((*QUEUES, None)))
            return None
        if what < 0.35:
            return self._agent_input(dice, dice.choice(agents).id)
        if what < 0.4:
            return inp.TimePassed()
        if what < 0.41:
            return inp.ConfigurationLoaded(plan=plan(dice.choice((3, 4, 5)), mark=dice.choice("abc")))
        contact = dice.choice(contacts)
        match contact.state:
            case ContactState.OFFERED if contact.offer is not None:
                if dice.random() < 0.6:
                    return inp.OfferAnswered(contact=contact.id, offer=contact.offer)
                status = dice.choice(("NOANSWER", "BUSY", "CHANUNAVAIL", "CANCEL"))
                return inp.OfferFailed(contact=contact.id, offer=contact.offer, dial_status=status, cause=0)
            case ContactState.CONNECTED if contact.offer is not None and dice.random() < 0.5:
                return inp.AgentHungUp(contact=contact.id, offer=contact.offer, transferred=dice.random() < 0.3)
            case _:
                if dice.random() < 0.5:
                    return inp.CallerHungUp(contact=contact.id, cause=16)
                return inp.CallHeld(
                    contact=contact.id,
                    pbx=PBX,
                    call=contact.call,
                    channel=contact.channel,
                    dnis=contact.dnis,
                    queue=dice.choice(QUEUES),
                    queued_at=self.now,
                )

    def _agent_input(self, dice: random.Random, agent: AgentId) -> inp.Input:
        return dice.choice(
            (
                inp.SignInAsked(agent=agent, pin_right=dice.random() < 0.9),
                inp.SignOutAsked(agent=agent),
                inp.ReadyAsked(agent=agent),
                inp.ReadyAsked(agent=agent),
                inp.NotReadyAsked(agent=agent, reason=dice.choice(("break", "training"))),
            )
        )


async def keep(connection: asyncpg.Connection, rows: list[Row]) -> None:
    """Into the journal, as the appender would."""
    await connection.executemany(
        "INSERT INTO event (floor, seq, at, kind, version, contact, agent, body)"
        " VALUES (1, $1, to_timestamp($2::float8), $3, 1, $4, $5, $6)",
        [
            (
                seq,
                at,
                type(event).__name__,
                getattr(event, "contact", None),
                getattr(event, "agent", None),
                msgspec.json.encode(event).decode(),
            )
            for seq, at, event in rows
        ],
    )


def doing(floor: LiveFloor) -> dict[str, tuple[Status, AgentState, str]]:
    """What each agent is, for comparison with the open spans."""
    return {agent.id: (agent.status, agent.state, agent.reason) for agent in floor.agents.values()}
