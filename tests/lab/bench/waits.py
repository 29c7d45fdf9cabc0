"""`python -m tests.lab.bench.waits`: how good the estimated wait is, over calls that really happened.

CONTACTD_TEST_DATA names a folder with `bank-calls-*.csv.gz`: the calls of a bank in August 1999 (Technion's anonymous
bank). Their arrivals, talks, agents and the patience of who gave up are replayed over a floor, day by day; without the
folder a made day serves. Each wait that begins is estimated, and held against what it became, beside Asterisk's formula
(the mean of past waits, and half a minute) and the naive one (place times mean talk by agents).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path
from statistics import fmean

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Handset, Status
from contactd.core.commands import RingAgent
from contactd.core.contact import ContactState, Estimate
from contactd.core.floor import Floor, LiveFloor
from contactd.core.ids import AgentId, ContactId, Instant, PbxId, QueueId, contact_id
from contactd.core.plan import AgentProfile, FloorPlan, QueuePlan
from contactd.core.routing.waits import estimated_wait
from contactd.core.step import Step, step
from tests.lab.bench.figures import Figures, percentile, ratio, say

PBX = PbxId("pbx1")
DAY: Instant = 1_800_000_000.0
RING_S, WRAP_UP_S = 4.0, 10
SEED = 19990801


@dataclass(frozen=True, slots=True)
class Call:
    """at: seconds of the day. patience_s: so long the caller waits."""

    at: float
    queue: QueueId
    talk_s: float
    patience_s: float


@dataclass(frozen=True, slots=True)
class Shift:
    agent: AgentId
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Day:
    name: str
    calls: tuple[Call, ...]
    shifts: tuple[Shift, ...]
    serves: dict[AgentId, tuple[QueueId, ...]]


@dataclass(slots=True)
class Wait:
    """One wait that was estimated as it began; seconds."""

    estimate: Estimate | None
    naive_s: float
    asterisk_s: float
    waited_s: float = 0.0
    answered: bool = False
    """False: the caller gave up."""


# --- days -----------------------------------------------------------------------------------------------------------


def bank_days(folder: Path, staff: float) -> Iterator[Day]:
    """staff: the share of the agents who come to work."""
    path = next(iter(sorted(folder.glob("bank-calls-*.csv.gz"))))
    days: dict[str, list[dict[str, str]]] = defaultdict(list)
    with gzip.open(path, "rt", newline="") as lines:
        for row in csv.DictReader(lines):
            days[row["date"]].append(row)
    for name, rows in sorted(days.items()):
        yield _bank_day(name, rows, random.Random(f"{SEED}{name}"), staff)


def _bank_day(name: str, rows: Sequence[dict[str, str]], dice: random.Random, staff: float) -> Day:
    talks: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row["outcome"] == "AGENT" and int(row["ser_time"]) > 0:
            talks[row["type"]].append(float(row["ser_time"]))
    calls, work = [], defaultdict(list)
    served: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        queued = int(row["q_time"]) > 0
        answered = row["outcome"] == "AGENT" and int(row["ser_time"]) > 0
        if answered and row["server"] != "NO_SERVER":
            work[row["server"]].append((_seconds(row["ser_start"]), _seconds(row["ser_exit"])))
            served[row["server"]][row["type"]] += 1
        if row["outcome"] == "PHANTOM" or not (queued or answered) or not talks[row["type"]]:
            continue
        talk_s = float(row["ser_time"]) if answered else dice.choice(talks[row["type"]])
        patience_s = float(row["q_time"])
        if answered:
            # How long they would have waited nobody knows; as the others, from then on.
            patience_s += dice.expovariate(1 / 600)
        at = _seconds(row["q_start"] if queued else row["ser_start"])
        calls.append(Call(at, QueueId(row["type"].lower()), talk_s, max(1.0, patience_s)))
    shifts, serves = [], {}
    for server, times in sorted(work.items()):
        agent = AgentId(server.lower())
        queues = tuple(QueueId(kind.lower()) for kind, count in sorted(served[server].items()) if count >= 3)
        if queues and dice.random() < staff:
            serves[agent] = queues
            shifts += [Shift(agent, begins, ends) for begins, ends in _stretches(times)]
    return Day(name, tuple(sorted(calls, key=lambda call: call.at)), tuple(shifts), serves)


def _stretches(times: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Times at work: half an hour without a call is a break."""
    found: list[tuple[float, float]] = []
    for begins, ends in sorted(times):
        if found and begins - found[-1][1] < 1800:
            found[-1] = (found[-1][0], max(ends, found[-1][1]))
        else:
            found.append((begins, ends))
    return found


