"""Ours and minimodem's, each way."""

from __future__ import annotations

import pytest

from contactd.protocols.baudot.modem import Modem
from contactd.protocols.baudot.receive import Receiver
from contactd.protocols.baudot.transmit import Transmitter
from tests.lab.tty import peer
from tests.lab.tty.line import bytes_of, g711, padded, samples_of

TEXT = "HELLO, THIS IS ANNA. MY NUMBER IS 555-1234: PLEASE CALL (BEFORE 7 PM) GA\n"


def test_we_read_what_minimodem_sends() -> None:
    receiver = Receiver(unshift_on_space=True)
    line = g711(padded(peer.send(TEXT)))
    read = receiver.feed(bytes_of(line)) + receiver.flush()
    assert "".join(one.text for one in read) == TEXT.replace("\n", "\n")
    assert receiver.rate_baud == 45.45
    assert min(one.confidence for one in read) > 0.99


@pytest.mark.parametrize("text", [TEXT, "1 22 333 4444 A 5 B\n", "E" * 150 + "\n", "50 BAUD\n"])
def test_minimodem_reads_what_we_send(text: str) -> None:
    transmitter = Transmitter()
    transmitter.write(text)
    sent = b""
    while not sent or transmitter.carrier:
        sent += transmitter.read(160)
    assert peer.receive(g711(padded(samples_of(sent)))).replace("\r", "") == text


def test_a_turn_each_with_minimodem() -> None:
    """It asks, we answer once its carrier is gone, and it reads the answer."""
    modem = Modem(unshift_on_space=True)
    heard = bytes_of(g711(padded(peer.send("WHEN ARE YOU OPEN GA"))))
    said, read = b"", ""
    for at in range(0, len(heard) + 2 * 8_000 * 6, 320):
        read += "".join(one.text for one in modem.hear(heard[at : at + 320].ljust(320, b"\0")))
        if read == "WHEN ARE YOU" and not modem.transmitter.waiting:
            assert not modem.may_send
            modem.write("OPEN 9 TO 5 GA")
        said += modem.speak(160)
    assert read == "WHEN ARE YOU OPEN GA"
    assert peer.receive(samples_of(said)).strip() == "OPEN 9 TO 5 GA"
