"""Estimators of formulas other than the adjustment formula: front-door, any output of ID."""
