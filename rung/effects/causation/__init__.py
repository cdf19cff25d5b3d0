"""Probabilities of causation: was it necessary, was it sufficient; any counterfactual event."""
