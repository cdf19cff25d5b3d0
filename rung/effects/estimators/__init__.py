"""Estimators of mean outcomes after adjustment, and the models that they fit."""
