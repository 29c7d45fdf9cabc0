"""What SIP leaves in the values that Asterisk hands on. Pure."""

from __future__ import annotations

import re

_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


def unescape(quoted: str) -> str:
    """A display name as it was meant: Asterisk passes on the inside of the quotes, with the escapes.

    Source: RFC 3261 section 25.1, quoted-pair. A backslash at the very end, of a name that was cut, stays.

    >>> print(unescape(r'Robert \\"Bob\\" O\\\\Neill'))
    Robert "Bob" O\\Neill
    """
    return _QUOTED_PAIR.sub(r"\1", quoted)
