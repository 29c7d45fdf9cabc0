"""Texts of flows, spoken by an offline engine when the configuration is read, and kept where the PBX finds them.

``engines.py`` starts the engine, ``sound.py`` brings what it says to the telephone's rate, level and codecs,
``speaker.py`` knows what is there already. Nothing here is ever called while a caller waits: a flow names a file, and
the file is there.
"""

from contactd.services.speech.engines import SpeechFailed
from contactd.services.speech.speaker import Speaker

__all__ = ["Speaker", "SpeechFailed"]
