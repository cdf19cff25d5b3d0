"""Benchmarks and evidence about effects: cases and the other tools they are compared with."""