def _seconds(clock: str) -> float:
    hours, minutes, seconds = map(int, clock.split(":"))
    return hours * 3600.0 + minutes * 60.0 + seconds


def made_day(hours: float = 4, agents: int = 8, load: float = 0.97, seed: int = SEED) -> Day:
    """Two queues that half of the agents share; talks lognormal with a median of two minutes."""
    dice = random.Random(seed)
    queues = (QueueId("ps"), QueueId("ne"))
    serves = {AgentId(f"agent{n}"): queues if n % 2 else (queues[n // 2 % 2],) for n in range(agents)}
    calls, at = [], 0.0
    while at < hours * 3600:
        at += dice.expovariate(load * agents / (200 + RING_S + WRAP_UP_S))
        talk_s = max(5.0, dice.lognormvariate(4.79, 1.0))
        calls.append(Call(at, dice.choice(queues), talk_s, dice.expovariate(1 / 900)))
    shifts = tuple(Shift(agent, 0.0, hours * 3600 + 3600) for agent in serves)
    return Day("made", tuple(calls), shifts, serves)


# --- the replay -----------------------------------------------------------------------------------------------------


@dataclass
class Replay:
    """One floor through the days; what it has learnt stays."""

    days: Sequence[Day]
    floor: LiveFloor = field(default_factory=lambda: LiveFloor(Floor(epoch=1)))
    now: Instant = DAY
    waits: list[Wait] = field(default_factory=list)
    events: int = 0

    def __post_init__(self) -> None:
        self._agenda: list[tuple[Instant, int, Callable[[], None]]] = []
        self._entries = 0
        self._calls: dict[ContactId, Call] = {}
        self._waits: dict[ContactId, Wait] = {}
        self._hold_s: dict[str, float] = defaultdict(float)
        """As app_queue keeps it: three quarters of the old value and one of the new."""

    def run(self) -> list[Wait]:
        for number, day in enumerate(self.days):
            self._open(day)
            begins = DAY + 86400.0 * number
            for shift in day.shifts:
                self._at(begins + shift.begins, lambda agent=shift.agent: self._come(agent))
                self._at(begins + shift.ends, lambda agent=shift.agent: self._leave(agent))
            for call in day.calls:
                self._at(begins + call.at, lambda call=call: self._arrive(call))
            while self._agenda:
                due = self.floor.wake_at()
                if due is not None and due <= self._agenda[0][0]:
                    self.now = max(self.now, due)
                    self._put(inp.TimePassed())
                    continue
                at, _, happens = heappop(self._agenda)
                self.now = max(self.now, at)
                happens()
            for contact in list(self.floor.contacts):
                self._put(inp.CallerHungUp(contact=contact, cause=16))
        return self.waits

    def _open(self, day: Day) -> None:
        queues = sorted({call.queue for call in day.calls} | {q for served in day.serves.values() for q in served})
        agents = tuple(
            AgentProfile(id=agent, pbx=PBX, endpoint=str(1001 + n), queues=served)
            for n, (agent, served) in enumerate(sorted(day.serves.items()))
        )
        plan = FloorPlan(
            sha256=f"{len(day.name):x}" * 64,
            queues=tuple(QueuePlan(id=queue, wrap_up_s=WRAP_UP_S) for queue in queues),
            agents=agents,
            default_queue=queues[0],
        )
        self._put(inp.ConfigurationLoaded(plan=plan))
        handsets = {agent.endpoint: Handset.FREE for agent in agents}
        self._put(inp.PbxCompared(pbx=PBX, asked_at=self.now, booted_at=0.0, calls=(), handsets=handsets))

    def _at(self, at: Instant, happens: Callable[[], None]) -> None:
        self._entries += 1
        heappush(self._agenda, (at, self._entries, happens))

    def _put(self, input_: inp.Input) -> Step:
        made = step(self.floor, input_, round(self.now, 6))
        if made.bug is not None:
            raise AssertionError(made.bug)
        self.events += len(made.events)
        for command in made.commands:
            if isinstance(command, RingAgent):
                answer = inp.OfferAnswered(contact=command.contact, offer=command.offer)
                self._at(self.now + RING_S, lambda answer=answer: self._answered(answer))
        return made

    # --- people -------------------------------------------------------------------------------------------------------

    def _come(self, agent: AgentId) -> None:
        self._put(inp.SignInAsked(agent=agent, pin_right=True))

    def _leave(self, agent: AgentId) -> None:
        self._put(inp.SignOutAsked(agent=agent))

    def _arrive(self, call: Call) -> None:
        number = f"{PBX}-{int(self.now)}.{len(self._calls)}"
        contact = contact_id(PBX, number, self.now)
        self._calls[contact] = call
        channel = f"PJSIP/trunk-{len(self._calls):08x}"
        self._put(inp.CallArrived(contact=contact, pbx=PBX, call=number, channel=channel, dnis="5000"))
        estimate = estimated_wait(self.floor, call.queue, self.now, pbx=PBX)
        wait = Wait(estimate, self._naive_s(call.queue), self._hold_s[call.queue] + 30.0)
        self._put(
            inp.CallHeld(
                contact=contact,
                pbx=PBX,
                call=number,
                channel=channel,
                dnis="5000",
                queue=call.queue,
                queued_at=round(self.now, 6),
            )
        )
        if self.floor.contacts[contact].state is ContactState.WAITING:
            self.waits.append(wait)
        self._waits[contact] = wait
        self._at(self.now + call.patience_s, lambda: self._give_up(contact))

    def _naive_s(self, queue: QueueId) -> float:
        """Everybody's place in this queue, times the mean talk, by the agents signed in who serve it."""
        serving = [agent for agent in self.floor.agents.values() if queue in agent.profile.queues]
        agents = sum(agent.status is not Status.SIGNED_OUT for agent in serving)
        line = sum(c.queue == queue and c.state is ContactState.WAITING for c in self.floor.contacts.values())
        learnt = self.floor.state.learnt.get(queue)
        talk_s = learnt.talks.mean_s(180) if learnt is not None else 180.0
        return (line + 1) * talk_s / max(1, agents)

    def _give_up(self, contact: ContactId) -> None:
        known = self.floor.contacts.get(contact)
        if known is not None and known.connected_at is None:
            self._waits[contact].waited_s = self.now - known.arrived_at
            self._put(inp.CallerHungUp(contact=contact, cause=16))

    def _answered(self, answer: inp.OfferAnswered) -> None:
        for event in self._put(answer).events:
            if isinstance(event, ev.ContactConnected) and event.waited_s is not None:
                self._waits[event.contact].waited_s = event.waited_s
                self._waits[event.contact].answered = True
                call = self._calls[event.contact]
                self._hold_s[call.queue] = 0.75 * self._hold_s[call.queue] + 0.25 * event.waited_s
                self._at(self.now + call.talk_s, lambda contact=event.contact: self._hang_up(contact))

    def _hang_up(self, contact: ContactId) -> None:
        self._put(inp.CallerHungUp(contact=contact, cause=16))


# --- figures --------------------------------------------------------------------------------------------------------


def measure(waits: Sequence[Wait], into: Figures) -> None:
    known = [(wait.estimate, wait, wait.waited_s) for wait in waits if wait.estimate and wait.answered]
    into.add("waits", len(known), "n")
    into.add("wait_unknown", sum(wait.estimate is None for wait in waits), "n")
    waited = [waited_s for _, _, waited_s in known]
    into.add("waited_median", percentile(waited, 50), "s")
    into.add("waited_p90", percentile(waited, 90), "s")
    into.add("range_holds", ratio(sum(e.low_s <= s <= e.high_s for e, _, s in known), len(known)), "ratio")
    into.add("range_too_low", ratio(sum(s > e.high_s for e, _, s in known), len(known)), "ratio")
    into.add("range_too_high", ratio(sum(s < e.low_s for e, _, s in known), len(known)), "ratio")
    into.add("longer_than_median", ratio(sum(s > e.median_s for e, _, s in known), len(known)), "ratio")
    into.add("range_width_median", percentile([e.high_s - e.low_s for e, _, _ in known], 50), "s")
    for name, of in (
        ("estimate", lambda e, w: e.median_s),
        ("asterisk", lambda e, w: w.asterisk_s),
        ("naive", lambda e, w: w.naive_s),
    ):
        errors = [abs(of(e, w) - s) for e, w, s in known]
        into.add(f"{name}_error_median", percentile(errors, 50), "s")
        into.add(f"{name}_error_mean", fmean(errors) if errors else float("nan"), "s")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.bench.waits", description=__doc__)
    parser.add_argument("--staff", type=float, default=1.0, help="the share of the agents who come to work")
    options = parser.parse_args()
    folder = os.environ.get("CONTACTD_TEST_DATA", "")
    days = list(bank_days(Path(folder), options.staff)) if folder else [made_day()]
    figures = Figures()
    say(f"waits: {len(days)} days, {sum(len(day.calls) for day in days)} calls")
    measure(Replay(days).run(), figures)
    sys.stdout.write("".join(line + "\n" for line in figures.lines()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
