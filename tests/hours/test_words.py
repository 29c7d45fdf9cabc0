"""Hours, weekdays and dates as an admin writes them."""

from __future__ import annotations

from datetime import date

import pytest

from contactd.hours.words import WrongWords, dates_of, spans_of, weekdays_of


def test_spans_are_read_in_any_order_and_over_midnight() -> None:
    assert [str(span) for span in spans_of("13:00-17:30, 8:00-12:00")] == ["08:00-12:00", "13:00-17:30"]
    assert [str(span) for span in spans_of("22:00-6:00")] == ["22:00-06:00"]
    assert spans_of("0:00-24:00")[0].end_min == 24 * 60
    assert spans_of("closed") == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no span"),
        ("8-12", "no span"),
        ("8:00-12:60", "no span"),
        ("24:00-25:00", "no span"),
        ("8:00-24:30", "no span"),
        ("8:00-8:00", "no length"),
        ("8:00-12:00, 11:00-13:00", "overlap"),
        ("20:00-4:00, 23:00-23:30", "overlap"),
        ("8:00-12:00,", "no span"),
        (", ".join(f"{hour}:00-{hour}:30" for hour in range(13)), "13 spans"),
        ("\u0668:00-12:00", "no span"),
    ],
)
def test_wrong_hours_are_refused_with_what_to_write(text: str, says: str) -> None:
    with pytest.raises(WrongWords, match=says) as wrong:
        spans_of(text)
    assert wrong.value.remedy


def test_weekdays_go_round_the_week() -> None:
    assert weekdays_of("saturday-monday") == (5, 6, 0)
    assert weekdays_of("monday-sunday") == tuple(range(7))
    for text in ("mon", "monday-", "-monday", "monday-someday"):
        with pytest.raises(WrongWords):
            weekdays_of(text)


def test_dates_are_of_one_year_of_every_year_or_several_days() -> None:
    assert dates_of("2026-12-24") == (date(2026, 12, 24), date(2026, 12, 24))
    assert dates_of("02-29") == (2, 29)
    assert dates_of("2026-12-24/2027-01-06") == (date(2026, 12, 24), date(2027, 1, 6))
    for text in ("02-30", "2027-02-29", "2026-12-24/", "2027-01-06/2026-12-24", "2026-01-01/2027-01-02", "24.12."):
        with pytest.raises(WrongWords):
            dates_of(text)
