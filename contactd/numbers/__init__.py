"""What a telephone number is, by the world's numbering plans: from the digits to core's Number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from contactd.core.dialling import Number, NumberKind
from contactd.core.ids import Instant

_KINDS = {
    PhoneNumberType.FIXED_LINE: NumberKind.FIXED_LINE,
    PhoneNumberType.MOBILE: NumberKind.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberKind.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP: NumberKind.VOIP,
    PhoneNumberType.PERSONAL_NUMBER: NumberKind.PERSONAL,
    PhoneNumberType.TOLL_FREE: NumberKind.TOLL_FREE,
    PhoneNumberType.SHARED_COST: NumberKind.SHARED_COST,
    PhoneNumberType.UAN: NumberKind.COMPANY,
    PhoneNumberType.PAGER: NumberKind.PAGER,
    PhoneNumberType.VOICEMAIL: NumberKind.VOICEMAIL,
    PhoneNumberType.PREMIUM_RATE: NumberKind.PREMIUM,
}
_NO_COUNTRY = "001"
_LONGEST_SHORT = 6


def number_of(text: str, country: str = "") -> Number:
    """Of a number as somebody dials it. country: whose numbers are written without one. Of no clock yet.

    >>> number_of("030 1234567", "DE").kind, number_of("0900 5123456", "DE").kind, number_of("+8816 123456789").kind
    (<NumberKind.FIXED_LINE: 'fixed_line'>, <NumberKind.PREMIUM: 'premium'>, <NumberKind.SATELLITE: 'satellite'>)
    >>> number_of("112", "DE").emergency, number_of("110", "DE").emergency, number_of("1001", "DE").kind
    (True, True, <NumberKind.SHORT: 'short'>)
    """
    digits = "".join(letter for letter in text if letter in "+0123456789")
    if len(digits) <= _LONGEST_SHORT:
        return Number(country=country, kind=NumberKind.SHORT, emergency=_is_emergency(digits, country))
    parsed = _parsed(digits, country)
    if parsed is None:
        return Number()
    region = phonenumbers.region_code_for_number(parsed) or ""
    if region == _NO_COUNTRY:
        # UIFN (+800) and the like: their kind is told, a satellite's is that of a mobile.
        kind = _KINDS.get(phonenumbers.number_type(parsed), NumberKind.UNKNOWN)
        free = kind in (NumberKind.TOLL_FREE, NumberKind.SHARED_COST, NumberKind.PREMIUM)
        return Number(kind=kind if free else NumberKind.SATELLITE)
    return Number(country=region, kind=_KINDS.get(phonenumbers.number_type(parsed), NumberKind.UNKNOWN))


def clocks_at(text: str, country: str, at: Instant) -> tuple[int, ...]:
    """Minutes after midnight where the number may be. Empty: nobody knows where it is."""
    # Its tables take a moment to load, and only who is called back needs them.
    from phonenumbers.timezone import time_zones_for_number  # noqa: PLC0415

    parsed = _parsed(text, country)
    if parsed is None:
        return ()
    clocks = {local.hour * 60 + local.minute for local in _times(time_zones_for_number(parsed), at)}
    return tuple(sorted(clocks))


def _times(zones: tuple[str, ...], at: Instant) -> Iterator[datetime]:
    for zone in zones:
        try:
            yield datetime.fromtimestamp(at, ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError):
            continue


def _parsed(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country or None)
    except NumberParseException:
        return None


def _is_emergency(digits: str, country: str) -> bool:
    """Of the country, or of any country where we do not know ours: help is nobody's to be called by mistake."""
    from phonenumbers.shortnumberinfo import connects_to_emergency_number  # noqa: PLC0415 - as above

    return digits in ("112", "911", "999") or bool(country and connects_to_emergency_number(digits, country))
