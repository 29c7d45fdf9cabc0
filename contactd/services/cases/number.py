"""Case numbers: nine random digits and a check digit, so that a slip of the tongue or the finger finds no other case.

Digits only, since they are keyed in on telephones and typed on a TTY. Random, so that a number says neither who nor
how many; it is still no secret, and proves nothing of whoever gives it.
"""

from __future__ import annotations

import re

from contactd.core.errors import ContactdError

LOWEST, HIGHEST = 100_000_000, 999_999_999
"""The nine digits: none begins with 0, which a spreadsheet would take away."""
_TYPED = re.compile(r"[Cc]?[\s-]*([1-9][0-9]{9})")
_BETWEEN = re.compile(r"[\s.\-/\u2010-\u2015]+")
# Of order 10 and totally anti-symmetric: H. M. Damm, Total anti-symmetrische Quasigruppen, Marburg 2004.
_DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)


class NoCaseNumber(ContactdError):
    """A text that is no case number."""


def check_digit(digits: str) -> str:
    """Every single wrong digit and every two neighbours exchanged give another one.

    >>> check_digit("572")
    '4'
    """
    interim = 0
    for digit in digits:
        interim = int(_DAMM[interim][int(digit)])
    return str(interim)


def number_of(nine: int) -> str:
    """
    >>> number_of(104736294)
    '1047362946'
    """
    if not LOWEST <= nine <= HIGHEST:
        raise ValueError(nine)
    return f"{nine}{check_digit(str(nine))}"


def shown(number: str) -> str:
    """As people see and say it.

    >>> shown("1047362946")
    'C-10473-62946'
    """
    return f"C-{number[:5]}-{number[5:]}"


def looks_like(text: str) -> bool:
    """Whether somebody meant a case number, right or wrong."""
    return _TYPED.fullmatch(_BETWEEN.sub("", text.strip())) is not None


def parse(text: str) -> str:
    """The ten digits of a number however it was grouped. Raises NoCaseNumber.

    >>> parse("c-10473-62946"), parse("104 736 2946"), parse("C1047362946")
    ('1047362946', '1047362946', '1047362946')
    """
    found = _TYPED.fullmatch(_BETWEEN.sub("", text.strip()))
    if found is None:
        raise NoCaseNumber("A case number has ten digits, such as C-10473-62946.")
    if check_digit(found[1]) != "0":
        raise NoCaseNumber(
            f"{shown(found[1])} is no case's number: a digit is wrong, or two were exchanged. Compare it with what"
            " the customer has."
        )
    return found[1]
