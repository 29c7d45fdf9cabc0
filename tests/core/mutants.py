"""Each rule of routing broken by hand, one at a time: a test must fail. ``python -m tests.core.mutants``, by hand.

It works on copies of the tree, one mutant in each at a time. The test that killed a mutant last time is tried first, so
that all of them take minutes; a new one takes as long as the tests of core up to the one that fails. test_mutants.py
holds that every line named here is still there.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import cache_from_source
from pathlib import Path
from queue import Queue
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Mutant(NamedTuple):
    rule: str
    file: str
    """Below contactd/core."""
    line: str
    instead: str


DIVERTING, QUEUE_LIMITS = "diverting.py", "queue_limits.py"
OPENING, HOURS = "opening.py", "hours.py"
AGENT, INDEX, DEMAND, SETS = "agent.py", "routing/index.py", "routing/demand.py", "routing/sets.py"
WAITS, LEARNT, DECISION = "routing/waits.py", "learnt.py", "decision.py"
STRATEGIES, ROUTE, FLOOR, CHANGES, ALARMS, DECIDE = (
    "routing/strategies.py",
    "routing/route.py",
    "floor.py",
    "changes.py",
    "alarms.py",
    "decide.py",
)
KEYS = "keys.py"
HOLD, PASSING, RECORDING = "hold.py", "passing.py", "recording.py"
TRANSFERS = "transfers.py"
LISTENING, TAKE_OVER = "listening.py", "take_over.py"
HEARING, ANNOUNCING, POSITIONS = "hearing.py", "announcing.py", "positions.py"
UNSTAFFED = "unstaffed.py"
RING_ALL, OFFERS = "ring_all.py", "offers.py"
CALLBACK_, CALLBACKS, DIALLING = "callback.py", "callbacks.py", "dialling.py"
NEEDS, CUSTOMER = "needs.py", "customer.py"
PRESENCE, LIMITS, DESKS, STEP, COMPARE = "presence.py", "limits.py", "desks.py", "step.py", "compare.py"

MUTANTS = (
    Mutant(
        "only who talks is transferred",
        TRANSFERS,
        "    if contact.state is not ContactState.CONNECTED:\n        return NoTransfer.NOT_TALKING\n",
        "",
    ),
    Mutant(
        "a text telephone is not transferred",
        TRANSFERS,
        "    if contact.text is not None:\n        return NoTransfer.TEXT\n",
        "",
    ),
    Mutant(
        "a customer who was called back is not transferred",
        TRANSFERS,
        "    if contact.call != call_of_contact(contact.call):\n        return NoTransfer.CALLED_BACK\n",
        "",
    ),
    Mutant(
        "nobody is transferred to a queue that there is not",
        TRANSFERS,
        "    if queue not in floor.queues:\n        return NoTransfer.UNKNOWN_QUEUE\n",
        "",
    ),
    Mutant(
        "nobody is transferred while the PBX is away",
        TRANSFERS,
        "return None if contact.pbx in floor.steered else NoTransfer.NOT_STEERED",
        "return None",
    ),
    Mutant(
        "an erased mail that an agent has stays theirs",
        "written.py",
        "contact.medium is Medium.VOICE or contact.state is ContactState.CONNECTED:",
        "contact.medium is Medium.VOICE:",
    ),
    Mutant(
        "an erased mail that is offered is called off",
        "written.py",
        "        end_offer(contact, OfferOutcome.WITHDRAWN, 0, into)\n",
        "        pass\n",
    ),
    Mutant(
        "nobody ends what another agent has",
        "written.py",
        " and contact.state is ContactState.CONNECTED and contact.agent == agent\n",
        " and contact.state is ContactState.CONNECTED\n",
    ),
    Mutant(
        "what is only offered is nobody's to end",
        "written.py",
        " and contact.state is ContactState.CONNECTED and contact.agent == agent\n",
        " and contact.agent == agent\n",
    ),
    Mutant(
        "whoever listens is silenced with the recording",
        RECORDING,
        "        if input_.pause:\n            silence(floor, contact.id, into)\n",
        "",
    ),
    Mutant("only at this talk", LISTENING, "if one.contact == contact]", "if True]"),
    Mutant(
        "a listening that the PBX does not have is over",
        LISTENING,
        "            into.events.append(_ended(known, ListeningEnd.UNSEEN, at))\n",
        "            pass\n",
    ),
    Mutant("of this PBX only", LISTENING, "known.pbx == input_.pbx and known.id", "known.id"),
    Mutant(
        "one that began after the list was asked for is not over", LISTENING, " and known.since < input_.asked_at", ""
    ),
    Mutant(
        "a pause that the listener does not know of is found",
        LISTENING,
        "        if paused and one.mode is not Mode.SILENT:\n",
        "        if False:\n",
    ),
    Mutant(
        "the same mode twice is no fact", LISTENING, "        if known.mode is not seen.mode:\n", "        if True:\n"
    ),
    Mutant("nobody listens to nobody", LISTENING, "    elif _is_here(floor, seen.contact, into) and {", "    elif {"),
    Mutant(
        "a caller is taken over once", LISTENING, "    if asked or paused or known.mode", "    if paused or known.mode"
    ),
    Mutant(
        "nobody is taken over in a pause",
        LISTENING,
        "    if asked or paused or known.mode",
        "    if asked or known.mode",
    ),
    Mutant(
        "who talks takes nobody over",
        LISTENING,
        "    if supervisor.on_voice() is not None:\n        return\n    offer",
        "    offer",
    ),
    Mutant(
        "the agent is out of a talk that was taken over",
        TAKE_OVER,
        "    end_talk(floor, contact, BY_SUPERVISOR, at, into)\n",
        "",
    ),
    Mutant(
        "a take-over is told twice", TAKE_OVER, "contact is None or contact.offer == input_.offer:", "contact is None:"
    ),
    Mutant("who is told to stop stops", LISTENING, "    elif input_.mode is None:\n", "    elif False:\n"),
    Mutant("the first in line goes first, for one agent", INDEX, "place < best", "place > best"),
    Mutant("the first in line goes first, for several", ROUTE, "    heapify(line)\n", "    line.reverse()\n"),
    Mutant("a boost counts as waiting", INDEX, "return queued_at - boost if", "return queued_at + boost if"),
    Mutant("the queue's boost counts", DEMAND, "return queue.boost_s + step +", "return step +"),
    Mutant("the step's boost counts", DEMAND, "return queue.boost_s + step +", "return queue.boost_s +"),
    Mutant("the contact's boost counts", DEMAND, " + (contact.needs.boost_s if contact.needs is not None else 0)", ""),
    Mutant("an unservable contact blocks nobody", ROUTE, "            continue\n", "            return\n"),
    Mutant("those behind get their turn in the same step", ROUTE, "heappush(line, behind)", "pass"),
    Mutant(
        "nobody is offered on a PBX that is not steered, one agent",
        ROUTE,
        "steered=agent.profile.pbx in floor.steered",
        "steered=True",
    ),
    Mutant(
        "nobody is offered on a PBX that is not steered, several",
        ROUTE,
        "steered = demand.pbx in floor.steered or",
        "steered = True or",
    ),
    Mutant("a PBX that is steered again offers at once", CHANGES, "    floor.routing.look_again()\n", ""),
    Mutant(
        "an agent who becomes ready is offered who waits",
        INDEX,
        "                    if demand.size:\n                        self._hot.add",
        "                    if False:\n                        self._hot.add",
    ),
    Mutant(
        "a contact that joins is offered to who is ready",
        INDEX,
        "        if demand.ready:\n            self._hot.add(demand.number)\n",
        "",
    ),
    Mutant(
        "who leaves the line is not offered",
        INDEX,
        "place = self.waiting.pop(contact.id, None)",
        "place = self.waiting.get(contact.id, None)",
    ),
    Mutant("an agent who is gone is not offered", INDEX, "        self._stamped.pop(agent.id, None)\n", ""),
    Mutant(
        "an agent is kept for somebody older on the way back",
        INDEX,
        "            ready = self._not_owed(demand, place)\n",
        "            pass\n",
    ),
    Mutant(
        "an agent is kept for the older only", INDEX, "older is not None and older < place\n", "older is not None\n"
    ),
    Mutant(
        "who was kept is free when the older one is not expected any more",
        INDEX,
        "            # Whoever was kept for it may be anybody's now.\n            self.look_again()\n",
        "            pass\n",
    ),
    Mutant(
        "needs that change on the way back count",
        FLOOR,
        "            self.routing.expect(contact)\n\n    def call_back",
        "\n    def call_back",
    ),
    Mutant(
        "a lone agent is not offered past the older on the way back",
        INDEX,
        "or self._all_hot or self.returning:\n            return None",
        "or self._all_hot:\n            return None",
    ),
    Mutant(
        "skills that change count for who waits",
        INDEX,
        "        for contact in moved:\n            self.join(contact)\n",
        "        for contact in moved:\n            pass\n",
    ),
    Mutant(
        "skills that change rank the agent anew",
        INDEX,
        "        # Ranked by skill, perhaps.\n        self.see(agent)\n",
        "",
    ),
    Mutant(
        "the sign-out of a preferred agent frees who waits",
        FLOOR,
        "        self.routing.presence_changed(agent.id)\n",
        "",
    ),
    Mutant(
        "a preferred agent who is signed out is not waited for",
        DEMAND,
        "agent.status is not Status.SIGNED_OUT and eligible",
        "eligible",
    ),
    Mutant("a preferred agent who cannot have it is not waited for", DEMAND, " and eligible(agent, target):", ":"),
    Mutant("the preferred agent comes alone", DEMAND, "return target._replace(agent=agent.id)", "return target"),
    Mutant("the sticky time ends when it is over", DEMAND, "prefers and at < queued_at", "prefers and at <= queued_at"),
    Mutant(
        "a step comes when its time does",
        DEMAND,
        "if queued_at + step.after_s > at:",
        "if queued_at + step.after_s >= at:",
    ),
    Mutant("steps have timers", DEMAND, "return queued_at + queue.steps[contact.step].after_s if", "return None if"),
    Mutant(
        "a wait begins at the step that it has reached",
        "decision.py",
        "due_step(plan, prefers, queued_at, at)) if",
        "0) if",
    ),
    Mutant("levels are lowered", DEMAND, "level - lower_by) for", "level) for"),
    Mutant("what falls below level 1 is not needed", DEMAND, "if level > lower_by", "if True"),
    Mutant("the higher level of queue and contact counts", DEMAND, "max(level, skills.get(skill, 0))", "level"),
    Mutant(
        "a step's skills are in place of the queue's",
        DEMAND,
        "queue.skills if step.skills is None else step.skills",
        "queue.skills",
    ),
    Mutant("a step's strategy counts", DEMAND, "step.strategy or queue.strategy", "queue.strategy"),
    Mutant("only these groups", SETS, "found &= self._in_groups(target.only_groups)", "pass"),
    Mutant("these groups as well", SETS, "found |= self._in_groups(target.also_groups)", "pass"),
    Mutant(
        "agents of another PBX are not offered",
        SETS,
        "return self._pbx.get(target.pbx, 0) if target.medium is Medium.VOICE else self._everybody",
        "return self._everybody",
    ),
    Mutant("the level is enough", SETS, "if has >= level", "if has > level"),
    Mutant(
        "every skill is asked for",
        SETS,
        "            among &= who\n        return among",
        "            among &= who\n            break\n        return among",
    ),
    Mutant(
        "a lost skill is forgotten",
        SETS,
        "            del self._levels[skill][agent]\n",
        "            self._levels[skill].get(agent)\n",
    ),
    Mutant("the chosen one is not counted among the others", SETS, "        among ^= self.bit[without]\n", ""),
    Mutant("who is elsewhere is counted as such", INDEX, "within_reach(target) & ~serving", "within_reach(target)"),
    Mutant("the unskilled are counted as such", INDEX, "serving & ~who\n", "0\n"),
    Mutant("longest idle", INDEX, "(rank, agent.idle_since, agent.id,", "(rank, -agent.idle_since, agent.id,"),
    Mutant(
        "who has less to do is idle for longer",
        STRATEGIES,
        "return agent.load if agent.engagements",
        "return 0.0 if agent.engagements",
    ),
    Mutant("fewest contacts", STRATEGIES, "    return agent.contacts", "    return -agent.contacts"),
    Mutant("talks are counted since the sign-in", CHANGES, "        agent.contacts = 0\n", "        pass\n"),
    Mutant("best skill", STRATEGIES, "    return -sum(", "    return sum("),
    Mutant("best skill counts what is preferred", DEMAND, "{*skills, *queue.preferred_skills}", "{*skills}"),
    Mutant("round robin", STRATEGIES, "    return agent.offered_seq", "    return -agent.offered_seq"),
    Mutant("a turn is the offer", CHANGES, "    agent.offered_seq = floor.seq + 1\n", ""),
    Mutant("weights count", STRATEGIES, "left -= agent.profile.weight", "left -= 2"),
    Mutant("who waits stays for the grace", UNSTAFFED, "max(since, queued_at) + grace_s", "max(since, queued_at)"),
    Mutant("the grace begins with the sign-out", UNSTAFFED, "max(since, queued_at) + grace_s", "queued_at + grace_s"),
    Mutant(
        "who is signed in keeps who waits",
        UNSTAFFED,
        "    if floor.queue_limits.staffed(contact.pbx, queue.id):\n        return None\n",
        "",
    ),
    Mutant("who left an unserved queue once does not again", UNSTAFFED, " or contact.unserved", ""),
    Mutant("an unserved queue sends by the PBX's hand", UNSTAFFED, " or not floor.can_go(contact):", ":"),
    Mutant(
        "no way leads back, nor out of an unserved queue", UNSTAFFED, "in (*contact.passed, queue.id) or", "in () or"
    ),
    Mutant(
        "a sign-out looks at who waits",
        UNSTAFFED,
        "    floor.time_waiting({queue for _, queue in places})\n",
        "",
    ),
    Mutant(
        "who comes back ends the time without anybody", UNSTAFFED, "unstaffed.pop(_key(pbx, queue), None)", "copy()"
    ),
    Mutant(
        "a plan may take the last agent", UNSTAFFED, "for place in were - staffed if", "for place in were - were if"
    ),
    Mutant("a plan may give somebody", UNSTAFFED, "if _key(pbx, queue) in known}", "if False}"),
    Mutant("who was sent is marked", CHANGES, "event.why is ev.DiversionReason.UNSTAFFED", "False"),
    Mutant("an unserved queue sends who waits", PASSING, " or unstaffed_sends(floor, contact, queue, at, into)", ""),
    Mutant("a switch that ends counts for all the rest", PASSING, "    if switches:\n", "    if False:\n"),
    Mutant("what is stale in a line hides nobody", INDEX, "best < demand.line[0]", "best > demand.line[0]"),
    Mutant("every draw is another", STRATEGIES, "{contact}\\0{seq}", "0"),
    Mutant("a failed offer costs no place among the idle", CHANGES, "at, worked=False)", "at, worked=True)"),
    Mutant("another queue begins at its first step", CHANGES, "    contact.step = event.step\n", ""),
    Mutant(
        "a timer that was moved does not ring at the old time",
        ALARMS,
        "if times.get(entry[1]) == entry[0]:",
        "if True:",
    ),
    Mutant("a timer rings at its time", ALARMS, "heap[index][0] <= at:", "heap[index][0] < at:"),
    Mutant(
        "the next timer is the first that still counts",
        ALARMS,
        "while heap and times.get(heap[0][1]) != heap[0][0]:",
        "while False:",
    ),
    Mutant(
        "a queue is full at its limit", DIVERTING, "and in_line >= plan.max_waiting", "and in_line > plan.max_waiting"
    ),
    Mutant(
        "who comes and goes by the same decision counts",
        DIVERTING,
        " + joined\n",
        "\n",
    ),
    Mutant(
        "who leaves by the same decision makes room",
        DIVERTING,
        "    into.joined[plan.id] = into.joined.get(plan.id, 0) - 1\n",
        "",
    ),
    Mutant(
        "an unstaffed queue sends away",
        DIVERTING,
        "plan.unstaffed is not None and not",
        "plan.unstaffed and False and not",
    ),
    Mutant(
        "who would wait for too long is sent away",
        DIVERTING,
        "estimate.median_s <= plan.max_estimated_wait_s",
        "estimate.median_s > plan.max_estimated_wait_s",
    ),
    Mutant(
        "the estimate is of the place that the wait has earned",
        DIVERTING,
        "since=waits.queued_at, exact",
        "since=at, exact",
    ),
    Mutant("a staffed queue does not", DIVERTING, "not floor.queue_limits.staffed(pbx, plan.id)", "True"),
    Mutant(
        "who is on a break is there",
        QUEUE_LIMITS,
        "agent.status is not Status.SIGNED_OUT",
        "agent.status is Status.READY",
    ),
    Mutant(
        "a later step's groups staff the queue",
        QUEUE_LIMITS,
        "{*queue.also_groups, *(group for step in queue.steps for group in step.also_groups)}",
        "{*queue.also_groups}",
    ),
    Mutant(
        "nobody is sent from a PBX that is not steered",
        DIVERTING,
        "plan is not None and pbx in floor.steered:",
        "plan is not None:",
    ),
    Mutant(
        "who rings is in line", "contact.py", "{_S.WAITING, _S.OFFERED, _S.FALLBACK})\n", "{_S.WAITING, _S.FALLBACK})\n"
    ),
    Mutant(
        "another queue takes the wait along",
        DIVERTING,
        "queued(here.contact, to.queue, here.queued_at,",
        "queued(here.contact, to.queue, at,",
    ),
    Mutant("no way leads back", DIVERTING, "if to.queue in passed or", "if"),
    Mutant("the PBX may name an earlier queue", DIVERTING, " and queue in contact.passed else", " and False else"),
    Mutant(
        "a transfer begins a wait that has passed through nothing", CHANGES, "    contact.passed = event.passed\n", ""
    ),
    Mutant(
        "a step that goes does so from the hold only",
        FLOOR,
        "stands = contact.held and contact.callback is None",
        "stands = contact.callback is None",
    ),
    Mutant(
        "a step that goes does so by the PBX's hand only",
        FLOOR,
        "return stands and contact.pbx in self.steered and",
        "return stands and",
    ),
    Mutant(
        "steps that go wait for the PBX",
        CHANGES,
        "    floor.routing.look_again()\n    floor.time_steps(event.pbx)\n",
        "    floor.routing.look_again()\n",
    ),
    Mutant(
        "a step that goes is not behind who comes late",
        "decision.py",
        "before_going(plan, 0, due_step(plan, prefers, queued_at, at))",
        "due_step(plan, prefers, queued_at, at)",
    ),
    Mutant(
        "needs pass over no step that goes",
        DEMAND,
        "return before_going(queue, contact.step, due_step(queue, prefers, contact.queued_at, at))",
        "return due_step(queue, prefers, contact.queued_at, at)",
    ),
    Mutant(
        "who just came arrives, announced or not", HOLD, "return input_.queued_at > at - _JUST_NOW_S", "return False"
    ),
    Mutant(
        "who has waited for long does not arrive", HOLD, "return input_.queued_at > at - _JUST_NOW_S", "return True"
    ),
    Mutant(
        "a destination that failed is not tried again",
        CHANGES,
        "contact.queue, contact.step = event.queue, event.step\n",
        "contact.queue = event.queue\n",
    ),
    Mutant(
        "who never got there is sent again",
        COMPARE,
        "not key_number(contact.diversion) and call.diversion != contact.diversion:",
        "False:",
    ),
    Mutant("who came back from there waits", COMPARE, " and call.diversion != contact.diversion:", ":"),
    Mutant(
        "a diversion on its way is left alone", "compare.py", "contact.diverted_at > asked_at - _ON_ITS_WAY_S", "False"
    ),
    Mutant("the wait ends where the contact is sent", "decision.py", " or contact.diverted_at or at)", " or at)"),
    Mutant("of two supervisors' words the later counts", OPENING, "switch = max(found", "switch = min(found"),
    Mutant("who comes to a closed queue is sent", OPENING, "keeps and queued_at < opening.since", "keeps"),
    Mutant(
        "a supervisor says what becomes of who waits",
        OPENING,
        "opening.waiting or queue.at_closing",
        "queue.at_closing",
    ),
    Mutant("a switch goes before the calendar", OPENING, "        if found:\n", "        if False:\n"),
    Mutant("by hand it may be another place", HOURS, "(queue.closed_by_hand or queue.closed) if", "queue.closed if"),
    Mutant("who came back is not sent again", HOURS, "contact.turned_away or ", ""),
    Mutant(
        "another reason moves no closing",
        HOURS,
        "known.since if known is not None and known.open == event.open else at\n    floor",
        "at\n    floor",
    ),
    Mutant("a calendar that turns looks at who waits", HOURS, "    )\n    floor.time_hours()\n", "    )\n"),
    Mutant(
        "a switch looks at who waits",
        FLOOR,
        "switch.until if switch is not None else None)\n        self.time_hours()\n",
        "switch.until if switch is not None else None)\n",
    ),
    Mutant(
        "who comes from another queue begins now",
        DIVERTING,
        "at if waits.passed else waits.queued_at",
        "waits.queued_at",
    ),
    Mutant("a closed queue refuses who comes", DIVERTING, "found = closed or sends_away", "found = sends_away"),
    Mutant(
        "a closing sends who waits",
        PASSING,
        "if closing_sends(floor, contact, queue, at, into) or",
        "if",
    ),
    Mutant(
        "a queue that closes is timed when its PBX is steered",
        "plan.py",
        "return self.closes() or any(",
        "return any(",
    ),
    Mutant(
        "a new queue may send again",
        CHANGES,
        "contact.turned_away = contact.unserved = False",
        "contact.unserved = False",
    ),
    Mutant(
        "a new queue that nobody serves may send again",
        CHANGES,
        "contact.turned_away = contact.unserved = False",
        "contact.turned_away = False",
    ),
    Mutant(
        "a switch ends at its time",
        FLOOR,
        "        self.timers.switches.set(key, switch.until if switch is not None else None)\n        self",
        "        pass\n        self",
    ),
    Mutant(
        "what the floor knows goes before what the channel carries",
        "decision.py",
        "    if known is not None and known.asked_before() is not None:\n        return known.asked_before()\n",
        "",
    ),
    Mutant("a wait begins with what the channel carries", "decision.py", "asked = needs or (", "asked = ("),
    Mutant(
        "an agent takes no more of a medium than the most",
        AGENT,
        "                most -= 1\n",
        "                pass\n",
    ),
    Mutant("weights add up", AGENT, "                left -= load.weight\n", "                pass\n"),
    Mutant("a contact's own weight counts", AGENT, "WHOLE - asked.weight, asked.most", "WHOLE, asked.most"),
    Mutant(
        "nobody has two offers",
        AGENT,
        "            if engagement.state is _OFFERED:\n                return False\n",
        "",
    ),
    Mutant(
        "what may be interrupted stands in no way",
        AGENT,
        "if engagement.medium not in asked.interrupts:",
        "if True:",
    ),
    Mutant(
        "nothing is offered that would be parked at once",
        AGENT,
        "            if medium in load.interrupts:\n                return False\n",
        "",
    ),
    Mutant(
        "an own call takes the room of a call",
        AGENT,
        "            left -= capacity.media.get(Medium.VOICE",
        "            _ = capacity.media.get(Medium.VOICE",
    ),
    Mutant("an own call takes all where it is so configured", AGENT, "if capacity.own_calls_take_all:", "if False:"),
    Mutant(
        "a contact's call is no own call",
        AGENT,
        "self.handset is Handset.IN_USE and self.on_voice() is None",
        "self.handset is Handset.IN_USE",
    ),
    Mutant(
        "a wrap-up is no call",
        AGENT,
        "engagement.medium is Medium.VOICE and engagement.state is not _WRAP_UP",
        "engagement.medium is Medium.VOICE",
    ),
    Mutant("an offer does not park", AGENT, "other.state is not _OFFERED and engagement.medium", "engagement.medium"),
    Mutant(
        "work is shown before what rings",
        AGENT,
        "_RANK = {_OFFERED: 1, _WRAP_UP: 2, _BUSY: 3}",
        "_RANK = {_OFFERED: 3, _WRAP_UP: 2, _BUSY: 1}",
    ),
    Mutant("what is parked is not shown", AGENT, "0 if engagement.parked else _RANK", "_RANK"),
    Mutant(
        "of two the later one is shown",
        AGENT,
        "_RANK[engagement.state], engagement.since)",
        "_RANK[engagement.state], 0.0)",
    ),
    Mutant("the first wrap-up to end has the timer", AGENT, "return min((e.until for e", "return max((e.until for e"),
    Mutant("one wrap-up ends", AGENT, "contact in (None, engagement.contact)", "True"),
    Mutant(
        "what ends while parked has no wrap-up", "decision.py", "engagement is not None and engagement.parked", "False"
    ),
    Mutant(
        "a reload that changes who interrupts whom parks and resumes",
        "several.py",
        "isinstance(event, ev.FloorConfigured)",
        "False",
    ),
    Mutant(
        "followers are told what is foremost", "several.py", "if (known.state, known.contact) != said:", "if False:"
    ),
    Mutant(
        "what no PBX carries is held whenever it waits",
        CHANGES,
        "held=contact.medium is not Medium.VOICE",
        "held=False",
    ),
    Mutant("an offer at a desk has a timer", "step.py", "until=at + ring_s if written else None", "until=None"),
    Mutant(
        "a taken offer has no timer",
        FLOOR,
        "            self.timers.offers.set(contact.id, None)\n",
        "            pass\n",
    ),
    Mutant(
        "a medium that the profile does not name is not offered",
        SETS,
        "self.able(target.medium) &",
        "self._everybody &",
    ),
    Mutant(
        "an agent stands in the heaps of what they have room for",
        INDEX,
        "                if demand.medium in media:\n",
        "                if True:\n",
    ),
    Mutant("the same for a new demand", INDEX, " and target.medium in self._ready_for[agent_id]:", ":"),
    Mutant("the same for one agent alone", INDEX, "if demand.medium in media and", "if"),
    Mutant("a demand has one medium", INDEX, "same = (target.medium, target.pbx,", "same = (Medium.VOICE, target.pbx,"),
    Mutant(
        "the same needs again say nothing",
        HOLD,
        "contact is None or contact.asked_before() == input_.needs",
        "contact is None",
    ),
    Mutant(
        "who is ahead counts by the share of our agents",
        INDEX,
        "* len(line) / len(some) * share",
        "* len(line) / len(some)",
    ),
    Mutant("who is behind is not ahead", INDEX, "for place in some if place < here and", "for place in some if"),
    Mutant(
        "who left the line is not ahead", INDEX, "if place < here and live.get(place[1]) is place", "if place < here"
    ),
    Mutant(
        "who is on the way back from the static queue is ahead",
        INDEX,
        "            if place < here and demand.medium is medium and (shared",
        "            if False and (shared",
    ),
    Mutant(
        "nobody at work is no number", WAITS, "    if not freed.known and not freed.talking:\n        return None\n", ""
    ),
    Mutant("an unsteered PBX is no number", WAITS, " or contact.pbx not in floor.steered", ""),
    Mutant("with somebody ready nobody waits", WAITS, "    if index.ready(who, target.medium):\n", "    if False:\n"),
    Mutant("who will sign out after the talk is not counted on", WAITS, "agent.status is not Status.READY or ", ""),
    Mutant("a wrap-up's end is known", WAITS, "known.append(max(0.0, agent.wrap_up_until - at))", "pass"),
    Mutant(
        "a pause's end is known",
        WAITS,
        "            known.append(max(0.0, agent.ready_at - at))\n",
        "            pass\n",
    ),
    Mutant("the time of a talk so far counts", WAITS, "for_s = max(0.0, at - contact.connected_at)", "pass"),
    Mutant("callers give up", WAITS, "expected.giving_up * (until_s", "0.0 * (until_s"),
    Mutant("what is certain bounds the wait", WAITS, "(min(wait, certain) for", "(wait for"),
    Mutant("a later step helps", WAITS, "tuple(map(min, found, waits))", "found"),
    Mutant("a later step does not help before it begins", WAITS, "tuple(max(begins_in_s, wait) for", "tuple(wait for"),
    Mutant("old talks are forgotten", LEARNT, "self.count * _FORGET + 1.0", "self.count + 1.0"),
    Mutant("talks are learnt", CHANGES, "        learnt.talks.add(event.talk_s)\n", ""),
    Mutant("rings are learnt", CHANGES, "            learnt.rings.add(past(offer.since, at))\n", "            pass\n"),
    Mutant("patience is learnt", CHANGES, "gave_up=event.outcome is not Outcome.TIMED_OUT", "gave_up=False"),
    Mutant(
        "a queue that is gone is forgotten",
        FLOOR,
        "self.state.learnt.items() if queue in kept}",
        "self.state.learnt.items()}",
    ),
    Mutant("a crowd is not estimated one by one", DECISION, "_ESTIMATE_WAITING_S * crowd", "0.0"),
    Mutant("a number is given out once an attempt", CALLBACKS, " or contact.callback.dialled:", ":"),
    Mutant(
        "nobody is dialled while the queue is closed",
        CALLBACKS,
        "opening is not None and not opening.open:",
        "opening is None:",
    ),
    Mutant("tries come to an end", CALLBACKS, "tries >= plan.tries and callback.dialled", "False"),
    Mutant("what did not ring is no try", CALLBACKS, "callback.tries + callback.dialled", "callback.tries + 1"),
    Mutant("a promise ends in time", CALLBACKS, "contact.callback.until <= at:", "False:"),
    Mutant("as many are called as are ready", CALLBACKS, "if ready > running:", "if ready:"),
    Mutant("an older attempt's end means nothing", CALLBACKS, "not call or call != callback.attempt:", "not call:"),
    Mutant(
        "a closed queue offers no callback",
        CALLBACK_,
        "floor.state.switches).open",
        "floor.state.switches).open or True",
    ),
    Mutant(
        "who is called first is not offered before",
        CALLBACK_,
        "is CallbackFirst.AGENT and may_begin",
        "is not None and may_begin",
    ),
    Mutant(
        "premium numbers are never dialled",
        DIALLING,
        "number.kind in NEVER or number.kind not in",
        "number.kind not in",
    ),
    Mutant("a number's limit is its own", DIALLING, "one.known_by in number.known_by]", "one.known_by]"),
    Mutant("an hour is an hour", DIALLING, "if one.at > at - _HOUR_S]", "if one.at > at - 2 * _HOUR_S]"),
    Mutant("a place is given once", "ring_back.py", "            del losses[caller]\n", "            pass\n"),
    Mutant("a place is kept for a while only", "ring_back.py", " and at <= loss.until", ""),
    Mutant(
        "a queue that takes nobody back does not",
        "ring_back.py",
        "plan is None or not plan.ring_back_s",
        "plan is None",
    ),
    Mutant("the same line is enough", "ring_back.py", " or loss.dnis == contact.dnis", ""),
    Mutant("the same queue is enough", "ring_back.py", "loss.queue == queue or ", ""),
    Mutant("a talk that somebody ended is no loss", "ring_back.py", " and cause in NETWORK_CAUSES", ""),
    Mutant("who did not wait lost no place", "ring_back.py", "    if not waits and not", "    if False and not"),
    Mutant("losses are bounded in number", "ring_back.py", "len(losses) <= MOST and ", ""),
    Mutant("losses are bounded in time", "ring_back.py", " and losses[oldest].until >= at", ""),
    Mutant("who rings back has the old place", HOLD, "queued_at = min(queued_at, before[1])", "pass"),
    Mutant("the old place outlives the static queue", HOLD, "at, *_kept_place(contact)),", "at),"),
    Mutant(
        "a record adds to what was asked", NEEDS, "together(record, asked) if record != Needs()", "record if record"
    ),
    Mutant("who was asked for goes before the last agent", NEEDS, "together(record, asked)", "together(asked, record)"),
    Mutant(
        "the last agent is that of the queue",
        NEEDS,
        "known.agents.get(queue)",
        "next(iter(known.agents.values()), None)",
    ),
    Mutant(
        "a queue's last agent is asked for there",
        CHANGES,
        "WAITING)\n    floor.leave_line(contact)\n    contact.needs = needs_in(contact, event.queue)\n",
        "WAITING)\n    floor.leave_line(contact)\n",
    ),
    Mutant("a number does not correct a person", CUSTOMER, "known.by is not KnownBy.PERSON:", "False:"),
    Mutant("the same record again says nothing", CUSTOMER, " or contact.known == known", ""),
    Mutant(
        "who is learnt of late may go back to the last agent",
        DEMAND,
        "prefers = needs is not None and needs.preferred_agent is not None",
        "prefers = False",
    ),
    Mutant("verified is who it is known to be", CUSTOMER, " or contact.known.party != input_.party", ""),
    Mutant("another party is not verified", CUSTOMER, '        contact.verified = ""\n', "        pass\n"),
    Mutant("the same skills again say nothing", DECIDE, " and agent.skills_set != input_.skills", ""),
    Mutant(
        "a wrap-up is extended once",
        FLOOR,
        "shown[-1].until, shown[-1].extend_s = until, 0",
        "shown[-1].until = until",
    ),
    Mutant(
        "a wrap-up is extended from its end",
        PRESENCE,
        "agent.wrap_up_until + agent.wrap_up_extend_s",
        "at + agent.wrap_up_extend_s",
    ),
    Mutant("an overdue break is told once", LIMITS, " or agent.overdue:", ":"),
    Mutant("nobody is signed out while the PBX is away", FLOOR, " if agent.profile.pbx in self.steered else None", ""),
    Mutant(
        "a talk is not cut by a sign-out of the system",
        LIMITS,
        "agent.status is not Status.SIGNED_OUT and agent.state is AgentState.IDLE",
        "agent.status is not Status.SIGNED_OUT",
    ),
    Mutant("a handset that is back keeps its agent", LIMITS, " or agent.handset is not Handset.UNAVAILABLE", ""),
    Mutant(
        "a sign-in begins the time without a handset anew",
        LIMITS,
        "max(agent.handset_since, agent.since)",
        "agent.handset_since",
    ),
    Mutant(
        "early end leaves the status",
        PRESENCE,
        "        into.events.append(ev.WrapUpEnded(agent=agent.id, by=input_.by))\n\n\ndef limit",
        "        into.events.append(ev.WrapUpEnded(agent=agent.id, by=input_.by))\n"
        "        into.events.append(ev.AgentReady(agent=agent.id))\n\n\ndef limit",
    ),
    Mutant("one agent at one handset", DESKS, "        _clear_away(other, into)\n", "        pass\n"),
    Mutant(
        "nobody is signed out of a talk by a sign-in",
        DESKS,
        "any(other.on_voice() is not None for other in others)",
        "False",
    ),
    Mutant("nobody walks away from a talk", DESKS, "moves and agent.on_voice() is not None", "False"),
    Mutant("a seat that is taken ends the wrap-up", DESKS, "if other.wrap_ups():", "if False:"),
    Mutant("a desk is left with the sign-out", CHANGES, '        floor.sit(agent, "")\n', "        pass\n"),
    Mutant(
        "a desk is left when the talk of who signed out is over",
        FLOOR,
        "if agent.desk and agent.status is Status.SIGNED_OUT and not agent.at_phone():",
        "if False:",
    ),
    Mutant(
        "the calls of a handset belong to who sits there",
        "seats.py",
        "max(here, key=self._sits) if len(here) > 1 else here[0]",
        "here[0]",
    ),
    Mutant("offers go to where the agent sits", STEP, "endpoint=agent.endpoint", "endpoint=agent.profile.endpoint"),
    Mutant(
        "a talk is found where the agent sits",
        RING_ALL,
        "agent.endpoint == endpoint",
        "agent.profile.endpoint == endpoint",
    ),
    Mutant(
        "ring-all rings the others too",
        RING_ALL,
        "yield from islice",
        "return; yield from islice",
    ),
    Mutant("ring-all rings no more than the queue allows", RING_ALL, "queue.ring_all_most - 1", "queue.ring_all_most"),
    Mutant("whoever answers, the talk is recorded or is not", RING_ALL, " is first)", " is not None)"),
    Mutant("an old dialplan rings one", RING_ALL, ".get(contact.pbx, 0) >= EDITION", ".get(contact.pbx, 0) >= 0"),
    Mutant(
        "the longest idle ring first", INDEX, "for entry in sorted(ready)]", "for entry in sorted(ready, reverse=True)]"
    ),
    Mutant(
        "a leg is kept for somebody older on the way back",
        INDEX,
        "            ready = self._not_owed(demand, (_rank(queue, contact), contact.id, demand.number))\n",
        "            ready = self._ready_in(demand)\n",
    ),
    Mutant("a supervisor's sign-out calls off what rings", PRESENCE, "if by != By.SUPERVISOR:", "if True:"),
    Mutant("who leaves of their own accord may answer", PRESENCE, "if by != By.SUPERVISOR:", "if False:"),
    Mutant(
        "only what rings is called off",
        PRESENCE,
        "if engagement.state is not AgentState.OFFERED:",
        "if engagement.contact not in floor.contacts:",
    ),
    Mutant(
        "who dials the customer for an agent goes on",
        PRESENCE,
        "callback is not None and callback.dialled:",
        "callback is not None and False:",
    ),
    Mutant(
        "what rings for a callback is called off", PRESENCE, "        if callback is not None:\n", "        if False:\n"
    ),
    Mutant(
        "who answered has the caller",
        OFFERS,
        "return leg_at(floor, contact, endpoint)",
        "return floor.agents[contact.agent]",
    ),
    Mutant("nothing is held against who was not first", OFFERS, "OfferOutcome.ANSWERED_ELSEWHERE", "OfferOutcome.RONA"),
    Mutant("one who declines stops nobody", OFFERS, "if len(contact.legs) == 1:", "if True:"),
    Mutant("who rang to the end stays ready", RING_ALL, "return at >= leg.since", "return False and at >= leg.since"),
    Mutant("unless the queue says otherwise", RING_ALL, "or queue.ring_all_not_ready or", "or"),
    Mutant(
        "who gave up early did not ring to the end",
        RING_ALL,
        "return at >= leg.since + queue.ring_s - _EARLY_S",
        "return True",
    ),
    Mutant("a handset that is gone was not rung", RING_ALL, "if agent.handset is Handset.UNAVAILABLE:", "if False:"),
    Mutant(
        "a stopped leg says nothing",
        RING_ALL,
        "return _OUTCOMES.get(cause)",
        "return _OUTCOMES.get(cause, OfferOutcome.RONA)",
    ),
    Mutant("the offer goes on at the next leg", RING_ALL, "        contact.agent = left[0]\n", "        pass\n"),
    Mutant(
        "the end of an offer ends all legs",
        DECISION,
        "        if agent != but and contact.offer",
        "        if False and contact.offer",
    ),
    Mutant("a leg costs no place among the idle", RING_ALL, "at, worked=False)", "at, worked=True)"),
    Mutant("a leg is a turn", RING_ALL, "    agent.offered_seq = floor.seq + 1\n", ""),
    Mutant(
        "who rings beside another is free soon", WAITS, "contact is not None and contact.agent != agent.id", "False"
    ),
    Mutant(
        "legs that ring unknown are found",
        COMPARE,
        "        found.events.extend(_found_legs(floor, call, input_, engaged))\n",
        "        pass\n",
    ),
    Mutant(
        "those who rang are free when another is found talking",
        COMPARE,
        "        _free(engaged, contact.legs)\n",
        "        pass\n",
    ),
    Mutant("a locked handset takes no right PIN", DESKS, "at < tries.locked_until", "False"),
    Mutant("failures of a handset are counted", DESKS, "else tries.failures + 1", "else 1"),
    Mutant(
        "an unknown number counts",
        DESKS,
        '        _count(floor, input_, "unknown_agent", at, into)\n',
        "        pass\n",
    ),
    Mutant("old failures are forgotten", DESKS, " or at - tries.last_at > floor.plan.pin_lock_s", ""),
    Mutant("a desk that becomes somebody's own is left", DESKS, " or (profile.pbx, agent.desk) in at_home", ""),
    Mutant("nobody is signed in without a handset", DESKS, "gone = not profile.endpoint", "gone = False"),
    Mutant(
        "whom the static queue may have served has not abandoned",
        COMPARE,
        "contact.state is ContactState.FALLBACK or input_.static_served",
        "contact.state is ContactState.FALLBACK",
    ),
    Mutant(
        "who was in the static queue and is gone has not abandoned",
        COMPARE,
        "contact.state is ContactState.FALLBACK or input_.static_served",
        "input_.static_served",
    ),
    Mutant("a test call that is found later is one too", DECISION, "test=is_test_call(input_.call)", "test=False"),
    Mutant(
        "the talk of a test call teaches nothing",
        FLOOR,
        "contact.queue if not contact.test else None",
        "contact.queue",
    ),
    Mutant("who refused is not recorded", RECORDING, "    if said is False:\n        return Verdict.REFUSED\n", ""),
    Mutant(
        "who said nothing is not recorded where consent is asked for",
        RECORDING,
        "return Verdict.YES if rule is _NOT_REFUSED else Verdict.NOT_AGREED",
        "return Verdict.YES",
    ),
    Mutant(
        "an agent who is never recorded is not",
        RECORDING,
        "    if agent.record is False:\n        return Verdict.AGENT\n",
        "",
    ),
    Mutant("the law goes before a refusal", RECORDING, "if rule is _ALWAYS or said is True:", "if said is True:"),
    Mutant(
        "what another offer's recording says is not believed",
        RECORDING,
        "known.offer == offer and known.recorder is None",
        "known.recorder is None",
    ),
    Mutant(
        "a pause that somebody died over is finished",
        RECORDING,
        "elif seen.paused is not known.paused and contact is not None:",
        "elif False and contact is not None:",
    ),
    Mutant(
        "a recording ends with its talk",
        CHANGES,
        "contact.agent = contact.offer = contact.recorder = None\n    learnt",
        "contact.agent = contact.offer = None\n    learnt",
    ),
    Mutant("an announcement waits for the end of another", HEARING, "max(due, hears.free_at)", "due"),
    Mutant("the welcome comes once", HEARING, "plan.welcome and hears.done < hears.since", "plan.welcome"),
    Mutant(
        "times stand on a grid", HEARING, "return first + count * times.every_s", "return hears.done + times.every_s"
    ),
    Mutant("what is said once is said once", HEARING, "    if not times.every_s:\n        return None\n", ""),
    Mutant("who rings back is not welcomed", HEARING, " or at - event.queued_at < JUST_NOW_S", " or True"),
    Mutant("another queue welcomes", HEARING, "bool(event.passed) or at", "at"),
    Mutant("what was said last counts in another queue", HEARING, "last=before.last)", "last=None)"),
    Mutant("an announcement is heard on in another queue", HEARING, "    if contact.held:\n", "    if False:\n"),
    Mutant(
        "what an offer cut off is over",
        HEARING,
        "free_at=at + APART_S, saying=None)\n    return _late",
        "saying=None)\n    return _late",
    ),
    Mutant(
        "who waits hears a new configuration",
        HEARING,
        "contact.hears is None\n            and contact.callback is None",
        "contact.callback is None",
    ),
    Mutant("an announcement lasts three minutes at most", HEARING, "LONGEST_S = 180.0", "LONGEST_S = 1800.0"),
    Mutant(
        "two announcements are a second apart",
        HEARING,
        "saying=None, free_at=at + APART_S)",
        "saying=None, free_at=at)",
    ),
    Mutant(
        "only callers hear something",
        HEARING,
        "queue.announcements is None or contact.medium is not Medium.VOICE:\n        return None\n    welcome",
        "queue.announcements is None:\n        return None\n    welcome",
    ),
    Mutant(
        "who is sent elsewhere hears nothing",
        ANNOUNCING,
        "isinstance(event, ev.ContactDiverted) and event.contact == contact_id",
        "False",
    ),
    Mutant("offers do not wait for hundreds", ANNOUNCING, ">= AT_ONCE:", ">= 10 * AT_ONCE:"),
    Mutant("what is not due yet is not said", ANNOUNCING, "        if point > at:\n            continue\n", ""),
    Mutant(
        "the position is told to the first ones",
        ANNOUNCING,
        "position > plan.position_up_to",
        "position >= plan.position_up_to",
    ),
    Mutant("the wait never grows", ANNOUNCING, "min(high_min, last.high_min)", "high_min"),
    Mutant("the wait is never cut short", ANNOUNCING, "above = bisect_left(", "above = -1 + bisect_left("),
    Mutant(
        "the end of another announcement ends none", ANNOUNCING, " or contact.hears.saying != input_.announcement", ""
    ),
    Mutant(
        "a replay says the same wait",
        ANNOUNCING,
        "if len(floor.routing.waiting) >= ASKED:",
        "if len(floor.routing.waiting) >= 1:",
    ),
    Mutant(
        "a boost counts in the position", POSITIONS, "contact.queued_at - boost_s(queue, contact)", "contact.queued_at"
    ),
    Mutant("who rings counts in the position", POSITIONS, "contact.state not in IN_LINE", "not contact.held"),
    Mutant("a comparison finds the end", COMPARE, "contact.hears.saying == call.announced", "False"),
    Mutant(
        "nothing is said where nobody steers",
        FLOOR,
        "contact.state is _WAITING and self.can_go(contact)\n        at",
        "contact.state is _WAITING\n        at",
    ),
    Mutant("a key is followed once", KEYS, "key_number(told.diversion) > known", "key_number(told.diversion) >= known"),
    Mutant("only a call has keys", KEYS, "return voice and", "return"),
    Mutant(
        "an offer goes before a key",
        KEYS,
        "contact is None or contact.state is not ContactState.WAITING",
        "contact is None",
    ),
    Mutant(
        "a key to a queue leads there", KEYS, "        _moves(floor, contact, input_.to, at, into)\n", "        pass\n"
    ),
    Mutant(
        "by a key no rule leads straight back",
        KEYS,
        "floor, contact, queue, (left,), at)",
        "floor, contact, queue, (), at)",
    ),
    Mutant(
        "the place goes along by a key",
        KEYS,
        "began = contact.queued_at if contact.queued_at is not None else at",
        "began = at",
    ),
    Mutant("who chose the same queue again was never away", KEYS, "    if queue != left:\n", "    if True:\n"),
    Mutant("from the menu another queue takes the caller", KEYS, "    if queue != left:\n", "    if False:\n"),
    Mutant(
        "a menu that broke off leaves the caller in the old queue",
        KEYS,
        "    elif contact.queue == left:\n",
        "    elif True:\n",
    ),
    Mutant(
        "a key that nobody heard is followed in the hold",
        KEYS,
        "if to is not None and contact.queue is not None and contact.state in _MAY_PRESS and unheard(contact, call):",
        "if False:",
    ),
    Mutant(
        "a key that nobody heard is found in the menu",
        KEYS,
        "kind = ToMenu if call.place is inp.Place.MENU else Outside",
        "kind = Outside",
    ),
    Mutant(
        "a key that nobody heard is found at a box",
        KEYS,
        "kind = ToMenu if call.place is inp.Place.MENU else Outside",
        "kind = ToMenu",
    ),
    Mutant(
        "who was at a box before is back first",
        KEYS,
        "failed(contact, DiversionFailure.UNSEEN, into)\n    elif",
        "pass\n    elif",
    ),
    Mutant(
        "a key of before a talk means nothing",
        KEYS,
        "{ContactState.WAITING, ContactState.OFFERED,",
        "{ContactState.CONNECTED, ContactState.RELEASED, ContactState.WAITING, ContactState.OFFERED,",
    ),
    Mutant(
        "in the static queue the key's queue counts",
        KEYS,
        "or not unheard(contact, call):\n        return otherwise",
        "or True:\n        return otherwise",
    ),
    Mutant(
        "whom nobody met brings the number of keys", CHANGES, "Rare(pressed=Pressed(number=event.keys)) if", "None if"
    ),
    Mutant(
        "the number of the last key is kept",
        CHANGES,
        "        contact.change(pressed=Pressed(number=number,",
        "        (Pressed(number=number,",
    ),
    Mutant(
        "who hangs up in the menu with a place gave up",
        DECISION,
        "if contact.queued_at is None else Outcome.ABANDONED_WAITING",
        "if True else Outcome.ABANDONED_WAITING",
    ),
    Mutant("of a key of ours nothing is sent again", COMPARE, "not key_number(contact.diversion) and ", ""),
)


class Fate(NamedTuple):
    """What became of a mutant. killer: the test that failed; empty: none did."""

    mutant: Mutant
    killer: str
    took_s: float


class Workshop:
    """A copy of the tree, in which one mutant at a time lives."""

    def __init__(self, tree: Path) -> None:
        self._tree = tree
        for name in ("contactd", "tests", "sql", "docs"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "setup.cfg", tree)

    def try_out(self, mutant: Mutant, first: str) -> Fate:
        """first: the test that killed it last time, which is most likely to do so again."""
        path = self._tree / "contactd/core" / mutant.file
        sound = path.read_text()
        began = time.monotonic()
        try:
            self._write(path, sound.replace(mutant.line, mutant.instead))
            killer = self._failing([first]) if first else ""
            killer = killer or self._failing(["tests/core"])
        finally:
            self._write(path, sound)
        return Fate(mutant, killer, time.monotonic() - began)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_text(text)
        # Python knows a source by its size and its second.
        Path(cache_from_source(str(path))).unlink(missing_ok=True)

    def _failing(self, tests: list[str]) -> str:
        """The first of the tests that fails; none: empty. A test that is gone fails not."""
        options = ("-q", "-x", "--no-header", "-p", "no:cacheprovider", "--deselect", "tests/core/test_mutants.py")
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *options, *tests],
                cwd=self._tree,
                capture_output=True,
                text=True,
                timeout=LONGEST_S,
            )
        except subprocess.TimeoutExpired:
            return "a test that never ends"
        if done.returncode in (0, _NO_SUCH_TEST):
            return ""
        failed = (line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR ")))
        return next(failed, "FAILED a test").split(maxsplit=1)[1].partition(" - ")[0]


LONGEST_S = 1800
_NO_SUCH_TEST = 4
KILLERS = Path(__file__).with_name("killers.txt")
"""Who killed which mutant last time: a test, two blanks, the rule. Only to be faster."""


def read_killers() -> dict[str, str]:
    lines = KILLERS.read_text().splitlines() if KILLERS.exists() else []
    return {rule: test for test, _, rule in (line.partition("  ") for line in lines)}


def write_killers(killers: dict[str, str]) -> None:
    rules = [mutant.rule for mutant in MUTANTS]
    KILLERS.write_text("".join(f"{killers[rule]}  {rule}\n" for rule in rules if killers.get(rule)))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.core.mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutants in whose rule one of these stands")
    parser.add_argument("--jobs", type=int, default=2, help="so many at once, each in a tree of its own")
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if not options.words or any(word in mutant.rule for word in options.words)]
    killers = read_killers()
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(options.jobs) as pool:
        shops: Queue[Workshop] = Queue()
        for number in range(options.jobs):
            shops.put(Workshop(Path(folder, str(number))))

        def try_out(mutant: Mutant) -> Fate:
            shop = shops.get()
            try:
                return shop.try_out(mutant, killers.get(mutant.rule, ""))
            finally:
                shops.put(shop)

        for fate in pool.map(try_out, chosen):
            killers[fate.mutant.rule] = fate.killer
            survivors += not fate.killer
            word = "killed  " if fate.killer else "SURVIVED"
            print(f"{word} {fate.took_s:6.1f} s  {fate.mutant.rule}  {fate.killer}", flush=True)
            write_killers(killers)
    print(f"{len(chosen) - survivors} of {len(chosen)} killed")
    return bool(survivors)


if __name__ == "__main__":
    raise SystemExit(main())
