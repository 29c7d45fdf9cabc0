"""The five-bit code of V.18 table A.1: two shifts, letters and figures. No lower case, no accents.

A code means a character only together with the shift that was sent last. So a lost shift spoils all that follows it;
who sends repeats it (Encoder), and who reads can be told to expect letters after a space (Decoder).
"""

# ruff: noqa: RUF001 - characters that look like others are what it is about

import unicodedata
from dataclasses import dataclass

FIGS, LTRS = 0b11011, 0b11111
SPACE, CR, LF = 0b00100, 0b01000, 0b00010
CODES = 32

_LETTERS = "\bE\nA SIU\rDRJNFCKTZLWHYPQOBG\0MXV\0"
# Figures of S: a bell on old machines, nothing in V.18.
_FIGURES = "\b3\n- \a87\r$4',!:(5\")2=6019?+\0./;\0"

RESEND_AFTER = 72
"""V.18 A.4: the shift is repeated after so many characters."""

UNKNOWN = "?"
"""Sent for a character that has no other way."""

_TO_CODE: dict[str, tuple[int | None, int]] = {
    **{character: (FIGS, code) for code, character in enumerate(_FIGURES)},
    **{character: (LTRS, code) for code, character in enumerate(_LETTERS)},
    # In both shifts.
    **{character: (None, code) for character, code in (("\b", 0), (" ", SPACE), ("\r", CR), ("\n", LF))},
}
del _TO_CODE["\0"], _TO_CODE["\a"]

# Written as a reader of a TTY understands it. V.18 table A.2 has one character for each (# as $, % as /, @ as X), which
# turns 50% into 50/ and an address into another one.
_SPELLED = {
    **dict(zip("ÄÖÜÆŒØÅẞÞÐ", ("AE", "OE", "UE", "AE", "OE", "OE", "AA", "SS", "TH", "D"), strict=True)),
    **dict(zip("ĐĦŁŊŦ", ("D", "H", "L", "NG", "T"), strict=True)),
    **dict(zip("@%#&*", ("(AT)", " PERCENT", "NR ", "+", "."), strict=True)),
    **dict(zip("€£¥§°©®™×÷⁄", ("EUR", "GBP", "YEN", "PAR ", " DEG", "(C)", "(R)", "(TM)", "X", "/", "/"), strict=True)),
    **dict(zip("<>[]{}\\|^_`~", ("(", ")", "(", ")", "(", ")", "/", "!", "'", " ", "'", "-"), strict=True)),
    **dict.fromkeys("‘’‚‛′‹›", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict(zip("‐‑‒–—―−…•·\t\u00ad", ("-", "-", "-", "-", "-", "-", "-", "...", ".", ".", " ", ""), strict=True)),
    **dict(zip("¿¡\a\u200b\ufeff", ("", "", "", "", ""), strict=True)),
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """text: what the far end will read, of characters that the code has. lost: which had no way, each once."""

    text: str
    lost: str = ""


def prepare(text: str) -> Prepared:
    """In capitals, with what the code lacks written out (ü as UE), or as UNKNOWN and told in ``lost``.

    >>> prepare("Grüße, 50 % naïve")
    Prepared(text='GRUESSE, 50 PERCENT NAIVE', lost='')
    >>> prepare("日本")
    Prepared(text='??', lost='日本')
    """
    sent: list[str] = []
    lost: dict[str, None] = {}
    for character in unicodedata.normalize("NFC", text):
        written = _written(character)
        if written is None:
            lost[character] = None
            written = UNKNOWN
        if len(written) > 1 and sent and sent[-1].endswith(" "):
            written = written.removeprefix(" ")
        sent.append(written)
    return Prepared("".join(sent), "".join(lost))


def _written(character: str) -> str | None:
    if character in _TO_CODE:
        return character
    capitals = character.upper()
    if all(one in _TO_CODE for one in capitals):  # ß becomes two
        return capitals
    if capitals in _SPELLED:
        return _SPELLED[capitals]
    if unicodedata.category(character) in ("Cc", "Cf", "Mn"):
        return ""
    plain = [one for one in unicodedata.normalize("NFKD", capitals) if not unicodedata.combining(one)]
    written = [_SPELLED.get(one, one) for one in plain]
    return "".join(written) if written and all(one in _TO_CODE for one in "".join(written)) else None


class Encoder:
    """Characters to codes, with the shifts that they need.

    The shift is sent before the first character, after RESEND_AFTER characters, and before the first figure after a
    space or a new line: a far end that lost it, or that takes a space for the end of figures, reads on rightly.
    """

    def __init__(self) -> None:
        self._shift: int | None = None
        self._since = 0

    def reset(self) -> None:
        """A new transmission: the far end may have been switched on, or have heard something else."""
        self._shift = None

    def encode(self, character: str) -> list[int]:
        """KeyError for one that ``prepare`` would have replaced."""
        if character == "\n":
            return [*self._send(None, CR), *self._send(None, LF)]
        return self._send(*_TO_CODE[character])

    def _send(self, shift: int | None, code: int) -> list[int]:
        codes = []
        if self._shift is None or (shift is not None and (shift != self._shift or self._since >= RESEND_AFTER)):
            self._shift = shift or LTRS
            codes.append(self._shift)
            self._since = 0
        codes.append(code)
        self._since += 1
        if code in (SPACE, CR, LF) and self._shift == FIGS:
            # Said again before a figure; a letter says its own.
            self._since = RESEND_AFTER
        return codes


class Decoder:
    """Codes to characters. Letters until a shift was heard.

    unshift_on_space: a space ends figures, as radio teletypes and some modems (minimodem) have it. V.18 and TIA-825
    do not: leave it off for text telephones.
    """

    def __init__(self, *, unshift_on_space: bool = False) -> None:
        self._shift = LTRS
        self._unshift = unshift_on_space

    def decode(self, code: int) -> str:
        """The character, or nothing for a shift."""
        if code in (LTRS, FIGS):
            self._shift = code
            return ""
        if code == SPACE and self._unshift:
            self._shift = LTRS
        return (_LETTERS if self._shift == LTRS else _FIGURES)[code]
