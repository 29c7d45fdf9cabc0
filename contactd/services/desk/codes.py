"""One-time codes (RFC 6238), as telephones' authenticators make them."""

from __future__ import annotations

import hmac

import pyotp

_STEP_S = 30
_ISSUER = "contactd"


def fresh() -> str:
    """A secret of 160 bits."""
    return pyotp.random_base32()


def address(name: str, secret: str) -> str:
    """What a telephone reads from a picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER)


def step_of(secret: str, code: str, now: float) -> int | None:
    """The step whose code it is; None: of none. A telephone's clock may be half a minute off (RFC 6238, 5.2)."""
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        return None
    totp = pyotp.TOTP(secret)
    this = int(now) // _STEP_S
    found = [step for step in (this, this - 1, this + 1) if hmac.compare_digest(totp.generate_otp(step), code)]
    return found[0] if found else None
