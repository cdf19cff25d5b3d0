"""Causal modelling: see, do, imagine."""
