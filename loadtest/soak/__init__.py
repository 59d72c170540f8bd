"""Loads and unloads a deployment again and again, and looks for what a node keeps of it: ``make soak-loads``."""
