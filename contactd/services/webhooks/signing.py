"""Signed as Standard Webhooks 1.0.0 says (symmetric, v1): HMAC-SHA256 over ``id.timestamp.body``."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"


def signed(message: str, at_s: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The headers. message: names it, the same at every attempt. at_s: of this attempt. secrets: as in the secrets
    file, the current one first; while one replaces the other, the receiver takes whichever it knows."""
    what = b"%b.%d.%b" % (message.encode(), at_s, body)
    signatures = [f"v1,{base64.b64encode(_digest(secret, what)).decode()}" for secret in secrets]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(signatures),
    }


def _digest(secret: str, what: bytes) -> bytes:
    return hmac.digest(base64.b64decode(secret.removeprefix(PREFIX)), what, hashlib.sha256)
