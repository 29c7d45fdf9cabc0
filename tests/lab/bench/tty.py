"""`make bench-tty`: the receiver of text telephones beside minimodem's, on the same files, through G.711.

Every file is minimodem's own (45.45 baud, two stop bits), its text and damage of seeds that nothing was tuned with.
``cer_*`` is the share of characters that came wrong, ``minimodem_cer_*`` the same of ``minimodem --rx tdd``, and
``bound_cer_*`` what non-coherent detection of two orthogonal tones allows: of the seven bits that a character needs
(start, five, stop) each goes wrong with half of exp(-E/2N), E/N being a bit's energy over the noise's density.
minimodem takes a space for the end of figures, so its files are read in that way.

``channels_per_core``: receivers that keep up on one core, each fed its own 20 ms blocks in turn, as live calls are.
``false_detections_per_hour`` of the detector, in hours of voices, music and signals; ``detected_after_characters``: how
many characters of a TTY it needs.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from contactd.protocols.baudot.detect import Detector
from contactd.protocols.baudot.receive import Receiver
from tests.lab.bench.figures import Figures, percentile, say
from tests.lab.progress import LabError
from tests.lab.tty import line, peer, sounds
from tests.lab.tty.line import Samples

SEED = 2_026_112
CHARACTERS = 568
SNR_DB = (0, -3, -6, -9, -12)
CHANNELS, CHANNEL_S = 60, 12
PARTS = ("noise", "damage", "cost", "detection")

_WORDS = [
    "HELLO",
    "THIS",
    "IS",
    "MY",
    "ACCOUNT",
    "NUMBER",
    "PLEASE",
    "THE",
    "PHONE",
    "DOES",
    "NOT",
    "WORK",
    "SINCE",
    "YESTERDAY",
    "AND",
    "I",
    "WAITED",
    "FOR",
    "AN",
    "ANSWER",
    "CAN",
    "YOU",
    "HELP",
    "WITH",
    "INVOICE",
    "ORDER",
    "ADDRESS",
    "TOMORROW",
    "WHEN",
    "WILL",
    "SOMEBODY",
    "COME",
    "DOCTOR",
    "QUICK",
    "JUMPS",
    "VERY",
    "LAZY",
    "FOX",
    "BOX",
    "THANK",
    "GA",
    "SK",
    "Q",
    "XX",
]


def text(seed: int, length: int = CHARACTERS) -> str:
    """Words, a number now and then."""
    dice = np.random.default_rng(seed)
    words: list[str] = []
    while len(" ".join(words)) < length:
        kind = dice.random()
        words.append(str(dice.integers(10, 99_999)) if kind < 0.06 else str(dice.choice(_WORDS)))
        if kind > 0.92:
            words[-1] += str(dice.choice(list(",.?")))
    return " ".join(words)[:length].strip()


def conditions(voice: Samples) -> dict[str, Callable[[Samples, int], Samples]]:
    """What is done to a file, by the name of its figure. The number is the seed."""
    found: dict[str, Callable[[Samples, int], Samples]] = {"clean": lambda heard, _: heard}
    for percent in (1, 2, 5):
        found[f"loss_{percent}_percent"] = lambda heard, seed, share=percent / 100: line.lossy(heard, share, seed)
    for hz in (10, 20, 30, 40, 50, 60):
        found[f"offset_{hz}_hz"] = lambda heard, _, hz=hz: line.shifted(heard, hz)
        found[f"offset_minus_{hz}_hz"] = lambda heard, _, hz=hz: line.shifted(heard, -hz)
    found["baud_1_percent_fast"] = lambda heard, _: line.hurried(heard, 0.01)
    found["baud_1_percent_slow"] = lambda heard, _: line.hurried(heard, -0.01)
    found["twist_6_db"] = lambda heard, _: line.twisted(heard, 3)
    found["twist_minus_6_db"] = lambda heard, _: line.twisted(heard, -3)
    for db in (10, 6, 3, 0, -3, -6):
        name = f"speech_{db}_db".replace("-", "minus_")
        found[name] = lambda heard, _, db=db: line.beside(heard, voice, db)
    found["gsm"] = lambda heard, _: sounds.coded(heard, "gsm")
    # sox has no G.729; this is of its kind (ACELP) and rate, 7.95 kbit/s.
    found["acelp_8_kbit"] = lambda heard, _: sounds.coded(heard, "amr-nb", setting="5")
    found["gsm_twice"] = lambda heard, _: sounds.coded(line.g711(sounds.coded(heard, "gsm")), "gsm")
    found["echo_10_db_100_ms"] = lambda heard, _: line.echoing(heard, -10, 100)
    return found


def bound_percent(snr_db: float, bits: int = 7) -> float:
    """Of characters.

    >>> [round(bound_percent(db), 1) for db in (-6, -9, -12)]
    [0.0, 1.4, 19.8]
    """
    energy = 10 ** (snr_db / 10) * (line.RATE_HZ / 2) / 45.45
    return 100 * (1 - (1 - math.exp(-energy / 2) / 2) ** bits)


def read_by_us(samples: Samples) -> str:
    receiver = Receiver(unshift_on_space=True)
    read = receiver.feed(line.bytes_of(samples)) + receiver.flush()
    return "".join(one.text for one in read)


class Errors:
    """Of both, over some files."""

    def __init__(self) -> None:
        self.sent = self.ours = self.theirs = 0

    def count(self, sent: str, heard: Samples) -> None:
        self.sent += len(sent)
        self.ours += line.character_errors(sent, read_by_us(heard))
        self.theirs += line.character_errors(sent, peer.receive(heard).strip("\r\n"))

    def into(self, figures: Figures, name: str) -> None:
        figures.add(f"cer_{name}", 100 * self.ours / self.sent, "percent")
        figures.add(f"minimodem_cer_{name}", 100 * self.theirs / self.sent, "percent")


def noise(figures: Figures, *, files: int, characters: int) -> None:
    for snr_db in SNR_DB:
        errors = Errors()
        for number in range(files):
            sent = text(SEED + number, characters)
            heard = line.g711(line.noisy(line.padded(peer.send(sent)), snr_db, SEED + 100 * number - snr_db))
            errors.count(sent, heard)
        name = f"{snr_db}db".replace("-", "minus_")
        errors.into(figures, name)
        figures.add(f"bound_cer_{name}", bound_percent(snr_db), "percent")
        say(f"noise at {snr_db} dB")


def damage(figures: Figures, *, characters: int) -> None:
    voice = np.concatenate([sounds.spoken(one, "en-us+m2") for one in sounds.SENTENCES])
    sent = text(SEED + 50, characters)
    clean = line.padded(peer.send(sent))
    for name, harm in conditions(voice).items():
        errors = Errors()
        errors.count(sent, line.g711(harm(clean, SEED)))
        errors.into(figures, name)
    say("lost packets, offsets, speech, codecs")


def cost(figures: Figures, *, channels: int, seconds: float) -> None:
    """Each channel has its own receiver and its own place in the text."""
    heard = line.bytes_of(line.g711(line.padded(peer.send(text(SEED + 60, round(seconds * 7))), 1.0)))
    block, blocks = 2 * line.PACKET, round(seconds * line.RATE_HZ / line.PACKET)
    receivers = [Receiver() for _ in range(channels)]
    began = time.process_time()
    for at in range(blocks):
        for number, receiver in enumerate(receivers):
            start = (at + 7 * number) * block % (len(heard) - block)
            receiver.feed(heard[start - start % 2 : start - start % 2 + block])
    used_s = time.process_time() - began
    figures.add("receiver_cpu_ms_per_s", 1000 * used_s / channels / seconds, "ms/s")
    figures.add("channels_per_core", channels * seconds / used_s, "channels")
    say("what a channel costs")


def other_sounds(hours: float) -> Iterator[tuple[str, Samples]]:
    """So many hours of what is no TTY: nine parts of voices, three of music, one of signals. In rounds, so that a short
    run has something of each."""
    voices = itertools.cycle([f"{voice}{variant}" for variant in sounds.VARIANTS for voice in sounds.VOICES])
    speeds = itertools.cycle([(130, 35), (160, 50), (190, 70), (230, 90)])
    seeds = itertools.count(SEED)
    levels = itertools.cycle([0.05, 0.2, 0.5, 1.0])
    said = " ".join(sounds.SENTENCES)
    left_s = hours * 3_600

    def round_() -> Iterator[tuple[str, Samples]]:
        for voice in itertools.islice(voices, 6):
            words_a_minute, pitch = next(speeds)
            heard = sounds.spoken(said, voice, words_a_minute=words_a_minute, pitch=pitch)
            yield f"voice {voice}", heard
            # The same voice of larger and smaller throats: other formants.
            for faster in (0.7, 0.8, 0.9, 1.15, 1.3):
                yield f"voice {voice} at {faster}", line.hurried(heard, faster - 1)
        for _ in range(4):
            seed = next(seeds)
            played = sounds.music(30, seed)
            yield f"music {seed}", played
            for faster in (0.75, 0.9, 1.2):
                yield f"music {seed} at {faster}", line.hurried(played, faster - 1)
        for name, heard in sounds.signals().items():
            yield name, heard[: 6 * line.RATE_HZ]

    while left_s > 0:
        for name, heard in round_():
            yield name, line.g711(heard * next(levels))
            left_s -= len(heard) / line.RATE_HZ


def detection(figures: Figures, *, hours: float, calls: int) -> None:
    false = suspected = 0
    heard_s = used_s = 0.0
    for name, heard in other_sounds(hours):
        detector = Detector()
        data = line.bytes_of(heard)
        began = time.process_time()
        for at in range(0, len(data), 2 * line.PACKET):
            detector.feed(data[at : at + 2 * line.PACKET])
        used_s += time.process_time() - began
        heard_s += len(heard) / line.RATE_HZ
        suspected += detector.suspected
        if detector.found:
            false += 1
            say(f"taken for a TTY: {name}")
    figures.add("detection_hours", heard_s / 3_600, "hours")
    figures.add("false_detections_per_hour", false * 3_600 / heard_s, "detections/hour")
    figures.add("suspicions_per_hour", suspected * 3_600 / heard_s, "suspicions/hour")
    figures.add("detector_cpu_ms_per_s", 1_000 * used_s / heard_s, "ms/s")
    say("what is no TTY")
    found, characters, dice = 0, [], np.random.default_rng(SEED)
    for number in range(calls):
        sent = peer.send(text(SEED + 200 + number, 12))
        before = float(dice.uniform(0.2, 3))
        harm = list(conditions(sent).values())[number % 3]
        heard = line.noisy(line.padded(harm(sent, number), before), float(dice.uniform(6, 30)), number)
        detector = Detector()
        data = line.bytes_of(line.g711(heard))
        for at in range(0, len(data), 2 * line.PACKET):
            if detector.feed(data[at : at + 2 * line.PACKET]):
                found += 1
                # Eight bits each, after the two bits of carrier that minimodem begins with.
                characters.append((at / 2 / line.RATE_HZ - before - 2 / 45.45) * 45.45 / 8)
                break
    figures.add("calls_detected", 100 * found / calls, "percent")
    figures.add("detected_after_characters_p50", percentile(characters, 50), "characters")
    figures.add("detected_after_characters_p99", percentile(characters, 99), "characters")
    say("what is one")


def voices(figures: Figures, *, count: int) -> None:
    """A TTY's user who speaks (voice carry-over): what the receiver takes for characters then."""
    typed = line.padded(peer.send(text(SEED + 90, 30)))
    spoken_s, false = 0.0, 0
    for number in range(count):
        said = sounds.spoken(" ".join(sounds.SENTENCES), sounds.VOICES[number], pitch=40 + 5 * number) * 0.5
        receiver = Receiver(unshift_on_space=True)
        receiver.feed(line.bytes_of(line.g711(typed)))
        false += len(receiver.feed(line.bytes_of(line.g711(said))) + receiver.flush())
        spoken_s += len(said) / line.RATE_HZ
    figures.add("false_characters_per_minute_of_voice", false * 60 / spoken_s, "characters/min")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.bench.tty", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short texts: no figure means much")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="these parts alone")
    parser.add_argument("--hours", type=float, default=10, help="of sound in which there is no TTY")
    options = parser.parse_args()
    quick = options.quick
    figures = Figures()
    try:
        if "noise" in options.only:
            noise(figures, files=1 if quick else 6, characters=120 if quick else CHARACTERS)
        if "damage" in options.only:
            damage(figures, characters=60 if quick else CHARACTERS)
        if "cost" in options.only:
            cost(figures, channels=4 if quick else CHANNELS, seconds=4 if quick else CHANNEL_S)
        if "detection" in options.only:
            voices(figures, count=2 if quick else len(sounds.VOICES))
            detection(figures, hours=0.05 if quick else options.hours, calls=6 if quick else 200)
    except LabError as error:
        say(str(error))
        return 1
    sys.stdout.write("".join(one + "\n" for one in figures.lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
