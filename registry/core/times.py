"""Lengths of time, in the milliseconds that every time of the workspace is counted in."""

DAY_MS = 24 * 60 * 60 * 1000
