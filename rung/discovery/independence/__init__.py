"""Tests of conditional independence: one test, one file."""
