"""Until when an X.509 certificate is valid, from its bytes (RFC 5280, 4.1; DER, X.690). No more of it is read.

Python's ssl tells it of certificates only that it has verified, and one that has ended is never verified.
"""

from __future__ import annotations

import re

from contactd.protocols.errors import ProtocolError

_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18

_TIME = re.compile(r"[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])([01][0-9]|2[0-3])([0-5][0-9]){2}Z")


class NoCertificate(ProtocolError):
    """These bytes are none."""


def ends(der: bytes) -> str:
    """notAfter in UTC, as 20270301034000Z. Raises NoCertificate."""
    try:
        # Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serial, algorithm, issuer, validity, ... } }
        certificate, _ = _take(der, _SEQUENCE)
        fields, _ = _take(certificate, _SEQUENCE)
        if fields[0] == _VERSION:
            _, fields = _take(fields, _VERSION)
        for _ in ("serialNumber", "signature", "issuer"):
            _, fields = _take(fields)
        validity, _ = _take(fields, _SEQUENCE)
        _, after = _take(validity)
        kind = after[0]
        text = _take(after)[0].decode("ascii")
        if kind not in (_UTC_TIME, _GENERALIZED_TIME):
            raise NoCertificate("It has no end.")
        # Two digits of the year: RFC 5280 says that 50 and more are of the last century.
        whole = text if kind == _GENERALIZED_TIME else ("19" if text[:2] >= "50" else "20") + text
        if not _TIME.fullmatch(whole):
            raise NoCertificate("Its end is no time.")
        return whole
    except (IndexError, ValueError) as error:
        raise NoCertificate(f"These bytes are no certificate ({error}).") from None


def _take(data: bytes, wanted: int | None = None) -> tuple[bytes, bytes]:
    """The contents of the first element, and what follows it."""
    if wanted is not None and data[0] != wanted:
        raise ValueError(f"element {data[0]:#x} where {wanted:#x} should be")
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        if not 2 < start <= 6:
            raise ValueError("a length that is none")
        length = int.from_bytes(data[2:start], "big")
    if start + length > len(data):
        raise ValueError("it is cut off")
    return data[start : start + length], data[start + length :]
