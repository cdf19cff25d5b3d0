"""Numba functions: compiled once, cached on disk, called by the families."""
