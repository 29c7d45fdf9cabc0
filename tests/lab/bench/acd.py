"""`make bench-acd`: the routing core alone, at the size of a large centre and of one that drowns.

A step is one input: decided, applied, routed, its events encoded as the journal takes them. The mix, after everybody is
waiting: 40 % arrivals and hang-ups, 30 % answers and talks that end, 15 % waits that reach the next step of their
queue's plan, 15 % agents who come back or decline.

The day is made once, step by step; then a floor from its first snapshot takes the same inputs, which is what is timed.
Steps a second are of CPU time, so other load counts less; of each step's three times the shortest counts.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
import tracemalloc

import msgspec

from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.contact import ContactState, Needs
from contactd.core.floor import Floor, LiveFloor
from contactd.core.ids import AgentId, ContactId, Instant, PbxId, QueueId, SkillId, contact_id
from contactd.core.plan import AgentProfile, FloorPlan, QueuePlan, RoutingStep, Strategy
from contactd.core.step import step
from tests.lab.bench.figures import Figures, percentile, say

PBX = PbxId("pbx1")
QUEUES, SKILLS, AGENTS = 100, 200, 2_000
START: Instant = 1_800_000_000.0
SEED = 20260301
RUNS = 3
STRATEGIES = (
    *(Strategy.LONGEST_IDLE,) * 6,
    Strategy.FEWEST_CONTACTS,
    Strategy.BEST_SKILL,
    Strategy.ROUND_ROBIN,
    Strategy.WEIGHTED_RANDOM,
)


def plan(dice: random.Random) -> FloorPlan:
    """Each queue asks for one or two skills and relaxes twice; each agent serves five queues and has ten skills."""
    skills = [SkillId(f"skill{n}") for n in range(SKILLS)]
    queues = []
    for n in range(QUEUES):
        asked = {skill: dice.randint(3, 7) for skill in dice.sample(skills[: SKILLS // 2], dice.randint(1, 2))}
        steps = (RoutingStep(after_s=60, lower_by=3), RoutingStep(after_s=180, skills={}, boost_s=30))
        queues.append(
            QueuePlan(
                id=QueueId(f"queue{n}"),
                skills=asked,
                strategy=STRATEGIES[n % len(STRATEGIES)],
                steps=steps,
                wrap_up_s=0,
                boost_s=dice.choice((0, 0, 0, 30)),
            )
        )
    agents = []
    for n in range(AGENTS):
        served = dice.sample(queues, 5)
        has = {skill: dice.randint(1, 10) for queue in served for skill in queue.skills if dice.random() < 0.8}
        has |= {skill: dice.randint(1, 10) for skill in dice.sample(skills, 6)}
        agents.append(
            AgentProfile(
                id=AgentId(f"agent{n}"),
                pbx=PBX,
                endpoint=str(10_000 + n),
                queues=tuple(queue.id for queue in served),
                skills=has,
            )
        )
    return FloorPlan(sha256="0" * 64, queues=tuple(queues), agents=tuple(agents), default_queue=queues[0].id)


_DNIS = "5000"
_json = msgspec.json.Encoder().encode


class Bag:
    """Who may be picked at random, and leaves at once."""

    def __init__(self) -> None:
        self._items: list[ContactId] = []
        self._where: dict[ContactId, int] = {}

    def add(self, item: ContactId) -> None:
        if item not in self._where:
            self._where[item] = len(self._items)
            self._items.append(item)

    def drop(self, item: ContactId) -> None:
        index = self._where.pop(item, None)
        if index is not None:
            last = self._items.pop()
            if last != item:
                self._items[index] = last
                self._where[last] = index

    def pick(self, dice: random.Random) -> ContactId | None:
        return dice.choice(self._items) if self._items else None


class Centre:
    """A floor at work, and the dice that make its day."""

    def __init__(self, waiting: int) -> None:
        self.dice = random.Random(SEED)
        self.floor = LiveFloor(Floor(epoch=1))
        self.now: Instant = START
        self.calls = 0
        self.said: list[tuple[inp.Input, Instant]] = []
        self.offers = 0
        self.bags = {state: Bag() for state in (ContactState.WAITING, ContactState.OFFERED, ContactState.CONNECTED)}
        self.declined: list[AgentId] = []
        self._open(waiting)

    def _open(self, waiting: int) -> None:
        """Everybody at work; then so many wait that hardly anybody idles."""
        self.put(inp.ConfigurationLoaded(plan=plan(self.dice)))
        handsets = {agent.profile.endpoint: Handset.FREE for agent in self.floor.agents.values()}
        self.put(inp.PbxCompared(pbx=PBX, asked_at=self.now, booted_at=0.0, calls=(), handsets=handsets))
        for agent in list(self.floor.agents):
            self.put(inp.SignInAsked(agent=agent, pin_right=True))
        while len(self.floor.routing.waiting) < waiting:
            self.arrive()
            self.now = round(self.now + 150 / waiting, 6)
            while (contact := self.bags[ContactState.OFFERED].pick(self.dice)) is not None:
                self.answer(contact)
            if (due := self.floor.wake_at()) is not None and due <= self.now:
                self.put(inp.TimePassed())

    def put(self, input_: inp.Input) -> None:
        made = step(self.floor, input_, self.now)
        self.said.append((input_, self.now))
        self.offers += len(made.commands)
        if made.bug is not None:
            raise AssertionError(made.bug)
        for event in made.events:
            self._follow(getattr(event, "contact", None))

    def _follow(self, contact_id: ContactId | None) -> None:
        contact = self.floor.contacts.get(contact_id) if contact_id is not None else None
        for state, bag in self.bags.items():
            if contact is not None and contact.state is state:
                bag.add(contact.id)
            elif contact_id is not None:
                bag.drop(contact_id)

    # --- what happens -------------------------------------------------------------------------------------------------

    def arrive(self) -> None:
        """One in five brings a need of its own: a language, say."""
        self.calls += 1
        call, channel = f"pbx1-{int(self.now)}.{self.calls}", f"PJSIP/trunk-{self.calls:08x}"
        contact = contact_id(PBX, call, self.now)
        dice = self.dice
        self.put(inp.CallArrived(contact=contact, pbx=PBX, call=call, channel=channel, dnis=_DNIS))
        if dice.random() < 0.2:
            skill = SkillId(f"skill{dice.randrange(SKILLS // 2, SKILLS // 2 + 20)}")
            self.put(inp.NeedsAsked(contact=contact, needs=Needs(skills={skill: dice.randint(1, 5)})))
        self._hold(contact, call, channel, QueueId(f"queue{dice.randrange(QUEUES)}"), self.now)

    def _hold(self, contact: ContactId, call: str, channel: str, queue: QueueId | None, since: Instant) -> None:
        self.put(
            inp.CallHeld(contact=contact, pbx=PBX, call=call, channel=channel, dnis=_DNIS, queue=queue, queued_at=since)
        )

    def hang_up(self, contact: ContactId) -> None:
        self.put(inp.CallerHungUp(contact=contact, cause=16))

    def answer(self, contact: ContactId) -> None:
        offer = self.floor.contacts[contact].offer
        if offer is not None:
            self.put(inp.OfferAnswered(contact=contact, offer=offer))

    def end_talk(self, contact: ContactId) -> None:
        offer = self.floor.contacts[contact].offer
        if offer is not None:
            self.put(inp.AgentHungUp(contact=contact, offer=offer))
            self.put(inp.CallerHungUp(contact=contact, cause=16))

    def decline(self, contact: ContactId) -> None:
        known = self.floor.contacts[contact]
        if known.offer is not None and known.agent is not None:
            self.declined.append(known.agent)
            self.put(inp.OfferFailed(contact=contact, offer=known.offer, dial_status="CHANUNAVAIL", cause=21))
            self._hold(contact, known.call, known.channel, known.queue, known.queued_at or self.now)

    def ready(self) -> None:
        if self.declined:
            self.put(inp.ReadyAsked(agent=self.declined.pop(self.dice.randrange(len(self.declined)))))

    def relax(self) -> None:
        due = self.floor.wake_at()
        self.now = max(self.now, due) if due is not None else self.now
        self.put(inp.TimePassed())

    def move(self) -> None:
        """Weights are steps' shares over the steps that each takes; who is answered or declined was offered before."""
        dice = self.dice
        what = dice.choices(
            ("arrive", "hang_up", "answer", "end_talk", "decline", "ready", "relax"),
            (15.6, 5.6, 10.0, 10.0, 5.0, 5.0, 15.0),
        )[0]
        waiting, offered, talking = (
            self.bags[state].pick(dice)
            for state in (ContactState.WAITING, ContactState.OFFERED, ContactState.CONNECTED)
        )
        if what == "arrive":
            self.arrive()
        elif what == "hang_up" and waiting is not None:
            self.hang_up(waiting)
        elif what == "answer" and offered is not None:
            self.answer(offered)
        elif what == "end_talk" and talking is not None:
            self.end_talk(talking)
        elif what == "decline" and offered is not None:
            self.decline(offered)
        elif what == "ready":
            self.ready()
        elif what == "relax":
            self.relax()


