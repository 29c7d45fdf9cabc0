"""The modem against itself, on lines that are not kind. Against another make: tests/lab/tty."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contactd.protocols.baudot.modem import GUARD_MS, Modem
from contactd.protocols.baudot.receive import Character, Receiver
from contactd.protocols.baudot.transmit import HOLD_MS, LEAD_MS, LEVEL_DBM0, Transmitter
from contactd.protocols.baudot.turn import TRANSITIONS, Turn
from tests.lab.tty import line
from tests.lab.tty.line import Samples, bytes_of, g711, padded, samples_of

TEXT = "THE QUICK BROWN FOX 0123456789 JUMPS OVER (LAZY) DOGS: GA"
SHORT = "IS 5 OK? GA"


def sent(text: str, rate_baud: float = 45.45, level_dbm0: float = LEVEL_DBM0) -> Samples:
    transmitter = Transmitter(rate_baud, level_dbm0=level_dbm0)
    transmitter.write(text)
    data = transmitter.read(160)
    while transmitter.carrier:
        data += transmitter.read(160)
    return samples_of(data)


def characters(samples: Samples, rate_baud: float | None = None) -> list[Character]:
    receiver = Receiver(rate_baud)
    return receiver.feed(bytes_of(samples)) + receiver.flush()


def text_of(read: list[Character]) -> str:
    return "".join(one.text for one in read)


# --- sending ----------------------------------------------------------------------------------------------------------


def spectrum_hz(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 16))
    return float(spectrum.argmax()) * line.RATE_HZ / (1 << 16)


def test_carrier_goes_before_the_first_character_and_stays_after_the_last() -> None:
    """V.18 III.5.4.5.1."""
    heard = sent("E")
    bit = line.RATE_HZ / 45.45
    lead, last = round(LEAD_MS * 8), round(LEAD_MS * 8 + 16 * bit)  # a shift and a letter of eight bits each
    assert spectrum_hz(heard[: lead - 10]) == pytest.approx(1400, abs=2)
    assert spectrum_hz(heard[lead : lead + round(bit)]) == pytest.approx(1800, abs=8)
    hold = heard[last:]
    assert spectrum_hz(hold[: HOLD_MS * 8]) == pytest.approx(1400, abs=2)
    assert not np.any(hold[HOLD_MS * 8 + 200 :])


def test_the_level_is_what_it_says_and_the_phase_never_jumps() -> None:
    heard = sent(TEXT)
    on = heard[: np.flatnonzero(heard)[-1]]
    assert np.abs(on).max() == pytest.approx(32_767 * 10 ** (-13.17 / 20), rel=0.01)
    assert np.abs(np.diff(on)).max() <= 2 * np.pi * 1800 / 8000 * np.abs(on).max()


def test_what_is_written_while_the_carrier_is_held_needs_no_new_one() -> None:
    transmitter = Transmitter()
    transmitter.write("E")
    first = transmitter.read(round(8 * LEAD_MS + 17 * 176))
    assert transmitter.carrier
    transmitter.write("E")
    rest = b""
    while transmitter.carrier:
        rest += transmitter.read(160)
    assert len(first + rest) / 16 < LEAD_MS + 24 * 22 + HOLD_MS + 60
    assert text_of(characters(padded(samples_of(first + rest)))) == "EE"


def test_what_has_not_begun_can_be_taken_back() -> None:
    transmitter = Transmitter()
    transmitter.write("ABCDEF")
    data = transmitter.read(8 * (LEAD_MS + 600))  # a shift and two letters, and the third has begun
    taken = transmitter.clear()
    while transmitter.carrier:
        data += transmitter.read(160)
    assert taken == "DEF"
    assert text_of(characters(padded(samples_of(data)))) == "ABC"


def test_a_level_that_no_line_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="dBm0"):
        Transmitter(level_dbm0=3)


# --- receiving --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_baud", [45.0, 45.45, 45.9, 47.6, 49.5, 50.0])
def test_the_rate_is_found_out(rate_baud: float) -> None:
    """1 % off is another make's clock; 47.6 is a V.18 phone that has not decided itself."""
    receiver = Receiver()
    read = receiver.feed(bytes_of(g711(padded(sent(TEXT, rate_baud))))) + receiver.flush()
    assert text_of(read) == TEXT
    assert receiver.rate_baud in ((45.45,) if rate_baud < 47 else (45.45, 50.0) if rate_baud < 48 else (50.0,))


