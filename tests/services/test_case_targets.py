"""Answer targets: walks of random changes, whose clock is counted again minute by minute."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contactd.config import CaseType
from contactd.core.ids import CalendarId
from contactd.hours.calendar import Calendar
from contactd.hours.words import spans_of
from contactd.services.cases import targets as clock
from contactd.services.cases.changing import Edit, begun, changed
from contactd.services.cases.rules import CaseRefused, Rules
from contactd.store.case_changes import Held
from contactd.store.cases import CLOSED, FIRST_ANSWER, OPEN, RESOLUTION, WAITING, Case, Target

OFFICE = CalendarId("office")
NINE_TO_FIVE = Calendar(ZoneInfo("Europe/Berlin"), {day: spans_of("9:00-17:00") for day in range(5)})
MONDAY = 1795420800.0  # 2026-11-23 08:00 UTC, 9:00 in Berlin
HOUR = 3600.0
COMPLAINT = CaseType(calendar=OFFICE, first_answer_min=120, resolution_min=960, warn_min=60)
RULES = Rules.of(
    {"complaint": COMPLAINT, "idea": CaseType(), "fault": CaseType(resolution_min=600, topics={"line": ""})},
    {OFFICE: NINE_TO_FIVE},
    {"sales"},
    {"anna"},
)


def case_of(status: str = "new", phase: str = OPEN, type_name: str = "complaint") -> Case:
    return Case("id", "1047362946", type_name, None, status, phase, None, None, None, None, MONDAY, MONDAY, None)


def fresh(at: float = MONDAY) -> dict[str, Target]:
    found, _ = begun(case_of(), RULES, at)
    return {target.kind: target for target in found}


def test_targets_begin_with_the_case_and_know_when_they_break() -> None:
    first, resolution = fresh()[FIRST_ANSWER], fresh()[RESOLUTION]
    assert (first.warn_at, first.due) == (MONDAY + HOUR, MONDAY + 2 * HOUR)
    # Two days of eight hours; the warning comes an hour of the office's before.
    assert (resolution.warn_at, resolution.due) == (MONDAY + 31 * HOUR, MONDAY + 32 * HOUR)


def test_a_case_that_is_begun_waiting_or_closed_has_been_answered() -> None:
    for status, phase, state in (("waiting", WAITING, None), ("closed", CLOSED, MONDAY)):
        found, lines = begun(case_of(status, phase), RULES, MONDAY)
        by_kind = {target.kind: target for target in found}
        assert by_kind[FIRST_ANSWER].met_at == MONDAY
        assert by_kind[RESOLUTION].met_at == state and by_kind[RESOLUTION].due is None
        assert (FIRST_ANSWER, None, "kept") in lines
    assert begun(case_of("new", OPEN, "idea"), RULES, MONDAY) == ((), [])


def test_the_clock_stands_still_while_it_waits_for_the_customer() -> None:
    running = fresh()[RESOLUTION]
    still = clock.paused(running, NINE_TO_FIVE, MONDAY + 4 * HOUR)
    assert (still.left_s, still.since, still.due, still.warn_at) == (12 * HOUR, None, None, None)
    assert clock.paused(still, NINE_TO_FIVE, MONDAY + 7 * HOUR) == still
    # A week later, in the evening: the clock goes on in the morning.
    again = clock.resumed(still, NINE_TO_FIVE, HOUR, MONDAY + 7 * 24 * HOUR + 10 * HOUR)
    assert again.due == MONDAY + 9 * 24 * HOUR + 4 * HOUR
    assert clock.left_s(again, NINE_TO_FIVE, MONDAY + 8 * 24 * HOUR) == 12 * HOUR


def test_what_broke_stays_broken_and_is_not_paused() -> None:
    running = fresh()[FIRST_ANSWER]
    late = MONDAY + 5 * HOUR
    assert clock.paused(running, NINE_TO_FIVE, late) == running
    assert clock.left_s(running, NINE_TO_FIVE, late) == -3 * HOUR
    ended = clock.met(running, NINE_TO_FIVE, late)
    assert (ended.met_at, ended.broken_at, ended.left_s) == (late, MONDAY + 2 * HOUR, -3 * HOUR)
    assert clock.met(ended, NINE_TO_FIVE, late + 1) == clock.resumed(ended, NINE_TO_FIVE, 0, late + 1) == ended
    # To the second it is still in time.
    in_time = clock.met(running, NINE_TO_FIVE, MONDAY + 2 * HOUR)
    assert (in_time.broken_at, in_time.left_s) == (None, 0.0)


def test_a_calendar_that_does_not_open_makes_nothing_due() -> None:
    never = Calendar(ZoneInfo("Europe/Berlin"), {})
    waiting = clock.begun(RESOLUTION, OFFICE, never, HOUR, 0, MONDAY)
    assert waiting.due is None and clock.left_s(waiting, never, MONDAY + 1e6) == HOUR
    assert clock.met(waiting, never, MONDAY + 1e6).broken_at is None


def test_reopening_begins_the_resolution_anew_and_no_first_answer() -> None:
    held = Held(case_of(), tuple(fresh().values()), MONDAY + HOUR)
    closed, written = changed(held, Edit(status="closed"), RULES)
    assert closed.phase == CLOSED
    assert {line for line in written.lines if line[0] in (FIRST_ANSWER, RESOLUTION)} == {
        (FIRST_ANSWER, None, "kept"),
        (RESOLUTION, None, "kept"),
    }
    later = MONDAY + 7 * 24 * HOUR
    _, again = changed(Held(closed, tuple(written.targets), later), Edit(status="in_progress"), RULES)
    (resolution,) = again.targets
    assert (resolution.kind, resolution.left_s, resolution.since, resolution.met_at) == (
        RESOLUTION,
        16 * HOUR,
        later,
        None,
    )
    assert resolution.due == later + 32 * HOUR
    _, at_once = changed(Held(closed, tuple(written.targets), later), Edit(status="waiting"), RULES)
    (resolution,) = at_once.targets
    assert (resolution.left_s, resolution.since) == (16 * HOUR, None)


def test_another_type_measures_what_is_not_met_from_when_the_case_was_made() -> None:
    held = Held(case_of(), tuple(fresh().values()), MONDAY + HOUR)
    case, written = changed(held, Edit(type="fault", topic="line"), RULES)
    assert (case.type, case.topic, case.status) == ("fault", "line", "new")
    now = {target.kind: target for target in written.targets}
    assert now[RESOLUTION].due == MONDAY + 10 * HOUR and now[RESOLUTION].calendar is None
    # The new type has no first answer: it does not run any more.
    assert (now[FIRST_ANSWER].since, now[FIRST_ANSWER].due, now[FIRST_ANSWER].met_at) == (None, None, None)
    back, _ = changed(Held(case, tuple(written.targets), MONDAY + HOUR), Edit(type="complaint"), RULES)
    assert (back.topic, back.status) == (None, "new")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (Edit(type="complant"), "no type of case complant: give one of complaint, idea, fault"),
        (Edit(status="done"), "never done: give one of new, in_progress, waiting, closed"),
        (Edit(topic="line"), r"no topic line: add it to \[case_types.complaint.topics\]"),
        (Edit(type="fault", topic="cable"), "no topic cable: give one of line, or add it"),
        (Edit(agent="bert"), "no agent bert"),
        (Edit(queue="support"), "no queue support"),
        (Edit(agent="anna", queue="sales"), "one owner"),
        (Edit(words={"size": "3"}), "no field size in this type"),
    ],
)
def test_what_a_case_cannot_be_is_refused_with_a_remedy(edit: Edit, says: str) -> None:
    with pytest.raises(CaseRefused, match=says):
        changed(Held(case_of(), (), MONDAY), edit, RULES)


def test_a_change_to_what_it_is_leaves_no_line() -> None:
    case, written = changed(
        Held(case_of(), (), MONDAY), Edit(type="complaint", status="new", topic="", agent=""), RULES
    )
    assert case == case_of() and not written.lines and not written.targets


def test_an_undeclared_type_can_still_be_given_away_and_noted_but_not_moved_on() -> None:
    case, written = changed(
        Held(case_of(type_name="gone"), (), MONDAY), Edit(agent="anna", words={"subject": "x"}), RULES
    )
    assert (case.agent, list(written.lines)) == ("anna", [("agent", None, "anna")])
    with pytest.raises(CaseRefused, match=r"declare it as \[case_types.gone\]"):
        changed(Held(case_of(type_name="gone"), (), MONDAY), Edit(status="closed"), RULES)
    moved, _ = changed(Held(case_of("weird", OPEN, "gone"), (), MONDAY), Edit(type="idea"), RULES)
    assert (moved.type, moved.status) == ("idea", "new")


_STATUS = {OPEN: "in_progress", WAITING: "waiting", CLOSED: "closed"}


@settings(max_examples=120)
@given(st.lists(st.tuples(st.integers(1, 2000), st.sampled_from([OPEN, WAITING, CLOSED])), max_size=12))
def test_a_walk_of_changes_is_counted_minute_by_minute(steps: list[tuple[int, str]]) -> None:
    """By hand: a list of what each minute was; the target's own clock must say the same."""
    found, _ = begun(case_of(), RULES, MONDAY)
    held = Held(case_of(), found, MONDAY)
    left, phase, broken_at, met, answered_at = 960, OPEN, None, False, None
    minute = 0
    for pause, to in steps:
        for _ in range(pause):
            at = MONDAY + minute * 60
            counts = not met and (phase == OPEN or broken_at is not None)
            if counts and NINE_TO_FIVE.at(at).open:
                left -= 1
                if left == 0:
                    broken_at = at + 60
            minute += 1
        at = MONDAY + minute * 60
        case, written = changed(Held(held.case, held.targets, at), Edit(status=_STATUS[to]), RULES)
        now = {target.kind: target for target in (*held.targets, *written.targets)}
        held = Held(case, tuple(now.values()), at)
        if phase == CLOSED and to != CLOSED:
            left, broken_at, met = 960, None, False
        met = met or to == CLOSED
        answered_at = answered_at or (at if to != OPEN else None)
        phase = to
        target = now[RESOLUTION]
        assert (target.met_at is not None) == met
        # What breaks in this very minute, and is done in it, is in time.
        assert (target.broken_at is not None) == (met and broken_at is not None and broken_at < (target.met_at or at))
        assert clock.left_s(target, NINE_TO_FIVE, at) == left * 60
        assert now[FIRST_ANSWER].met_at == answered_at
