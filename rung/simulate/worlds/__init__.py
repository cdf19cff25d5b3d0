"""Drawn and morphed pictures with known factors, graph and mechanisms."""
