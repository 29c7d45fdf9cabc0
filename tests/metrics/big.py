"""A large floor: 100 queues, 500 agents, 2,000 contacts, and every series that they can make."""

from __future__ import annotations

from itertools import product

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Handset
from contactd.core.announcements import Range, SayMessage, SayPosition, SayWait, SayWelcome
from contactd.core.callback import Missed
from contactd.core.contact import Estimate, Outcome
from contactd.core.destination import ToExternal, ToMessage, Tone, ToQueue, ToTone, ToVoicemail
from contactd.core.dialling import Why
from contactd.core.ids import AgentId, AnnouncementId, OfferId, QueueId, contact_id
from contactd.core.plan import AgentProfile, FloorPlan, QueuePlan, ReasonPlan
from contactd.core.step import Step
from contactd.metrics import FloorMetrics, PbxReading, Readings
from tests.store.walk import PBX, Walk

QUEUES = tuple(QueueId(f"queue-{n:03}") for n in range(100))
AGENTS = 500
ANNOUNCEMENT = AnnouncementId("1-1")
ESTIMATE = Estimate(low_s=2.0, median_s=4.0, high_s=8.0)


def big_floor(calls: int = 2000) -> Walk:
    """Each agent serves five queues; half are signed in; four contacts wait for each that talks."""
    walk = Walk()
    profiles = tuple(
        AgentProfile(
            id=AgentId(f"agent-{n:03}"),
            pbx=PBX,
            endpoint=str(1000 + n),
            queues=tuple(QUEUES[(n + step) % len(QUEUES)] for step in (0, 1, 7, 31, 55)),
        )
        for n in range(AGENTS)
    )
    plan = FloorPlan(
        sha256="b" * 64,
        queues=tuple(QueuePlan(id=queue, ring_s=20, wrap_up_s=10) for queue in QUEUES),
        agents=profiles,
        default_queue=QUEUES[0],
        reasons=tuple(ReasonPlan(id=f"reason-{n}", longest_s=900) for n in range(10)),
    )
    walk.put(inp.ConfigurationLoaded(plan=plan))
    free = {profile.endpoint: Handset.FREE for profile in profiles}
    walk.put(inp.PbxCompared(pbx=PBX, asked_at=walk.now, booted_at=walk.now - 900, calls=(), handsets=free))
    for profile in profiles[::2]:
        walk.put(inp.SignInAsked(agent=profile.id, pin_right=True))
    for n in range(calls):
        walk.arrive(QUEUES[n % len(QUEUES)])
    return walk


DESTINATIONS = (
    *(ToQueue(queue=QueueId("other")), ToVoicemail(box="1"), ToExternal(number="030"), ToMessage(sound="x")),
    ToTone(tone=Tone.BUSY),
)


def every_series(metrics: FloorMetrics) -> None:
    """Publish what gives each queue every outcome, as years of traffic would."""
    contact = contact_id(PBX, "pbx1-1.1", 1_800_000_000.0)
    agent, offer = AgentId("agent-000"), OfferId("1-1")
    events: list[ev.Event] = []
    for queue, outcome in product(QUEUES, Outcome):
        events += [
            ev.ContactQueued(contact=contact, queue=queue, queued_at=0.0),
            ev.ContactOffered(contact=contact, agent=agent, offer=offer),
            *(
                ev.ContactConnected(contact=contact, agent=agent, offer=offer, waited_s=waited_s, estimate=ESTIMATE)
                for waited_s in (1.0, 4.0, 9.0)
            ),
            ev.TalkEnded(contact=contact, agent=agent, by="caller", talk_s=60.0, wrap_up_until=None),
            ev.ContactEnded(contact=contact, outcome=outcome, queue=queue, waited_s=4.0, lasted_s=70.0),
        ]
    for queue, why, to in product(QUEUES, ev.DiversionReason, DESTINATIONS):
        events.append(ev.ContactDiverted(contact=contact, queue=queue, to=to, why=why, step=0))
        events += [
            ev.DiversionFailed(contact=contact, diversion=None, failure=failure) for failure in ev.DiversionFailure
        ]
    for queue in QUEUES:
        said = (SayWelcome(sounds=()), SayPosition(position=1), SayWait(range=Range(low_min=1, high_min=2)))
        events.append(
            ev.ContactAnnounced(
                contact=contact,
                queue=queue,
                announcement=ANNOUNCEMENT,
                said=(*said, SayMessage(id="m", sounds=())),
                unsaid=("wait",),
                due=9.0,
            )
        )
        events.append(ev.ContactQueued(contact=contact, queue=queue, queued_at=0.0))
        events += [
            ev.AnnouncementEnded(contact=contact, announcement=ANNOUNCEMENT, end=end) for end in ev.AnnouncementEnd
        ]
        events += [
            ev.CallbackTaken(contact=contact, queue=queue, due_at=9.0, until=99.0),
            ev.CustomerDialled(contact=contact, attempt="1.1.cb1.1"),
            *(
                ev.CallbackFailed(contact=contact, attempt="1.1.cb1.1", why=why, due_at=19.0, tries=1)
                for why in (*Missed, *Why)
            ),
            ev.CallbackReached(contact=contact, call="1.1.cb1.2", channel="PJSIP/out-1"),
            ev.CallbackWithdrawn(contact=contact, channel="PJSIP/trunk-1"),
        ]
    for reason in ev.OfferOutcome:
        events.append(ev.OfferEnded(contact=contact, agent=agent, offer=offer, outcome=reason))
    events.append(ev.AgentRefused(agent=agent, reason="wrong_pin", locked_until=None))
    metrics.publish([Step(inp.TimePassed(), 10.0, 1, events, [])])


def readings() -> Readings:
    return Readings(
        holds_epoch=True,
        pbx={PBX: PbxReading(connected=True, beat_age_s=1.0, clock_offset_s=0.001)},
        agi_refused={"address": 1},
        audio_refused={"token": 1},
    )
