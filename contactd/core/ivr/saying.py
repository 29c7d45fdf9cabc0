"""Numbers, money, dates, times and digits in the words of a language, in pieces that a voice has spoken beforehand.

A piece is spoken once, when the configuration loads, and joined with others while a caller listens: ``twenty-one``,
``thousand``, ``euros``. ``pieces()`` are those of one value, ``vocabulary()`` all that values of a kind can need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from contactd.core.ivr.expressions import Value
from contactd.core.ivr.prompts import How

LANGUAGES = ("en", "es")
"""As a language is written without its country."""
MOST = Decimal(10) ** 12
"""From here on a number is said digit by digit."""


@dataclass(frozen=True, slots=True)
class Money:
    """one, many: of the whole; cent, cents: of its hundredths. feminine: Spanish asks."""

    one: str
    many: str
    cent: str
    cents: str
    feminine: bool = False


CURRENCIES: dict[str, dict[str, Money]] = {
    "EUR": {"en": Money("euro", "euros", "cent", "cents"), "es": Money("euro", "euros", "céntimo", "céntimos")},
    "USD": {"en": Money("dollar", "dollars", "cent", "cents"), "es": Money("dólar", "dólares", "centavo", "centavos")},
    "GBP": {
        "en": Money("pound", "pounds", "penny", "pence"),
        "es": Money("libra", "libras", "penique", "peniques", feminine=True),
    },
    "MXN": {"en": Money("peso", "pesos", "centavo", "centavos"), "es": Money("peso", "pesos", "centavo", "centavos")},
    "CHF": {
        "en": Money("franc", "francs", "centime", "centimes"),
        "es": Money("franco", "francos", "céntimo", "céntimos"),
    },
}


def base(language: str) -> str:
    """``es_MX`` is said as ``es``."""
    return language.partition("_")[0]


def pieces(how: How, value: Value, language: str, currency: str) -> tuple[str, ...] | None:
    """None: not a value of that kind, or nobody here speaks the language."""
    speaker = _SPEAKERS.get(base(language))
    if speaker is None or value is None or isinstance(value, bool):
        return None
    return _SAY[how](speaker, str(value), CURRENCIES.get(currency, {}).get(base(language)))


def vocabulary(how: How, language: str, currency: str) -> frozenset[str]:
    """Every piece that any value of the kind may need."""
    speaker = _SPEAKERS.get(base(language))
    money = CURRENCIES.get(currency, {}).get(base(language))
    if speaker is None or (how is How.AMOUNT and money is None):
        return frozenset()
    found = set(speaker.digits.values())
    if how in (How.NUMBER, How.AMOUNT, How.DATE):
        some = (*range(1001), *range(1000, 100_000, 1000), 100_000, 10**6, 2 * 10**6, 10**9, 2 * 10**9)
        found |= {piece for form in ("", "m", "f") for number in some for piece in speaker.number(number, form)}
        found |= {speaker.minus, speaker.point}
    if money is not None and how is How.AMOUNT:
        found |= {money.one, money.many, money.cent, money.cents, speaker.and_, *speaker.of}
    if how is How.DATE:
        found |= {piece for month in range(1, 13) for day in range(1, 32) for piece in speaker.date(2026, month, day)}
        found |= {piece for year in (1900, 1905, 2000) for piece in speaker.date(year, 1, 1)}
    if how is How.TIME:
        found |= {piece for hour in range(24) for minute in range(60) for piece in speaker.time(hour, minute)}
    return frozenset(found)


def _numbers(text: str, sign: str, count: int) -> list[int]:
    parts = text.split(sign)
    return [int(part) for part in parts] if len(parts) == count and all(part.isdecimal() for part in parts) else []


def _decimal(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _number(speaker: Speaker, text: str, _: Money | None) -> tuple[str, ...] | None:
    number = _decimal(text)
    if number is None:
        return None
    if abs(number) >= MOST:
        return _digits(speaker, text, None)
    whole, _dot, rest = format(abs(number), "f").partition(".")
    said = [speaker.minus] if number < 0 else []
    said += speaker.number(int(whole), "")
    if rest.strip("0"):
        said += [speaker.point, *(speaker.digit(one) for one in rest.rstrip("0"))]
    return tuple(said)


def _amount(speaker: Speaker, text: str, money: Money | None) -> tuple[str, ...] | None:
    amount = _decimal(text)
    if amount is None or money is None or abs(amount) >= MOST:
        return None
    # As people are owed: half a cent is one.
    cents = int((abs(amount) * 100).to_integral_value(ROUND_HALF_UP))
    whole, cents = divmod(cents, 100)
    said = [speaker.minus] if amount < 0 and (whole or cents) else []
    if whole or not cents:
        said += speaker.number(whole, "f" if money.feminine else "m")
        # Spanish: un millón de euros.
        said += speaker.of if whole and whole % 10**6 == 0 else ()
        said.append(money.one if whole == 1 else money.many)
    if cents:
        said += [speaker.and_] if whole else []
        said += [*speaker.number(cents, "m"), money.cent if cents == 1 else money.cents]
    return tuple(said)


def _digits(speaker: Speaker, text: str, _: Money | None) -> tuple[str, ...] | None:
    return tuple(speaker.digit(one) for one in text if one in speaker.digits) or None


def _date(speaker: Speaker, text: str, _: Money | None) -> tuple[str, ...] | None:
    parts = _numbers(text, "-", 3)
    right = parts and 0 < parts[0] < 10_000 and 1 <= parts[1] <= 12 and 1 <= parts[2] <= 31
    return tuple(speaker.date(*parts)) if right else None


def _time(speaker: Speaker, text: str, _: Money | None) -> tuple[str, ...] | None:
    parts = _numbers(text, ":", 2)
    return tuple(speaker.time(*parts)) if parts and parts[0] < 24 and parts[1] < 60 else None


_SAY = {How.DIGITS: _digits, How.NUMBER: _number, How.AMOUNT: _amount, How.DATE: _date, How.TIME: _time}


@dataclass(frozen=True, slots=True)
class Speaker:
    """A language. number takes a form that Spanish needs: "" alone, "m" and "f" before a noun."""

    digits: dict[str, str]
    number: Callable[[int, str], list[str]]
    date: Callable[[int, int, int], list[str]]
    time: Callable[[int, int], list[str]]
    minus: str
    point: str
    and_: str
    of: tuple[str, ...] = ()

    def digit(self, one: str) -> str:
        return self.digits[one]


def _words(text: str) -> list[str]:
    return text.split()


# --- English ----------------------------------------------------------------------------------------------------------

_EN_SMALL = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
)
_EN_TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
_EN_SCALES = (("billion", 10**9), ("million", 10**6), ("thousand", 1000))
_EN_MONTHS = _words("January February March April May June July August September October November December")
_EN_DAYS = _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth"
    " fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first"
    " twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth"
    " twenty-ninth thirtieth thirty-first"
)


def _en_small(number: int) -> str:
    if number < 20:
        return _EN_SMALL[number]
    tens, one = divmod(number, 10)
    return _EN_TENS[tens - 2] + (f"-{_EN_SMALL[one]}" if one else "")


def _en_number(number: int, _form: str = "") -> list[str]:
    return list(_en_parts(number)) or ["zero"]


def _en_parts(number: int) -> Iterator[str]:
    for name, scale in _EN_SCALES:
        count, number = divmod(number, scale)
        if count:
            yield from _en_parts(count)
            yield name
    hundreds, rest = divmod(number, 100)
    if hundreds:
        yield f"{_EN_SMALL[hundreds]} hundred"
    if rest:
        yield _en_small(rest)


def _en_date(year: int, month: int, day: int) -> list[str]:
    return [_EN_MONTHS[month - 1], _EN_DAYS[day - 1], *_en_year(year)]


def _en_year(year: int) -> list[str]:
    century, rest = divmod(year, 100)
    if not 1100 <= year <= 2099 or (century % 10 == 0 and rest < 10):
        return _en_number(year)
    if rest == 0:
        return [_en_small(century), "hundred"]
    return [_en_small(century), *(["oh"] if rest < 10 else []), _en_small(rest)]


def _en_time(hour: int, minute: int) -> list[str]:
    said = [_en_small((hour - 1) % 12 + 1)]
    if minute:
        said += [*(["oh"] if minute < 10 else []), _en_small(minute)]
    elif hour % 12 == 0:
        return ["noon" if hour else "midnight"]
    else:
        said.append("o'clock")
    return [*said, "A M" if hour < 12 else "P M"]


# --- Spanish ----------------------------------------------------------------------------------------------------------

_ES_SMALL = _words(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis"
    " diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco"
    " veintiséis veintisiete veintiocho veintinueve"
)
_ES_TENS = _words("treinta cuarenta cincuenta sesenta setenta ochenta noventa")
_ES_HUNDREDS = _words(
    "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
)
_ES_MONTHS = _words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre")
_ES_ONE = {"": ("uno", "veintiuno"), "m": ("un", "veintiún"), "f": ("una", "veintiuna")}


def _es_small(number: int, form: str) -> str:
    one, twenty_one = _ES_ONE[form]
    if number in (1, 21):
        return one if number == 1 else twenty_one
    if number < 30:
        return _ES_SMALL[number]
    tens, rest = divmod(number, 10)
    return _ES_TENS[tens - 3] + (f" y {_es_small(rest, form)}" if rest else "")


def _es_number(number: int, form: str = "") -> list[str]:
    return list(_es_parts(number, form)) or ["cero"]


def _es_parts(number: int, form: str) -> Iterator[str]:
    # A Spanish billón is a million of millions: mil millones is what English calls a billion.
    millions, number = divmod(number, 10**6)
    if millions == 1:
        yield "un millón"
    elif millions:
        yield from _es_parts(millions, "m")
        yield "millones"
    thousands, number = divmod(number, 1000)
    if thousands > 1:
        yield from _es_parts(thousands, form or "m")
    if thousands:
        yield "mil"
    hundreds, rest = divmod(number, 100)
    if hundreds == 1 and not rest:
        yield "cien"
    elif hundreds:
        word = _ES_HUNDREDS[hundreds - 1]
        yield f"{word[:-2]}as" if form == "f" and hundreds > 1 else word
    if rest:
        yield _es_small(rest, form)


def _es_date(year: int, month: int, day: int) -> list[str]:
    said_day = "primero" if day == 1 else _es_small(day, "")
    return [said_day, f"de {_ES_MONTHS[month - 1]}", "de", *_es_number(year)]


def _es_time(hour: int, minute: int) -> list[str]:
    """By twenty-four hours, which needs no part of the day."""
    said = ["la una" if hour == 1 else f"las {_es_small(hour, 'f')}"]
    if minute:
        return [*said, f"y {_es_small(minute, '')}"]
    return [*said, "en punto"]


_SPEAKERS: dict[str, Speaker] = {
    "en": Speaker(
        dict(zip("0123456789", _EN_SMALL, strict=False)), _en_number, _en_date, _en_time, "minus", "point", "and"
    ),
    "es": Speaker(
        dict(zip("0123456789", _ES_SMALL, strict=False)),
        _es_number,
        _es_date,
        _es_time,
        "menos",
        "coma",
        "con",
        ("de",),
    ),
}
