"""A TTY is found by its second character, and nothing else is ever taken for one. Hours of it: `make bench-tty`."""

from __future__ import annotations

import numpy as np
import pytest

from contactd.protocols.baudot.detect import Detector
from contactd.protocols.baudot.modem import Modem
from tests.lab.tty import line, peer, sounds
from tests.lab.tty.line import Samples

SIGNALS = sounds.signals()


def detected_at(heard: Samples) -> tuple[float | None, Detector]:
    detector = Detector()
    data = line.bytes_of(line.g711(heard))
    for at in range(0, len(data), 2 * line.PACKET):
        if detector.feed(data[at : at + 2 * line.PACKET]):
            return (at // 2 + line.PACKET) / line.RATE_HZ, detector
    return None, detector


LINES = {
    "clean": lambda heard: heard,
    "very low": lambda heard: heard * 0.05,
    "60 Hz too high": lambda heard: line.shifted(heard, 60),
    "45 Hz too low": lambda heard: line.shifted(heard, -45),
    "noise": lambda heard: line.noisy(heard, 6, 1),
    "space 6 dB up": lambda heard: line.twisted(heard, 3),
    "GSM": lambda heard: sounds.coded(heard, "gsm"),
    "the narrowest AMR": lambda heard: sounds.coded(heard, "amr-nb", setting="0"),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("text", ["HELLO GA", "  ", "5 5"])
def test_a_tty_is_found_by_its_second_character(name: str, text: str) -> None:
    """The shift is the first one. Eight bits a character, and a quarter of a second to be sure."""
    at_s, detector = detected_at(LINES[name](line.padded(peer.send(text), 1.0)))
    assert at_s is not None
    assert at_s < 1.0 + (2 + 3 * 8) / 45.45 + 0.25
    assert detector.suspected == 1


def test_nothing_is_lost_by_the_finding() -> None:
    data = line.bytes_of(line.g711(line.padded(peer.send("HELLO GA"), 1.0)))
    detector = Detector()
    for at in range(0, len(data), 320):
        detector.feed(data[at : at + 320])
    assert detector.found
    assert detector.receiver is not None
    read = detector.read + detector.receiver.flush()
    assert "".join(one.text for one in read) == "HELLO GA"


def test_the_modem_goes_on_where_the_detector_stood() -> None:
    """The call becomes a TTY call in the middle of the caller's first turn, and answers it."""
    data = line.bytes_of(line.g711(line.padded(peer.send("HELLO GA"), 1.0))) + bytes(16_000 * 5)
    detector, modem, read, said = Detector(), None, "", b""
    for at in range(0, len(data), 320):
        if modem is not None:
            read += "".join(one.text for one in modem.hear(data[at : at + 320]))
            said += modem.speak(160)
            if read == "HELLO G" and not modem.transmitter.waiting:
                modem.write("HI GA")
        elif detector.feed(data[at : at + 320]):
            modem = Modem(receiver=detector.receiver)
            read = "".join(one.text for one in detector.read)
    assert read == "HELLO GA"
    assert peer.receive(line.samples_of(said)).strip() == "HI GA"


def test_a_caller_who_presses_the_space_bar_now_and_then_is_found() -> None:
    """What is taught: press a key until somebody answers."""
    keys = [np.concatenate((peer.send(" "), line.silence(1.5))) for _ in range(2)]
    at_s, _ = detected_at(np.concatenate([line.silence(2), *keys]))
    assert at_s is not None


def test_a_tty_is_found_behind_the_greeting_that_it_talks_over() -> None:
    """Its line brings the greeting back as an echo, 20 dB down."""
    greeting = sounds.spoken(sounds.SENTENCES[0], "en-us+f2")
    typed = peer.send("HELLO IS ANYBODY THERE GA")
    heard = typed.copy()
    heard[: len(greeting)] += 0.1 * greeting[: len(heard)]
    at_s, _ = detected_at(np.concatenate([line.silence(0.5), heard]))
    assert at_s is not None
    assert at_s < 1.5


@pytest.mark.parametrize("name", SIGNALS)
def test_no_signal_is_taken_for_one(name: str) -> None:
    for loud in (0.1, 1.0):
        assert detected_at(line.padded(SIGNALS[name] * loud, 0.2))[0] is None


@pytest.mark.parametrize("voice", ["en-us", "de+f2", "fr-fr+m7", "cmn", "es+klatt2", "en-gb+whisper"])
def test_no_voice_is_taken_for_one(voice: str) -> None:
    heard = sounds.spoken(" ".join(sounds.SENTENCES), voice)
    for faster in (1.0, 0.8, 1.3):
        assert detected_at(line.hurried(heard, faster - 1))[0] is None


@pytest.mark.parametrize("seed", range(4))
def test_no_music_is_taken_for_one(seed: int) -> None:
    assert detected_at(sounds.music(20, seed))[0] is None


def test_a_person_who_speaks_is_not_read() -> None:
    """Voice carry-over: who types may speak for a while. A rare character of little confidence is all that comes."""
    receiver_heard = line.padded(peer.send("MY VOICE NOW GA"))
    voice = sounds.spoken(" ".join(sounds.SENTENCES), "en-us+f4")
    _, detector = detected_at(receiver_heard)
    receiver = detector.receiver
    assert receiver is not None
    receiver.feed(line.bytes_of(line.silence(4)))
    read = receiver.feed(line.bytes_of(line.g711(voice))) + receiver.flush()
    assert len(read) <= len(voice) / line.RATE_HZ / 10
    assert all(one.confidence < 0.9 for one in read)
