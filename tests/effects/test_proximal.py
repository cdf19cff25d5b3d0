"""Proximal two-stage least squares."""

import numpy as np
import pandas as pd
import pytest

import rung
from rung.core.errors import InputError, UnknownName

ASK = rung.ATE("a", "y", adjust=("x", "z", "w"))
PROXIES = rung.Proximal(exposure="z", outcome="w")


def frame(n, seed, binary=True):
    """The hidden u causes all; z is on the treatment's side, w on the outcome's; effect 1."""
    rng = np.random.default_rng(seed)
    u, x = rng.normal(size=n), rng.normal(size=n)
    z, w = u + rng.normal(size=n), u + 0.3 * x + rng.normal(size=n)
    a = u + 0.5 * x + 0.5 * z + rng.logistic(size=n)
    a = (a > 0).astype(int) if binary else a
    return pd.DataFrame({"x": x, "z": z, "w": w, "a": a, "y": a + 1.5 * u + x + rng.normal(size=n)})


def test_it_is_two_stage_least_squares_with_its_sandwich():
    rows = frame(800, 0)
    found = rung.effect(None, rung.read(rows), ASK, estimator=PROXIES)
    d = np.column_stack([rows.a, np.ones(800), rows.x, rows.w])
    v = np.column_stack([rows.a, np.ones(800), rows.x, rows.z])
    inverse = np.linalg.inv(v.T @ d)  # as many instruments as regressors
    beta = inverse @ v.T @ rows.y
    r = rows.y - d @ beta
    cov = inverse @ (v.T * (np.asarray(r) ** 2)) @ v @ inverse.T
    assert found.value == pytest.approx(beta[0], abs=1e-9)
    assert found.se == pytest.approx(np.sqrt(cov[0, 0]), rel=0.01)
    assert "F =" in found.method
    assert found.estimand.text.startswith("E[y | do(a=t)] = E[h(w, t, x)]")
    assert "shows in z and w" in found.assumptions[0].statement
    assert "hidden common cause" not in {r.name for r in found.refutations}
    assert "tchetgen2024" in found.citations
    assert "Tchetgen" in found.cite()


@pytest.mark.parametrize("binary", [True, False])
def test_intervals_cover_where_adjustment_does_not(binary):
    ask = ASK if binary else rung.ATE("a", "y", adjust=("x", "z", "w"), treated=1, control=0)
    hits = naive = 0
    for seed in range(40):
        data = rung.read(frame(500, seed, binary))
        study = rung.effect(None, data, ask, estimator=PROXIES)
        hits += study.interval[0] <= 1 <= study.interval[1]
        if seed < 5:
            plain = rung.effect(None, data, ask, estimator=rung.Proximal())
            naive += plain.interval[0] <= 1 <= plain.interval[1]
    assert hits >= 34  # 95% of 40 less 2.9 binomial standard errors
    assert naive == 0


def test_what_it_refuses():
    data = rung.read(frame(200, 1).assign(copy=lambda d: d.x))
    with pytest.raises(InputError, match="both kinds"):
        rung.Proximal("z", "z")
    with pytest.raises(UnknownName, match="adjust"):
        rung.effect(None, data, rung.ATE("a", "y", adjust=("x",)), estimator=PROXIES)
    with pytest.raises(InputError, match="at least as many"):
        rung.effect(None, data, ASK, estimator=rung.Proximal(outcome=("w", "z")))
    with pytest.raises(InputError, match="do not tell"):
        rung.effect(
            None, data, rung.ATE("a", "y", adjust=("x", "w", "copy")),
            estimator=rung.Proximal("copy", "w"),
        )  # fmt: skip
