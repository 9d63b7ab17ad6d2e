"""Faults on purpose: what got 250 is there once, whatever dies in between."""