def measure(waiting: int, steps: int, suffix: str, into: Figures) -> None:
    say(f"acd: {waiting} waiting, {AGENTS} agents, {QUEUES} queues, {SKILLS} skills")
    centre = Centre(waiting)
    begun = msgspec.msgpack.encode(centre.floor.state)
    centre.said.clear()
    while len(centre.said) < steps:
        centre.move()
    wanted = _frozen(centre.floor)
    spent_s = min(_replay_s(begun, centre.said, wanted) for _ in range(RUNS))
    worst = [min(runs) for runs in zip(*(_each_s(begun, centre.said) for _ in range(RUNS)), strict=True)]
    into.add(f"steps_per_s{suffix}", len(centre.said) / spent_s, "1/s")
    into.add(f"step_p99_us{suffix}", percentile(worst, 99) * 1e6, "us")
    into.add(f"step_max_ms{suffix}", max(worst) * 1e3, "ms")
    into.add(f"offers_per_step{suffix}", centre.offers / len(centre.said), "ratio")


def _replay_s(begun: bytes, said: list[tuple[inp.Input, Instant]], wanted: bytes) -> float:
    """The CPU time of the same day again, on a floor from a snapshot."""
    floor = _restarted(begun)
    began = time.thread_time()
    for input_, at in said:
        for event in step(floor, input_, at).events:
            _json(event)
    spent_s = time.thread_time() - began
    if _frozen(floor) != wanted:
        raise AssertionError("the replay made another floor")
    gc.unfreeze()
    return spent_s


