"""Web hooks: what others are told, how it is signed, and who sends it. See README.rst."""
