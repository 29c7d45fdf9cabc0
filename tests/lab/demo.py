"""make run: the whole contact centre with a small demo configuration, until Ctrl-C."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path

from tests.lab.process import tail
from tests.lab.progress import LAB, LabError, step
from tests.lab.stack import ECHO, LINE, SALES, SUPPORT, Stack, staff

FOLDER = LAB / "demo"
CARD = FOLDER / "demo.json"
"""What `make call` needs to know; readable by its owner only, gone when the demo is."""


def main() -> int:
    listen = os.environ.get("LISTEN", "127.0.0.1")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("lab: a demo is running in this folder already; stop it with Ctrl-C first.", file=sys.stderr)
            return 1
        try:
            return _run(listen)
        except LabError as error:
            print(f"lab: {error}", file=sys.stderr)
            return 1


def _run(listen: str) -> int:
    # A signal while starting ends the start, and everything that was started with it.
    signal.signal(signal.SIGTERM, _interrupted)
    (FOLDER / "contactd" / "contactd.log").unlink(missing_ok=True)
    (FOLDER / "contactd" / "worker.log").unlink(missing_ok=True)
    stack = Stack(FOLDER, people=staff(4), listen=listen)
    began = time.monotonic()
    try:
        with step("starting PostgreSQL and Asterisk, migrating"):
            stack.start(run_contactd=False)
        with step("starting contactd"):
            stack.daemon.start()
            stack.daemon.start_worker()
        _write_card(stack, listen)
        print(_welcome(stack, listen, time.monotonic() - began), flush=True)
        while stack.daemon.alive() and stack.asterisk.alive() and stack.postgres.alive():
            time.sleep(0.5)
        print(f"lab: a server ended by itself; the end of its log:{tail(stack.daemon.log)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        # A second Ctrl-C must not leave half of it running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        CARD.unlink(missing_ok=True)
        print("\nlab: stopping contactd, Asterisk and PostgreSQL", file=sys.stderr, flush=True)
        stack.stop()


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _write_card(stack: Stack, listen: str) -> None:
    card = {
        "pid": os.getpid(),
        "listen": listen,
        "sip_port": stack.asterisk.sip_port,
        "config": str(stack.daemon.config),
        "people": [{"id": p.id, "number": p.number, "password": p.password, "pin": p.pin} for p in stack.people],
    }
    with contextlib.suppress(FileNotFoundError):
        CARD.unlink()
    with os.fdopen(os.open(CARD, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        json.dump(card, file)


def _welcome(stack: Stack, listen: str, took_s: float) -> str:
    server = f"{listen}:{stack.asterisk.sip_port}"
    rows = "\n".join(f"    {p.number}   {p.id:<8} password {p.password}   PIN {p.pin}" for p in stack.people)
    config = Path(os.path.relpath(stack.daemon.config))
    return f"""
contactd is running ({took_s:.1f} s). Ctrl-C stops all of it.

  Dial      sip:{LINE}@{server}     the menu: 1 is sales, 2 is support
            sip:{SALES}@{server}     sales at once;  {SUPPORT} support at once;  {ECHO} hear yourself
            from any SIP client without an account, or from one of the handsets below

  Handsets  (SIP server {server}, UDP; the number is the user name; passwords are new at every start)
{rows}
            *45 signs in (then the PIN and #), *46 out, *47 not ready (then 1 break, 2 training), *48 ready

  Look      http://127.0.0.1:{stack.daemon.web_port}/healthz   http://127.0.0.1:{stack.daemon.web_port}/metrics
            .lab/venv/bin/contactctl --config {config} status | agents | queues | contacts
            .lab/venv/bin/contactctl --config {config} explain CONTACT
            logs: {Path(os.path.relpath(stack.daemon.log))} and worker.log beside it

  Try it    make call        in another terminal: a caller and a handset, by themselves
"""


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(0)
