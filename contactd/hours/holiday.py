"""Public holidays, by the library ``holidays``. It takes 0.4 s and 17 MB, so it is loaded only where a calendar names a
country; tests/hours holds what we rely on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from contactd.core.errors import ContactdError

PUBLIC = "public"
_NAMES_OF = range(2015, 2046)
"""Years whose holidays are the names that an admin may write; some fall on a working day once in a decade only."""
_MOST_YEARS = 8


class UnknownHolidays(ContactdError):
    """key: of [calendars.<id>]; remedy: what to write instead."""

    def __init__(self, key: str, what: str, remedy: str) -> None:
        self.key, self.what, self.remedy = key, what, remedy
        super().__init__(f"{what}. {remedy}.")


Holidays = Callable[[int], Mapping[date, str]]
"""Of a year: each holiday's name, in the language of the country."""


@functools.lru_cache(64)
def holidays_of(
    country: str,
    subdivision: str = "",
    kinds: tuple[str, ...] = (PUBLIC,),
    observe: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
) -> Holidays:
    """observe: names of other kinds that count as well. ignore: names that do not count.

    Raises UnknownHolidays.
    """
    import holidays  # noqa: PLC0415 - for those only who need it

    if country not in holidays.list_supported_countries(include_aliases=False):
        raise UnknownHolidays(
            "country", "the library of holidays does not know this country", "Give two letters such as DE, FR or US"
        )
    made = getattr(holidays, country)
    known = tuple(made.subdivisions)
    if subdivision and subdivision not in known:
        remedy = f"Give one of {', '.join(known)}" if known else "Leave it out: this country has none"
        raise UnknownHolidays("subdivision", f'{country} has no subdivision "{subdivision}"', remedy)
    every = tuple(made.supported_categories)
    for kind in kinds:
        if kind not in every:
            raise UnknownHolidays(
                "holiday_kinds", f'{country} has no holidays of the kind "{kind}"', f"Give some of {', '.join(every)}"
            )

    @functools.lru_cache(_MOST_YEARS)
    def named(year: int, kinds: tuple[str, ...]) -> Mapping[date, str]:
        # A language, since without one the environment's would choose it, and the admin's words would match no more.
        found = holidays.country_holidays(
            country, subdiv=subdivision or None, years=year, categories=kinds, language=made.default_language
        )
        return {on: name for on, name in found.items() if on.year == year}

    _check_names(named, kinds, every, observe, ignore)

    @functools.lru_cache(_MOST_YEARS)
    def of_year(year: int) -> Mapping[date, str]:
        counted: dict[date, list[str]] = {}
        for on, text in named(year, kinds).items():
            counted[on] = [name for name in _split(text) if name not in ignore]
        for on, text in named(year, every).items() if observe else ():
            known = counted.setdefault(on, [])
            known += [name for name in _split(text) if name in observe and name not in known]
        return {on: ", ".join(names) for on, names in counted.items() if names}

    return of_year


def _check_names(
    named: Callable[[int, tuple[str, ...]], Mapping[date, str]],
    kinds: tuple[str, ...],
    every: tuple[str, ...],
    observe: Sequence[str],
    ignore: Sequence[str],
) -> None:
    for key, names, of in (("ignore_holidays", ignore, kinds), ("observe_holidays", observe, every)):
        if names:
            known = sorted({one for year in _NAMES_OF for text in named(year, of).values() for one in _split(text)})
            for name in names:
                if name not in known:
                    remedy = f"Give one of: {'; '.join(known)}"
                    raise UnknownHolidays(key, f'no holiday there is called "{name}"', remedy)


def _split(text: str) -> list[str]:
    """Two holidays on one date are told as one text."""
    return text.split("; ")
