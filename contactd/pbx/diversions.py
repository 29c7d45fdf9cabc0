"""A destination as the dialplan takes it, in an extension of [contactd-leave], and back again. Pure.

``<kind>*<epoch>*<diversion>*<target>``: no id holds a star, and the target is the last.
"""

from __future__ import annotations

from collections.abc import Callable

from contactd.core.commands import DivertCaller
from contactd.core.destination import (
    ToCallback,
    ToExternal,
    ToMailbox,
    ToMenu,
    ToMessage,
    Tone,
    ToQueue,
    ToTone,
    ToVoicemail,
    Way,
    kind_of,
    target_of,
)
from contactd.core.ids import DiversionId, QueueId

CONTEXT = "contactd-leave"
CONTEXTS = frozenset({CONTEXT, "contactd-leave-to", "contactd-mailbox", "contactd-external", "contactd-external-call"})
"""Where a caller stands at a destination, or on the way there."""
LONGEST_EXTEN = 79
"""Asterisk cuts a longer one off (AST_MAX_EXTENSION is 80, with the final NUL)."""


def exten_of(command: DivertCaller) -> str:
    """
    >>> from contactd.core.ids import ContactId, PbxId
    >>> to = ToExternal(number="+4930123")
    >>> exten_of(DivertCaller(pbx=PbxId("p"), contact=ContactId("c"), channel="x", to=to, diversion="3-77", epoch=4))
    'external*4*3-77*+4930123'
    """
    return f"{kind_of(command.to)}*{command.epoch}*{command.diversion}*{target_of(command.to)}"


def read_exten(text: str) -> tuple[DiversionId | None, Way | None]:
    """What CONTACTD_DIVERSION tells of a channel; (None, None) for what is none of ours.

    >>> read_exten("voicemail*4*3-77*100@sales")
    ('3-77', ToVoicemail(box='100@sales'))
    >>> read_exten("queue*4*key-1*support"), read_exten("menu*4*key-2*")
    (('key-1', ToQueue(queue='support')), ('key-2', ToMenu()))
    >>> read_exten("hang_up*4*3-77*rudely"), read_exten("3-77")
    ((None, None), (None, None))
    """
    kind, _, rest = text.partition("*")
    _, _, rest = rest.partition("*")
    diversion, _, target = rest.partition("*")
    to = _read(kind, target)
    return (DiversionId(diversion), to) if to is not None and diversion else (None, None)


def _read(kind: str, target: str) -> Way | None:
    made = _KINDS.get(kind)
    return made(target) if made is not None else None


def _tone(target: str) -> Way | None:
    return ToTone(tone=Tone(target)) if target in Tone._value2member_map_ else None


_KINDS: dict[str, Callable[[str], Way | None]] = {
    "queue": lambda target: ToQueue(queue=QueueId(target)) if target else None,
    "menu": lambda _: ToMenu(),
    "voicemail": lambda target: ToVoicemail(box=target),
    "mailbox": lambda target: ToMailbox(queue=QueueId(target)) if target else None,
    "external": lambda target: ToExternal(number=target),
    "callback": lambda _: ToCallback(),
    "message": lambda target: ToMessage(sound=target),
    "hang_up": _tone,
}
