"""When queues are open."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from contactd.config.sections import words


class SpecialDay(Struct, frozen=True, kw_only=True):
    """Other hours, in place of the week's and of a holiday's. One date goes before several days, a date of one year
    before that of every year."""

    hours: words.Hours = "closed"
    """The hours that begin on this date."""
    reason: Annotated[str, Meta(pattern=r"^[^\0-\x1f\x7f]{1,100}\Z", description="a line of at most 100 characters")]
    """Why: ``contactctl hours`` and ``queues`` show it, and the journal keeps it."""


class Calendar(Struct, frozen=True, kw_only=True):
    """When queues are open: ``calendar`` of [queues.<id>] names it. ``contactctl hours`` shows the next days as
    contactd understands them. Hours that go over midnight belong to the day on which they begin; docs/routing.rst says
    what happens in the nights in which clocks are changed."""

    time_zone: words.Zone
    """Whose clock the hours are told by."""
    country: Annotated[str, Meta(pattern=r"^([A-Z]{2})?\Z", description='a country such as "DE"')] = ""
    """Closed on its public holidays. Empty: no holidays."""
    subdivision: Annotated[
        str, Meta(pattern=r"^[^\0-\x1f\x7f]{0,40}\Z", description='a part of the country such as "BY"')
    ] = ""
    """Whose holidays these are. Empty: those of the whole country only."""
    holiday_kinds: tuple[
        Annotated[str, Meta(pattern=r"^[a-z_]{1,30}\Z", description='a kind such as "public" or "bank"')], ...
    ] = ("public",)
    """Which kinds of holidays are kept, as far as the country knows them."""
    observe_holidays: tuple[words.Holiday, ...] = ()
    """Holidays of other kinds that are kept too, by the name that ``contactctl hours`` shows."""
    ignore_holidays: tuple[words.Holiday, ...] = ()
    """Holidays that are not kept: the hours of the week count."""
    hours: dict[words.Weekdays, words.Hours] = {}
    """Weekday = hours. A day that is left out is closed."""
    special: dict[words.Dates, SpecialDay] = {}


class CalendarSections(Struct, frozen=True, kw_only=True):
    """The calendars alone, for who asks only for them."""

    calendars: dict[words.Calendar, Calendar] = {}
