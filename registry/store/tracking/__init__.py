"""Experiments and runs: what training scripts record."""
