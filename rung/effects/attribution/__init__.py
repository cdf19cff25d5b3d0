"""Root causes: which mechanism changed, what moved an outcome, what made a row an anomaly."""
