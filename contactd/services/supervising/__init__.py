"""Supervisors at talks: who may be at whose, and in which mode."""
