"""Recordings: paused while they run, fetched when they are whole, kept encrypted, played to who may."""
