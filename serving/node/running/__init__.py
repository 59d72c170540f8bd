"""Scoring processes: called, watched, asked for samples."""
