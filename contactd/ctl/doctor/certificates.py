"""The certificate that a PBX shows to handsets which speak SIP over TLS."""

from __future__ import annotations

from datetime import UTC, datetime

from contactd.config import Pbx
from contactd.core.ids import Instant
from contactd.ctl.doctor.findings import Subject
from contactd.metrics.certificates import NoTls, certificate_end

SOON_DAYS = 30
_RENEW = (
    "Put a new certificate at cert_file of the transport (pjsip_contactd_tls.conf tells how), give it to the handsets"
    " if it signs itself, and restart Asterisk when no call is up: core restart gracefully."
)


def check_certificate(subject: Subject, section: Pbx, now: Instant) -> None:
    """Nothing where sip_tls_port is 0."""
    if not section.sip_tls_port:
        return
    try:
        end = certificate_end(section.host, section.sip_tls_port)
    except NoTls as error:
        subject.error(
            "sip_certificate", str(error), "Handsets that speak TLS cannot register. Mend it, or sip_tls_port."
        )
        return
    day = datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if end <= now:
        subject.error("sip_certificate", f"the certificate for SIP over TLS ended on {day}", _RENEW)
    elif end - now < SOON_DAYS * 86400:
        subject.warning("sip_certificate", f"the certificate for SIP over TLS ends on {day}", _RENEW)
    else:
        subject.ok("sip_certificate", f"the certificate for SIP over TLS is valid until {day}")
