"""Hours, weekdays and dates as an admin writes them."""

from __future__ import annotations

import itertools
import re
from datetime import date, timedelta

from contactd.core.errors import ContactdError
from contactd.hours.calendar import DAY_MIN, Span, Spans

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CLOSED = "closed"
_SPAN = re.compile(r"([0-9]{1,2}):([0-5][0-9])-([0-9]{1,2}):([0-5][0-9])")
_MOST_SPANS = 12
_MOST_DAYS = 366
_LEAP_YEAR = 2000

YearlyDay = tuple[int, int]
"""Month and day."""


class WrongWords(ContactdError):
    """what, and a remedy."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}. {remedy}.")


def spans_of(text: str) -> Spans:
    """
    >>> [str(span) for span in spans_of("8:00-12:00, 22:00-06:00")]
    ['08:00-12:00', '22:00-06:00']
    >>> spans_of("closed")
    ()

    Raises WrongWords.
    """
    if text.strip() == CLOSED:
        return ()
    spans = []
    for part in text.split(","):
        found = _SPAN.fullmatch(part.strip())
        times = [int(number) for number in found.groups()] if found is not None else []
        begin, end = (times[0] * 60 + times[1], times[2] * 60 + times[3]) if times else (0, 0)
        if not times or begin >= DAY_MIN or end > DAY_MIN:
            raise WrongWords(
                f'"{part.strip()}" is no span of hours', 'Write it as "8:00-12:00, 13:00-17:30", or "closed"'
            )
        if begin == end:
            raise WrongWords(f'"{part.strip()}" has no length', 'For the whole day write "0:00-24:00"')
        spans.append(Span(begin, end if end > begin else end + DAY_MIN))
    spans.sort(key=lambda span: span.begin_min)
    if len(spans) > _MOST_SPANS:
        raise WrongWords(f"{len(spans)} spans in one day", f"Give {_MOST_SPANS} at most")
    for one, other in itertools.pairwise(spans):
        if other.begin_min < one.end_min:
            raise WrongWords(f"{one} and {other} overlap", "Write them as one")
    return tuple(spans)


def weekdays_of(text: str) -> tuple[int, ...]:
    """
    >>> weekdays_of("friday"), weekdays_of("monday-wednesday"), weekdays_of("saturday-monday")
    ((4,), (0, 1, 2), (5, 6, 0))

    Raises WrongWords.
    """
    first, dash, last = text.partition("-")
    if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
        raise WrongWords(f'"{text}" is no weekday', "Write monday to sunday, or two of them as in monday-friday")
    begin = WEEKDAYS.index(first)
    count = (WEEKDAYS.index(last) - begin) % 7 + 1 if dash else 1
    return tuple((begin + n) % 7 for n in range(count))


def dates_of(text: str) -> tuple[date, date] | YearlyDay:
    """From one date to another, or a day of every year.

    >>> dates_of("2026-12-24"), dates_of("12-24")
    ((datetime.date(2026, 12, 24), datetime.date(2026, 12, 24)), (12, 24))
    >>> dates_of("2026-12-24/2027-01-06")
    (datetime.date(2026, 12, 24), datetime.date(2027, 1, 6))

    Raises WrongWords.
    """
    remedy = 'Write "2026-12-24", "12-24" for every year, or "2026-12-24/2027-01-06" for all days from one to the other'
    try:
        if re.fullmatch(r"[0-9]{2}-[0-9]{2}", text):
            yearly = date.fromisoformat(f"{_LEAP_YEAR}-{text}")
            return yearly.month, yearly.day
        first, slash, last = text.partition("/")
        if not all(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", one) for one in (first, last or first)):
            raise ValueError
        begin = date.fromisoformat(first)
        end = date.fromisoformat(last) if slash else begin
    except ValueError:
        raise WrongWords(f'"{text}" is no date', remedy) from None
    if end < begin:
        raise WrongWords(f'"{text}" ends before it begins', "Exchange the two dates")
    if end - begin >= timedelta(days=_MOST_DAYS):
        raise WrongWords(f'"{text}" is longer than a year', "Change the hours of the week instead")
    return begin, end
