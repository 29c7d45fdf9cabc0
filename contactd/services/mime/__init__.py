"""What a message says: bytes in, a record out. It costs memory and time as its sender likes: in a process of its own.

The old API of ``email`` is used, whose policies look at no header by themselves: the parser of ``policy.default``
raises IndexError, AttributeError and others at headers that real mail has. Every value here is taken by our own hands.
"""

from contactd.services.mime.reading import understand
from contactd.services.mime.record import Address, Attachment, Bounce, Invite, NotUnderstood, Refusal, Understood

__all__ = ["Address", "Attachment", "Bounce", "Invite", "NotUnderstood", "Refusal", "Understood", "understand"]
