"""What the sender wrote now, apart from what is quoted below it and from the signature."""

from __future__ import annotations

import re

from mailparser_reply import EmailReplyParser  # type: ignore[import-untyped]

_LONGEST = 20_000
_LONGEST_LINE = 1_000
_LANGUAGES = ["en", "de", "fr", "es", "it", "nl", "pl", "sv", "da", "cs"]
_QUOTES = re.compile(
    r"^(>|-{2,} ?(original message|ursprüngliche nachricht|forwarded message|weitergeleitete nachricht"
    r"|message d'origine|mensaje original)|_{20,}\s*$)",
    re.IGNORECASE,
)


def reply_of(text: str) -> str:
    """Never nothing of a text that is something: who writes only below a quote, or only a signature, said that.

    >>> reply_of("Thanks!\\n\\nOn Mon, 3 Aug 2026 at 10:00, Desk <a@b.org> wrote:\\n> Hello\\n")
    'Thanks!'
    >>> reply_of("> Is it red?\\nYes.")
    'Yes.'
    """
    text = text.strip()
    # Its expressions take time as the square of what they look at.
    whole = {line[:_LONGEST_LINE].strip(): line for line in text[:_LONGEST].split("\n") if len(line) > _LONGEST_LINE}
    looked = "\n".join(line[:_LONGEST_LINE] for line in text[:_LONGEST].split("\n"))
    try:
        found = (EmailReplyParser(languages=_LANGUAGES).parse_reply(looked) or "").strip()
    except (ValueError, IndexError, TypeError, AttributeError, re.error, RecursionError):
        found = ""
    if not found or (len(text) > _LONGEST and looked.rstrip().endswith(found[-200:])):
        # Nothing, or words that go on where it looked no more.
        return _without_quotes(text) or text
    found = "\n".join(whole.get(line.strip(), line) for line in found.split("\n"))
    return _without_quotes(found) or found


def _without_quotes(text: str) -> str:
    kept: list[str] = []
    for line in text.split("\n"):
        if _QUOTES.match(line):
            if line.startswith(">"):
                continue
            break
        if line.rstrip() == "--":
            break
        kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
