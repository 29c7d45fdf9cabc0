"""The pure heart: what the floor is, what happens on it, and what is decided. No I/O, no clock, no dice."""
