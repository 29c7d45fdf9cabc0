"""The daemon itself, if it runs: what it says of its own parts."""

from __future__ import annotations

from contactd.core.errors import ContactdError
from contactd.ctl.client import DaemonUnreachable, ask
from contactd.ctl.doctor.findings import Subject


def check_daemon(daemon: Subject, socket: str) -> bool:
    """Whether it runs."""
    try:
        status = ask(socket, "GET", "/status")
    except DaemonUnreachable:
        daemon.warning(
            "running",
            f"contactd does not run, or not at {socket}: callers meet the hold, then the static queue",
            "Start it: systemctl start contactd. What follows was tried without it.",
        )
        return False
    except ContactdError as error:
        daemon.warning("running", f"contactd does not tell us how it is: {error}", "Run this as root.")
        return True
    if status["level"] == "ok":
        daemon.ok("running", f"contactd {status['version']} runs and steers, as epoch {status['epoch']}")
    for check in status["checks"]:
        say = {"warning": daemon.warning, "failing": daemon.error}.get(check["level"])
        if say is not None:
            say(check["name"], check["what"], check["remedy"])
    return True
