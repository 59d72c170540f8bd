"""Nouns and rules of the workspace. Standard library and msgspec only: no I/O, no clock, no randomness."""
