"""Where a contact goes instead of waiting for an agent: another queue, or out of all queues.

From a queue's limits and steps, from its hours, from whatever else sends somebody away. ``to`` says which it is.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from contactd.core.ids import QueueId


class Tone(StrEnum):
    """What the caller hears before the call ends."""

    BUSY = "busy"
    CONGESTION = "congestion"


class _Destination(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="to"):
    """The root; the tags are the words of the configuration, the journal and the dialplan."""


class ToQueue(_Destination, frozen=True, kw_only=True, gc=False, tag="queue"):
    """The wait goes on there, at the place that it has earned so far."""

    queue: QueueId


class ToVoicemail(_Destination, frozen=True, kw_only=True, gc=False, tag="voicemail"):
    box: str
    """As VoiceMail() takes it: ``100`` or ``100@sales``."""


class ToMailbox(_Destination, frozen=True, kw_only=True, gc=False, tag="mailbox"):
    """The caller leaves a message there, which contactd keeps, and the call ends."""

    queue: QueueId
    """Whose people are to hear it."""


class ToExternal(_Destination, frozen=True, kw_only=True, gc=False, tag="external"):
    number: str
    """Digits, with a + in front perhaps; one of those that the site allows."""


class ToMessage(_Destination, frozen=True, kw_only=True, gc=False, tag="message"):
    """The caller hears it, and the call ends."""

    sound: str
    """As Playback() takes it."""


class ToCallback(_Destination, frozen=True, kw_only=True, gc=False, tag="callback"):
    """The caller is asked for a number, hangs up, and is called back at the place that the wait has earned."""


class ToTone(_Destination, frozen=True, kw_only=True, gc=False, tag="hang_up"):
    """The call ends, with a tone for a few seconds."""

    tone: Tone


class ToMenu(_Destination, frozen=True, kw_only=True, gc=False, tag="menu"):
    """Back to what the caller met first on the line, by a key: the place in the queue is kept meanwhile."""


Outside = ToVoicemail | ToMailbox | ToExternal | ToMessage | ToTone | ToCallback
"""No agent comes after it: the dialplan carries it out alone."""
Destination = ToQueue | Outside
Way = Destination | ToMenu
"""What a key may do for whoever waits."""

KINDS = tuple(str(kind.__struct_config__.tag) for kind in Way.__args__)


def kind_of(destination: Way) -> str:
    """One of KINDS: a label that is bounded, and names no number."""
    return str(destination.__struct_config__.tag)


def target_of(destination: Way) -> str:
    """What stands behind the kind: the queue, the box, the number, the sound, the tone; nothing behind the menu."""
    match destination:
        case ToQueue() | ToMailbox():
            return destination.queue
        case ToVoicemail():
            return destination.box
        case ToExternal():
            return destination.number
        case ToMessage():
            return destination.sound
        case ToTone():
            return destination.tone
        case ToMenu() | ToCallback():
            return ""
