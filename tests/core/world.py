"""A small world for core: a plan, a clock that the test turns, and sentences for what people and the PBX do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Agent, Handset
from contactd.core.commands import Command
from contactd.core.contact import Contact
from contactd.core.destination import Destination, Outside
from contactd.core.floor import Floor, LiveFloor
from contactd.core.ids import AgentId, ContactId, DiversionId, Instant, OfferId, PbxId, QueueId, contact_id
from contactd.core.inputs import CallSeen, Place
from contactd.core.plan import VOICE_ONLY, AgentProfile, Capacity, FloorPlan, Medium, QueuePlan, RoutingStep
from contactd.core.step import Step, step

PBX = PbxId("pbx1")
OTHER_PBX = PbxId("pbx2")
START: Instant = 1_800_000_000.0
SALES, SUPPORT = QueueId("sales"), QueueId("support")
ANNA, BILAL = AgentId("anna"), AgentId("bilal")


def plan(
    agents: Mapping[str, Sequence[QueueId]] | None = None,
    queues: Sequence[QueueId] = (SALES, SUPPORT),
    *,
    mark: str = "a",
    wrap_up_s: int = 30,
    pbx: PbxId = PBX,
    endpoints: Mapping[str, str] | None = None,
    capacity: Capacity = VOICE_ONLY,
) -> FloorPlan:
    """Agents by name, each with the queues served; handsets are 1001 and on, in the order given."""
    wanted = agents if agents is not None else {ANNA: queues, BILAL: queues}
    named = endpoints or {}
    return FloorPlan(
        sha256=mark * 64,
        queues=tuple(QueuePlan(id=queue, ring_s=20, wrap_up_s=wrap_up_s) for queue in queues),
        agents=tuple(
            AgentProfile(
                id=AgentId(name),
                pbx=pbx,
                endpoint=named.get(name, str(1001 + n)),
                queues=tuple(served),
                capacity=capacity,
            )
            for n, (name, served) in enumerate(wanted.items())
        ),
        default_queue=queues[0],
    )


def going(to: Destination, after_s: int, floor_plan: FloorPlan | None = None) -> FloorPlan:
    """As floor_plan, but whoever waits in its first queue for so long goes there."""
    made = floor_plan or plan()
    first, *others = made.queues
    first = msgspec.structs.replace(first, steps=(RoutingStep(after_s=after_s, go=to),))
    return msgspec.structs.replace(made, queues=(first, *others))


@dataclass
class World:
    """One floor; put() asserts that no step is broken."""

    floor: LiveFloor = field(default_factory=lambda: LiveFloor(Floor(epoch=1)))
    now: Instant = START
    steps: list[Step] = field(default_factory=list)
    calls: int = 0

    def put(self, input_: inp.Input, *, at: Instant | None = None) -> Step:
        made = step(self.floor, input_, self.now if at is None else at)
        assert made.bug is None, made.bug
        self.steps.append(made)
        return made

    def wait(self, seconds: float) -> World:
        self.now = round(self.now + seconds, 6)
        return self

    @property
    def commands(self) -> list[Command]:
        """What the last step commanded."""
        return self.steps[-1].commands

    def kinds(self) -> list[str]:
        """What the last step said."""
        return [type(event).__name__ for event in self.steps[-1].events]

    def facts(self, kind: type[ev.Event]) -> list[ev.Event]:
        return [event for made in self.steps for event in made.events if isinstance(event, kind)]

    # --- people -------------------------------------------------------------------------------------------------------

    def agent(self, name: str) -> Agent:
        return self.floor.agents[AgentId(name)]

    def contact(self, call: inp.CallArrived) -> Contact:
        return self.floor.contacts[call.contact]

    def handset(self, name: str, handset: Handset) -> Step:
        agent = self.agent(name)
        return self.put(inp.HandsetChanged(pbx=agent.profile.pbx, endpoint=agent.endpoint, handset=handset))

    def sign_in(self, *names: str) -> None:
        """In this order: the first has been idle for longer."""
        for name in names:
            self.handset(name, Handset.FREE)
            self.wait(1).put(inp.SignInAsked(agent=AgentId(name), pin_right=True))

    def arrive(self, queue: QueueId | None = None, *, pbx: PbxId = PBX) -> inp.CallArrived:
        """A call; with a queue it is held there at once."""
        self.calls += 1
        self.wait(1)
        call = f"{pbx}-{int(self.now)}.{self.calls}"
        arrived = inp.CallArrived(
            contact=contact_id(pbx, call, self.now),
            pbx=pbx,
            call=call,
            channel=f"PJSIP/trunk-{self.calls:08x}",
            dnis="5000",
        )
        self.put(arrived)
        if queue is not None:
            self.hold(arrived, queue)
        return arrived

    def receive(self, medium: Medium, queue: QueueId = SALES, contact: ContactId | None = None) -> ContactId:
        """Something written comes; a known contact is transferred."""
        self.calls += 1
        self.wait(1)
        who = contact or contact_id(PbxId("desk"), f"desk-{int(self.now)}.{self.calls}", self.now)
        self.put(inp.ContactReceived(contact=who, medium=medium, queue=queue, received_at=self.now))
        return who

    def take(self, contact: ContactId) -> Step:
        """The agent whom it is offered to takes it."""
        return self.put(inp.OfferAnswered(contact=contact, offer=self.offer_of(contact)))

    def close(self, contact: ContactId) -> Step:
        """The agent is done with it."""
        return self.put(inp.AgentHungUp(contact=contact, offer=self.offer_of(contact)))

    def offer_of(self, contact: ContactId) -> OfferId:
        offer = self.floor.contacts[contact].offer
        assert offer is not None
        return offer

    def hold(self, call: inp.CallArrived, queue: QueueId | None = None, since: Instant | None = None) -> Step:
        """The dialplan's hold loop; it says since when, also the second time."""
        known = self.floor.contacts.get(call.contact)
        first = known.queued_at if known is not None and known.queued_at is not None else self.now
        return self.put(
            inp.CallHeld(
                contact=call.contact,
                pbx=call.pbx,
                call=call.call,
                channel=call.channel,
                dnis=call.dnis,
                queue=queue,
                queued_at=first if since is None else since,
            )
        )

    def fall_back(self, call: inp.CallArrived, queue: QueueId | None = SALES) -> Step:
        known = self.floor.contacts.get(call.contact)
        first = known.queued_at if known is not None and known.queued_at is not None else self.now
        return self.put(
            inp.CallFellBack(
                contact=call.contact,
                pbx=call.pbx,
                call=call.call,
                channel=call.channel,
                dnis=call.dnis,
                queue=queue,
                queued_at=first,
            )
        )

    def offer(self, call: inp.CallArrived) -> OfferId:
        offer = self.contact(call).offer
        assert offer is not None
        return offer

    def answer(self, call: inp.CallArrived) -> Step:
        return self.put(inp.OfferAnswered(contact=call.contact, offer=self.offer(call)))

    def fail(self, call: inp.CallArrived, dial_status: str, cause: int = 0) -> Step:
        return self.put(
            inp.OfferFailed(contact=call.contact, offer=self.offer(call), dial_status=dial_status, cause=cause)
        )

    def hang_up(self, call: inp.CallArrived) -> Step:
        return self.put(inp.CallerHungUp(contact=call.contact, cause=16))

    def agent_hangs_up(self, call: inp.CallArrived, *, transferred: bool = False) -> Step:
        return self.put(inp.AgentHungUp(contact=call.contact, offer=self.offer(call), transferred=transferred))

    # --- the PBX ------------------------------------------------------------------------------------------------------

    def compare(
        self,
        *calls: CallSeen,
        unsure: Sequence[ContactId] = (),
        late: Sequence[ContactId] = (),
        handsets: Mapping[str, Handset] | None = None,
        asked_at: Instant | None = None,
        booted_at: Instant = START - 9000,
        pbx: PbxId = PBX,
        static_served: bool = False,
        edition: int = 3,
    ) -> Step:
        return self.put(
            inp.PbxCompared(
                pbx=pbx,
                asked_at=self.now if asked_at is None else asked_at,
                booted_at=booted_at,
                calls=calls,
                unsure=frozenset(unsure),
                late=frozenset(late),
                handsets=dict(handsets or {}),
                static_served=static_served,
                edition=edition if pbx == PBX else 0,
            )
        )


