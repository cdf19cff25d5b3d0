"""Heterogeneous effects: learners of the effect given covariates, and checks on held-out rows."""
