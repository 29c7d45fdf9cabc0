"""minimodem (GPL, Kamal Mostafa): the independent TTY. It shares no line with ours.

It takes a space for the end of figures, both ways (``unshift_on_space``), and calls nothing else by figures of G and H.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from pathlib import Path

from tests.lab.debs import tool
from tests.lab.progress import LabError
from tests.lab.tty.line import RATE_HZ, Samples, bytes_of, samples_of

LEVEL = 0.25
"""Of its full scale: -9 dBm0."""


def send(text: str) -> Samples:
    """What it sends of this text: 45.45 baud, two stop bits."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sent.wav"
        argv = [*tool("minimodem"), "--tx", "tdd", "--quiet", "--samplerate", str(RATE_HZ), "--file", str(path)]
        done = subprocess.run(argv, input=text.encode("ascii"), capture_output=True, check=False)
        if done.returncode:
            raise LabError(f"minimodem sent nothing: {done.stderr.decode(errors='replace')}")
        with wave.open(str(path)) as file:
            return samples_of(file.readframes(file.getnframes())) * LEVEL


def receive(samples: Samples) -> str:
    """What it reads of these samples."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "heard.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(bytes_of(samples))
        done = subprocess.run(
            [*tool("minimodem"), "--rx", "tdd", "--quiet", "--file", str(path)], capture_output=True, check=False
        )
        if done.returncode:
            raise LabError(f"minimodem read nothing: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode("ascii", errors="replace")