def seen(
    call: inp.CallArrived,
    place: Place,
    *,
    queue: QueueId | None = SALES,
    queued_at: Instant | None = None,
    offer: OfferId | None = None,
    endpoint: str | None = None,
    endpoints: Sequence[str] = (),
    diversion: DiversionId | None = None,
    diverted_to: Outside | None = None,
) -> CallSeen:
    return CallSeen(
        contact=call.contact,
        call=call.call,
        channel=call.channel,
        dnis=call.dnis,
        place=place,
        queue=queue,
        queued_at=queued_at,
        offer=offer,
        endpoint=endpoint,
        endpoints=tuple(endpoints),
        diversion=diversion,
        diverted_to=diverted_to,
    )


def never_announced(number: int, at: Instant = START) -> inp.CallArrived:
    """A call that the floor does not know."""
    call = f"{PBX}-{int(at)}.{number}"
    return inp.CallArrived(
        contact=contact_id(PBX, call, at), pbx=PBX, call=call, channel=f"PJSIP/x-{number:08x}", dnis="5000"
    )


def open_world(floor_plan: FloorPlan | None = None) -> World:
    """Configured, and its PBX compared: from here on contacts are offered."""
    world = World()
    world.put(inp.ConfigurationLoaded(plan=floor_plan or plan()))
    world.compare()
    return world
