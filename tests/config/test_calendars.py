"""Calendars in the configuration: what is refused, with the line and what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contactd.config import ConfigErrors, calendars, calendars_of, load
from contactd.config.summary import summary
from contactd.core.ids import CalendarId
from contactd.core.plan import AtClosing
from tests.config.files import sample, write

OFFICE = CalendarId("office")


def refusals(tmp_path: Path, **changes: Any) -> list[str]:
    """Of the sample whose calendar's keys are these."""
    table = sample()
    table["calendars"]["office"] |= changes
    with pytest.raises(ConfigErrors) as refused:
        load(write(tmp_path, table))
    assert all(one.line is not None for one in refused.value.errors)
    return [str(one) for one in refused.value.errors]


@pytest.mark.parametrize(
    ("changes", "key", "says", "remedy"),
    [
        ({"time_zone": "Europe/Berln"}, "time_zone", "no time zone", "Europe/Berlin"),
        ({"time_zone": "../../etc/passwd"}, "time_zone", "cannot be used", "IANA"),
        ({"country": "XX"}, "country", "does not know", "DE"),
        ({"subdivision": "Bayern"}, "subdivision", 'no subdivision "Bayern"', "BY"),
        ({"ignore_holidays": ["Epiphany"]}, "ignore_holidays", "no holiday there", "Heilige Drei Könige"),
        ({"holiday_kinds": ["bank"]}, "holiday_kinds", "no holidays of the kind", "public"),
        ({"country": "", "subdivision": ""}, "observe_holidays", "holidays of no country", "country"),
        ({"hours": {"monday": "8-12"}}, "hours.monday", "cannot be used", "8:00-12:00"),
        ({"hours": {"monday": "8:00-8:00"}}, "hours.monday", "no length", "0:00-24:00"),
        ({"hours": {"monday": "8:00-12:00, 11:00-13:00"}}, "hours.monday", "overlap", "as one"),
        ({"hours": {"montag": "8:00-12:00"}}, "hours.montag", "no weekday", "monday"),
        ({"hours": {"monday-friday": "8:00-12:00", "friday": "8:00-10:00"}}, "hours.friday", "given twice", "once"),
        ({"special": {"12-32": {"reason": "?"}}}, "special.12-32", "no date", "12-24"),
        ({"special": {"2026-12-24": {}}}, "special.2026-12-24.reason", "missing", "a line"),
    ],
)
def test_what_is_wrong_is_told_with_the_line_and_a_remedy(
    tmp_path: Path, changes: dict[str, Any], key: str, says: str, remedy: str
) -> None:
    found = [one for one in refusals(tmp_path, **changes) if f" calendars.office.{key}:" in one]
    assert found, key
    assert says in found[0] and remedy in found[0]


def test_a_queue_names_a_calendar_that_there_is_and_says_where_callers_go(tmp_path: Path) -> None:
    table = sample()
    table["queues"]["sales"]["calendar"] = "ofice"
    with pytest.raises(
        ConfigErrors, match=r'queues\.sales\.calendar: there is no calendar "ofice"\. Give one of office'
    ):
        load(write(tmp_path, table))
    del table["calendars"]
    with pytest.raises(ConfigErrors, match=r"Add it as \[calendars\.ofice\]"):
        load(write(tmp_path, table))
    table = sample()
    del table["queues"]["sales"]["closed"]
    with pytest.raises(ConfigErrors, match=r"nobody says where callers go while the queue is closed\. Give closed"):
        load(write(tmp_path, table))


def test_the_floor_learns_which_calendar_a_queue_follows_and_no_hours(tmp_path: Path) -> None:
    plan = load(write(tmp_path, sample())).plan()
    assert plan.calendars == (OFFICE,)
    sales, service = plan.queues
    assert (sales.calendar, sales.at_closing, service.calendar) == (OFFICE, AtClosing.SERVE, None)
    assert sales.closed is not None and sales.closed_by_hand is not None


def test_the_calendars_are_read_whatever_else_is_wrong(tmp_path: Path) -> None:
    table = sample() | {"default_queue": "gone"}
    path = write(tmp_path, table)
    (tmp_path / "secrets.toml").unlink()
    assert set(calendars(path)) == {OFFICE}
    table["calendars"]["office"]["time_zone"] = "nowhere"
    with pytest.raises(ConfigErrors, match="no time zone"):
        calendars(write(tmp_path, table))


def test_another_calendar_is_another_configuration_that_a_reload_takes(tmp_path: Path) -> None:
    from contactd.config.plan import plan as reload_plan

    running = load(write(tmp_path, sample()))
    table = sample()
    table["calendars"]["office"]["hours"] = {"monday": "9:00-10:00"}
    made = reload_plan(running, load(write(tmp_path, table)))
    assert made.changes and all(change.live for change in made.changes)
    assert calendars_of(made.settings.calendars)[OFFICE].weekly.keys() == {0}


def test_what_is_allowed_and_perhaps_not_meant_is_worth_a_look(tmp_path: Path) -> None:
    table = sample()
    told = summary(load(write(tmp_path, table)))
    assert "calendars   office" in told and "calendars.office" not in told and "menus.main.needs" not in told
    table["calendars"]["idle"] = {"time_zone": "Europe/Berlin", "hours": {"monday": "8:00-9:00"}}
    table["calendars"]["office"]["hours"] = {}
    del table["calendars"]["office"]["special"]
    table["menus"]["main"]["needs"]["2"]["skills"] = {"english": 10, "latin": 1}
    told = summary(load(write(tmp_path, table)))
    assert "calendars.office: never open" in told
    assert "calendars.idle: no queue follows it" in told
    for skill, level in (("english", 10), ("latin", 1)):
        assert f"menus.main.needs.2.skills.{skill}: no agent has it at level {level}" in told
