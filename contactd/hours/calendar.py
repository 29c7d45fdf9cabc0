"""When a calendar is open. Pure: the instant, the time zone and the holidays are given.

Hours are those of the wall clock. Where it jumps, three rules:

- a time that a night leaves out (02:30 in spring) is the moment of the jump; so is a midnight that does not exist;
- of a time that comes twice, a span begins at the first and ends at the last: nobody opens, closes and opens again;
- a span belongs to the day on which it begins, and ends as it would on any other night.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

from contactd.core.ids import Instant

DAY_MIN = 24 * 60
_LOOK_BACK = 2
"""Days: a span may reach into the next day, and a zone may leave a day out."""
_LOOK_AHEAD = 400
"""Days without a change after which a calendar counts as never changing."""
HOURS, OUT_OF_HOURS = "hours", "out of hours"


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes since midnight. end_min may be up to two days: 22:00-06:00 ends at 30:00."""

    begin_min: int
    end_min: int

    def __str__(self) -> str:
        """
        >>> str(Span(22 * 60, 30 * 60)), str(Span(0, 24 * 60))
        ('22:00-06:00', '00:00-24:00')
        """
        end = self.end_min - DAY_MIN if self.end_min > DAY_MIN else self.end_min
        return f"{_clock(self.begin_min)}-{_clock(end)}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Special:
    """Other hours from one date to another, both included; in place of the week's and of a holiday's."""

    first: date
    last: date
    spans: Spans
    reason: str


@dataclass(frozen=True, slots=True)
class Day:
    """What is meant for one date. why: HOURS, the holiday's name, or the special day's reason."""

    on: date
    spans: Spans
    why: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What a calendar is at an instant. until: the next opening or closing; None: none within a year."""

    open: bool
    why: str
    until: Instant | None


def _no_holidays(_: int) -> Mapping[date, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Calendar:
    """weekly: by weekday, Monday 0. yearly: by month and day. holidays: of a year, closed; by date."""

    zone: tzinfo
    weekly: Mapping[int, Spans]
    special: tuple[Special, ...] = ()
    yearly: Mapping[tuple[int, int], tuple[Spans, str]] = field(default_factory=dict)
    holidays: Callable[[int], Mapping[date, str]] = _no_holidays

    def day(self, on: date) -> Day:
        """The narrowest word counts: a date of one year, a date of every year, a holiday, the week."""
        found = [special for special in self.special if special.first <= on <= special.last]
        if found:
            narrowest = min(found, key=lambda special: (special.last - special.first, special.first))
            return Day(on, narrowest.spans, narrowest.reason)
        if (on.month, on.day) in self.yearly:
            return Day(on, *self.yearly[on.month, on.day])
        holiday = self.holidays(on.year).get(on)
        if holiday is not None:
            return Day(on, (), holiday)
        return Day(on, self.weekly.get(on.weekday(), ()), HOURS)

    def at(self, instant: Instant) -> Turn:
        """Whether it is open at instant, why, and until when."""
        today = self.local(instant).date()
        before = _days_later(today, -_LOOK_BACK)
        for begin, end in self._merged(before, _days_later(today, _LOOK_AHEAD)):
            if instant < begin:
                return Turn(False, self._closed_because(today), begin)
            if instant < end:
                always = self.local(end).date() > _days_later(today, _LOOK_AHEAD - _LOOK_BACK)
                return Turn(True, self._open_because(today), None if always else end)
        return Turn(False, self._closed_because(today), None)

    def spans_on(self, on: date) -> Iterator[tuple[Instant, Instant]]:
        """The spans that begin on a date, as instants, in their order; without those that a jump has swallowed."""
        for span in sorted(self.day(on).spans, key=lambda span: span.begin_min):
            begin, end = self.ends_of(on, span)
            if begin < end:
                yield begin, end

    def ends_of(self, on: date, span: Span) -> tuple[Instant, Instant]:
        """When a span that belongs to a date begins and ends."""
        return self._instant(on, span.begin_min, last=False), self._instant(on, span.end_min, last=True)

    def next_midnight(self, instant: Instant) -> Instant:
        """When the next date begins, which may bring another reason."""
        return self._instant(_days_later(self.local(instant).date(), 1), 0, last=False)

    def local(self, instant: Instant) -> datetime:
        return datetime.fromtimestamp(instant, UTC).astimezone(self.zone)

    def _merged(self, first: date, last: date) -> Iterator[tuple[Instant, Instant]]:
        """What is open from the first date to the last: spans that touch or overlap are one."""
        held: tuple[Instant, Instant] | None = None
        on = first
        while on <= last:
            for begin, end in self.spans_on(on):
                if held is None:
                    held = (begin, end)
                elif begin <= held[1]:
                    held = (held[0], max(held[1], end))
                else:
                    yield held
                    held = (begin, end)
            if on == last:
                break
            on = _days_later(on, 1)
        if held is not None:
            yield held

    def _closed_because(self, today: date) -> str:
        why = self.day(today).why
        return OUT_OF_HOURS if why == HOURS else why

    def _open_because(self, today: date) -> str:
        """The night's span of the day before goes on whatever today is."""
        day = self.day(today)
        return day.why if day.spans else HOURS

    def _instant(self, on: date, minutes: int, *, last: bool) -> Instant:
        """When the wall clock shows it. last: the second time, where it comes twice."""
        naive = datetime(on.year, on.month, on.day) + timedelta(minutes=minutes)
        first_time = naive.replace(tzinfo=self.zone, fold=0).timestamp()
        if self.local(first_time).replace(tzinfo=None) == naive:
            return naive.replace(tzinfo=self.zone, fold=1).timestamp() if last else first_time
        return self._jump(naive.replace(tzinfo=self.zone, fold=1).timestamp(), first_time)

    def _jump(self, before: Instant, after: Instant) -> Instant:
        """The second between the two at which the zone's offset changes."""
        seconds = range(int(before), int(after) + 1)
        old = self.local(before).utcoffset()
        return float(seconds[bisect_right(seconds, False, key=lambda at: self.local(at).utcoffset() != old)])


def _days_later(on: date, days: int) -> date:
    return date.fromordinal(min(max(on.toordinal() + days, 1), date.max.toordinal()))
