"""What we rely on in the library of holidays."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date

import pytest

from contactd.hours.holiday import UnknownHolidays, holidays_of


def test_a_subdivision_has_holidays_of_its_own() -> None:
    germany, bavaria = holidays_of("DE"), holidays_of("DE", "BY")
    epiphany = date(2027, 1, 6)
    assert epiphany not in germany(2027) and bavaria(2027)[epiphany] == "Heilige Drei Könige"
    assert bavaria(2027)[date(2027, 3, 29)] == "Ostermontag"


def test_a_holiday_that_is_moved_is_kept_on_the_day_it_is_moved_to() -> None:
    assert holidays_of("US")(2027)[date(2027, 7, 5)] == "Independence Day (observed)"
    # New Year's Day of 2028 is a Saturday.
    assert holidays_of("US")(2027)[date(2027, 12, 31)] == "New Year's Day (observed)"


def test_single_ones_are_ignored_and_others_observed() -> None:
    made = holidays_of("DE", "BY", ignore=("Heilige Drei Könige",), observe=("Mariä Himmelfahrt",))
    assert date(2027, 1, 6) not in made(2027)
    assert made(2027)[date(2027, 8, 15)] == "Mariä Himmelfahrt"
    assert date(2027, 8, 15) not in holidays_of("DE", "BY")(2027)


@pytest.mark.parametrize(
    ("words", "key", "remedy"),
    [
        ({"country": "XX"}, "country", "two letters"),
        ({"country": "DE", "subdivision": "Bayern"}, "subdivision", "BY"),
        ({"country": "DE", "kinds": ("bank",)}, "holiday_kinds", "public"),
        ({"country": "DE", "ignore": ("Epiphany",)}, "ignore_holidays", "Neujahr"),
        # A holiday of another kind is not ignored but never kept.
        ({"country": "DE", "subdivision": "BY", "ignore": ("Mariä Himmelfahrt",)}, "ignore_holidays", "Neujahr"),
        ({"country": "DE", "observe": ("Nobody's Day",)}, "observe_holidays", "Neujahr"),
    ],
)
def test_what_the_library_does_not_know_is_refused_with_what_it_knows(words: dict, key: str, remedy: str) -> None:
    with pytest.raises(UnknownHolidays) as unknown:
        holidays_of(**words)
    assert unknown.value.key == key and remedy in unknown.value.remedy


def test_names_do_not_depend_on_the_language_of_the_environment() -> None:
    code = (
        "from datetime import date\nfrom contactd.hours.holiday import holidays_of\n"
        "print(holidays_of('DE')(2027)[date(2027, 1, 1)])"
    )
    for language in ("en_US.UTF-8", "th_TH.UTF-8", "C"):
        told = {**os.environ, "LANG": language, "LANGUAGE": language, "PYTHONUTF8": "1"}
        done = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "Neujahr"


def test_the_library_is_loaded_for_those_only_who_name_a_country() -> None:
    code = (
        "import sys\nfrom contactd.config import calendars_of\nfrom contactd.config.sections import Calendar\n"
        "calendars_of({'a': Calendar(time_zone='Europe/Berlin')})\nassert 'holidays' not in sys.modules\n"
        "calendars_of({'a': Calendar(time_zone='Europe/Berlin', country='DE')})\nassert 'holidays' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