@settings(max_examples=12)
@given(st.lists(st.integers(7, 4_000), min_size=1, max_size=20), st.integers(0, 700))
def test_any_cut_of_the_samples_reads_the_same(cuts: list[int], before: int) -> None:
    data = bytes_of(g711(np.concatenate((np.zeros(before), padded(sent("OK"), 0.2)))))
    receiver, read, at = Receiver(), [], 0
    while at < len(data):
        for cut in cuts:
            read += receiver.feed(data[at : at + 2 * cut])
            at += 2 * cut
    whole = Receiver()
    assert read + receiver.flush() == whole.feed(data) + whole.flush()


LINES = {
    **{f"{hz} Hz too high": lambda heard, hz=hz: line.shifted(heard, hz) for hz in (-60, -45, -20, 10, 30, 45.45, 60)},
    "a clock 1 % fast": lambda heard: line.hurried(heard, 0.01),
    "a clock 1 % slow": lambda heard: line.hurried(heard, -0.01),
    "space 6 dB up": lambda heard: line.twisted(heard, 3),
    "space 6 dB down": lambda heard: line.twisted(heard, -3),
    "echo": lambda heard: line.echoing(heard, -10, 100),
    "noise of the same strength": lambda heard: line.noisy(heard, 0, 1),
    "noise of twice the strength": lambda heard: line.noisy(heard, -3, 2),
    "very low": lambda heard: heard * 0.03,
    "at the ceiling": lambda heard: heard * 6,
    "a hum": lambda heard: heard + np.resize(line.tone(50, 1, -20), len(heard)),
    "one packet in a hundred lost": lambda heard: line.lossy(heard, 0.01, 3),
}


@pytest.mark.parametrize("name", LINES)
def test_it_reads_through(name: str) -> None:
    read = characters(g711(LINES[name](padded(sent(TEXT)))))
    assert text_of(read) == TEXT


def test_pauses_between_characters_are_of_any_length() -> None:
    """A person types: the carrier ends and comes back, or stays."""
    pieces = [line.silence(0.5)]
    for number, letter in enumerate("SLOW HANDS"):
        pieces += [sent(letter), line.silence((0.0, 0.013, 0.4, 1.1)[number % 4])]
    assert text_of(characters(g711(np.concatenate([*pieces, line.silence(0.5)])))) == "SLOW HANDS"


def test_a_character_says_when_it_began_and_how_sure_it_is() -> None:
    clean = characters(g711(padded(sent("EEEE"), 1.0)))
    assert [one.text for one in clean] == ["", "E", "E", "E", "E"]
    for number, one in enumerate(clean):
        assert one.at_s == pytest.approx(1.0 + LEAD_MS / 1000 + number * 8 / 45.45, abs=0.004)
        assert one.confidence > 0.999


def test_confidence_is_the_share_that_is_right() -> None:
    """At -12 dB many are wrong, and the receiver knows about how many."""
    text = "THESE WORDS ARE HARD TO READ " * 12
    read = characters(g711(line.noisy(padded(sent(text)), -12, 4)), 45.45)
    right = 1 - line.character_errors(text, text_of(read)) / len(text)
    assert np.mean([one.confidence for one in read]) == pytest.approx(right, abs=0.12)
    assert right > 0.6


def test_noise_says_nothing() -> None:
    noise = np.random.default_rng(5).normal(0, 2_000, 60 * line.RATE_HZ)
    assert characters(g711(noise)) == []


def test_silence_and_a_single_tone_say_nothing() -> None:
    for heard in (line.silence(5), line.tone(1400, 5), line.tone(1800, 5), line.tone(1600, 5)):
        assert characters(padded(heard)) == []


# --- turns ------------------------------------------------------------------------------------------------------------


