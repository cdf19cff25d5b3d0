"""One hypothesis profile for all tests: the same examples on every run, no limit of time."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "rung", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("rung")
