"""What a caller writes in answer to a question of keys: the keys that it means. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
_WORDS = {
    **dict(
        zip(["ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"], "0123456789", strict=True)
    ),
    "OH": "0",
    "STAR": "*",
    "POUND": "#",
    "HASH": "#",
    "YES": "1",
    "NO": "2",
}
_SIGNS = re.compile(r"\b(?:GA|SK|PLS|PLEASE)\b")
_WORD = re.compile(r"[A-Z]+|[0-9*#]")


def keys_of(answer: str, names: Mapping[str, str] | None = None) -> str:
    """names: words that stand for a key, such as the label of what it leads to; they go before all others.

    >>> keys_of("2 GA"), keys_of("TWO PLS GA"), keys_of("4711 0815 GA")
    ('2', '2', '47110815')
    >>> keys_of("I WANT SALES PLS GA", {"SALES": "1"}), keys_of("HELLO GA")
    ('1', '')
    """
    text = _SIGNS.sub(" ", answer.upper())
    for name, key in (names or {}).items():
        if re.search(rf"(?<![A-Z0-9]){re.escape(name.upper())}(?![A-Z0-9])", text):
            return key
    tokens = _WORD.findall(text)
    if digits := "".join(token for token in tokens if not token.isalpha()):
        return digits
    # A sentence that happens to have NO in it is no answer.
    return "".join(_WORDS[token] for token in tokens) if all(token in _WORDS for token in tokens) else ""