class Call:
    """Two modems on one line, each of which also hears itself."""

    def __init__(self, *, echo_db: float = -10, echo_ms: float = 100, **options: int) -> None:
        self.ends = (Modem(**options), Modem(**options))
        self.read = ["", ""]
        self.turns: list[tuple[Turn, Turn]] = []
        self._said = [np.zeros(8_000), np.zeros(8_000)]
        self._echo = 10 ** (echo_db / 20)
        self._late = round(echo_ms * 8)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            for number, modem in enumerate(self.ends):
                self._said[number] = np.concatenate((self._said[number][160:], samples_of(modem.speak(160))))
            for number, modem in enumerate(self.ends):
                own = self._said[number][-160 - self._late : len(self._said[number]) - self._late]
                heard = self._said[1 - number][-160:] + self._echo * own
                self.read[number] += text_of(modem.hear(bytes_of(g711(heard))))
            self.turns.append((self.ends[0].turn, self.ends[1].turn))


def test_a_conversation_with_an_echo_of_ones_own_tones() -> None:
    call = Call()
    call.ends[0].write("HELLO GA")
    call.run(3.5)
    assert call.read == ["", "HELLO GA"]
    call.ends[1].write("HI WHO IS IT GA")
    call.run(4.5)
    call.ends[0].write("SK")
    call.run(2.5)
    assert call.read == ["HI WHO IS IT GA", "HELLO GASK"]
    assert call.turns[-1] == (Turn.QUIET, Turn.QUIET)


def test_nobody_talks_over_the_far_end() -> None:
    call = Call()
    call.ends[0].write("I HAVE NOT FINISHED GA")
    call.run(1)
    call.ends[1].write("BUT I BEGIN GA")
    assert not call.ends[1].may_send
    call.run(8)
    assert call.read == ["BUT I BEGIN GA", "I HAVE NOT FINISHED GA"]
    assert (Turn.OURS, Turn.OURS) not in call.turns


def test_an_echo_that_comes_later_needs_a_longer_guard() -> None:
    """Measured, so that the default is known for what it is."""
    call = Call(echo_ms=700, guard_ms=GUARD_MS + 500)
    call.ends[0].write(SHORT)
    call.run(5)
    assert call.read == ["", SHORT]


def test_the_answer_has_the_far_ends_rate() -> None:
    modem = Modem()
    modem.hear(bytes_of(padded(sent(TEXT, 50.0), 1.0)))
    assert modem.transmitter.rate_baud == 50.0


def test_the_last_words_are_not_lost_to_a_quick_answer() -> None:
    modem, read = Modem(), ""
    modem_line = bytes_of(padded(sent(SHORT), 0.1))
    for at in range(0, len(modem_line) + 32_000, 320):
        read += text_of(modem.hear(modem_line[at : at + 320].ljust(320, b"\0")))
        if modem.turn is Turn.THEIRS and not modem.transmitter.waiting:
            modem.write("AT ONCE")
        modem.speak(160)
    assert read == SHORT


def test_every_turn_can_end() -> None:
    assert set(TRANSITIONS) == set(Turn)
    for turn in Turn:
        assert TRANSITIONS[turn]


# --- around -----------------------------------------------------------------------------------------------------------


def test_the_daemon_starts_without_numpy() -> None:
    code = "import contactd.daemon, contactd.protocols.baudot, sys; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=3_000), max_size=12))
def test_any_bytes_are_taken(pieces: list[bytes]) -> None:
    """Hostile, cut in the middle of a sample, at the ceiling: nothing raises, and little is kept."""
    modem = Modem()
    for piece in pieces:
        modem.hear(piece)
        modem.speak(len(piece) // 2)
    modem.flush()


def test_time_goes_on_while_we_speak() -> None:
    receiver = Receiver()
    receiver.feed(bytes(2 * 8_100))
    receiver.deaf(16_000 - 100)
    read = receiver.feed(bytes_of(padded(sent("E"), 1.0))) + receiver.flush()
    assert [one.code for one in read][1:] == [1]
    assert read[0].at_s == pytest.approx(4.0 + LEAD_MS / 1000, abs=0.01)


def test_an_hour_of_a_call_keeps_no_more_than_a_minute() -> None:
    """The stories that were given up are let go."""

    def size(minutes: int) -> int:
        receiver = Receiver(45.45)
        heard = bytes_of(padded(sent("THE QUICK BROWN FOX " * 2)))
        for _ in range(minutes * 6):
            receiver.feed(heard)
        return len(pickle.dumps(receiver))

    assert size(6) < 1.2 * size(1)