def _each_s(begun: bytes, said: list[tuple[inp.Input, Instant]]) -> list[float]:
    """The time of each step by the wall clock; another process's turn is in one run and not in the others."""
    floor = _restarted(begun)
    took = []
    for input_, at in said:
        began = time.perf_counter()
        for event in step(floor, input_, at).events:
            _json(event)
        took.append(time.perf_counter() - began)
    gc.unfreeze()
    return took


def _restarted(begun: bytes) -> LiveFloor:
    floor = LiveFloor(msgspec.msgpack.decode(begun, type=Floor))
    # As the daemon does it when it begins.
    gc.collect()
    gc.freeze()
    return floor


def _frozen(floor: LiveFloor) -> bytes:
    return msgspec.msgpack.encode(floor.state, order="deterministic")


def bytes_per_waiting(waiting: int) -> float:
    """What the floor and its indexes grow by, with the strings of each call."""
    centre = Centre(0)
    for agent in list(centre.floor.agents):
        centre.put(inp.SignOutAsked(agent=agent))
    centre.bags = {}
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(waiting):
            centre.arrive()
            centre.said.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / waiting
    finally:
        tracemalloc.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.bench.acd", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: no figure means much")
    options = parser.parse_args()
    scale = 10 if options.quick else 1
    figures = Figures()
    measure(10_000 // scale, 100_000 // scale, "", figures)
    measure(100_000 // scale, 100_000 // scale, "_100k", figures)
    figures.add("bytes_per_waiting", bytes_per_waiting(10_000 // scale), "B")
    sys.stdout.write("".join(line + "\n" for line in figures.lines()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
