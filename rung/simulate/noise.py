"""Families of noise for simulated SCMs; see `rung.mechanisms.noise`."""

from ..mechanisms.noise import Exponential, Gaussian, Laplace, Residual, Student, Uniform

__all__ = ["Exponential", "Gaussian", "Laplace", "Residual", "Student", "Uniform"]
