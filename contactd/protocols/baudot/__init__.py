"""Baudot text telephones (TTY, TDD): samples in, characters out, and back. TIA-825-A, ITU-T V.18 Annex A.

Nothing is imported here: ``receive``, ``transmit``, ``modem`` and ``detect`` need numpy, which takes a tenth of a
second to load, and most daemons never hear a TTY. Import them where the first one is heard.
"""
