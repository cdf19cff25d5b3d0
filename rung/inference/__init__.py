"""Folds, cross-fitting, resampling, intervals, multiplicity: written once for everybody."""
