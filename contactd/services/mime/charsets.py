"""Bytes to text, whatever the sender says that they are. It always gives a text."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

_NO_CHARSET = frozenset({"unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined", "mbcs", "oem"})
"""Python would decode by them; no mail is written so, and some take time as the square of the length."""
_BROADER = {
    # Senders name the smaller set and write the larger one; browsers do the same.
    "ascii": "utf-8",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
}
_ALSO = {
    "ks_c_5601-1987": "cp949",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
    "utf-8-mac": "utf-8",
    "ansi": "cp1252",
    "x-ansi": "cp1252",
    "8bit": "utf-8",
    "x-user-defined": "cp1252",
}
_GUESSED = 32 << 10
_FEW = 16
_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def decode(raw: bytes, charset: str = "") -> str:
    """As charset says, if that is one and fits; else as UTF-8, as it looks like, as Windows writes.

    >>> decode(b"caf\\xe9", "utf-8"), decode(b"\\x80 5", "iso-8859-1"), decode(b"ab", "x-unknown\\0")
    ('café', '€ 5', 'ab')
    """
    for name in (_known(charset), "utf-8"):
        if name:
            try:
                return clean(raw.decode(name))
            except (UnicodeError, ValueError, LookupError):
                continue
    return clean(_guessed(raw))


def clean(text: str) -> str:
    """Without NUL and the controls that terminals, databases and pages stumble over; lines end with one newline."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _known(charset: str) -> str:
    """The name by which Python decodes; "": it does not."""
    name = charset.strip().strip("'\"").lower()[:40]
    try:
        found = codecs.lookup(_ALSO.get(name, name)).name
    except (LookupError, ValueError, UnicodeError):
        return ""
    if found.replace("-", "_") in _NO_CHARSET:
        return ""
    return _BROADER.get(found, found)


def _guessed(raw: bytes) -> str:
    # Of few such letters it guesses wrongly: they are most likely of Western Europe.
    beyond = sum(byte > 127 for byte in raw[:_GUESSED])
    if beyond < _FEW or beyond * 4 < len(raw[:_GUESSED]):
        return raw.decode("cp1252", "replace")
    try:
        best = from_bytes(raw[:_GUESSED], steps=5, chunk_size=512).best()
        if best is not None:
            return raw.decode(best.encoding, "replace")
    except (LookupError, UnicodeError, ValueError):
        pass
    return raw.decode("cp1252", "replace")
