"""The report: one self-contained HTML page, JSON, plots, citations."""
