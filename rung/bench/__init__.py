"""Benchmarks against other tools, evidence for published claims, contracts of plugs."""
