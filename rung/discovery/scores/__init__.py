"""Decomposable scores: one score, one file."""
