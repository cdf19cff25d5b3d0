"""Numerical primitives against scipy, and kernels against their plain twins."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.kernels import drop_stale
from rung.kernels.gaussian_tests import fisher_z, partial_correlation
from rung.kernels.signatures import plain
from rung.kernels.special import chi2_sf, gamma_upper
from rung.kernels.subsets import advance


def test_incomplete_gamma_is_scipys():
    a = np.concatenate([np.geomspace(0.5, 2000, 60), np.arange(0.5, 40, 0.5)])
    for shape in a:
        for x in shape * np.array([1e-3, 0.1, 0.5, 0.9, 0.999, 1.0, 1.001, 1.1, 2, 5, 20]):
            wanted = scipy.special.gammaincc(shape, x)
            assert np.isclose(gamma_upper(shape, x), wanted, rtol=1e-9, atol=1e-14)
    assert chi2_sf(3.0, 0.0) == 1.0
    assert np.isclose(chi2_sf(3.841458820694124, 1.0), 0.05, rtol=1e-12)


def test_compiled_kernels_go_when_any_file_changes(tmp_path):
    source, cache = tmp_path / "a.py", tmp_path / "__pycache__"
    source.write_text("1")
    assert not drop_stale(tmp_path)
    compiled = cache / "b.f-1.nbi"
    compiled.write_text("")
    assert not drop_stale(tmp_path)
    assert compiled.exists()
    source.write_text("11")
    assert drop_stale(tmp_path)
    assert not compiled.exists()
    assert not drop_stale(tmp_path)


def test_subsets_come_in_order_and_completely():
    from itertools import combinations

    step = plain(advance)  # compiled, it can be called by kernels only
    for m in range(1, 7):
        for k in range(1, m + 1):
            at, seen = np.arange(k), []
            while True:
                seen.append(tuple(at.tolist()))
                if not step(at, k, m):
                    break
            assert seen == list(combinations(range(m), k))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 6))
def test_partial_correlation_by_inversion(seed, k):
    rng = np.random.default_rng(seed)
    c = np.corrcoef(rng.normal(size=(30, 9)) @ rng.normal(size=(9, 9)), rowvar=False)
    order = rng.permutation(9)
    x, y, given = order[0], order[1], order[2 : 2 + k].astype(np.int64)
    cols = [x, y, *given]
    precision = np.linalg.inv(c[np.ix_(cols, cols)])
    wanted = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
    found = partial_correlation(c, x, y, given, k, np.empty((k + 2) ** 2))
    assert np.isclose(found, wanted, atol=1e-8)


def test_compiled_equals_plain():
    rng = np.random.default_rng(0)
    c = np.corrcoef(rng.normal(size=(50, 6)), rowvar=False)[None].copy()
    which = np.zeros((6, 6), dtype=np.int64)
    args = (0, 1, np.array([2, 3]), 2, c, which, np.array([50.0]), np.empty(16))
    assert fisher_z(*args) == fisher_z.py_func(*args)


def test_importing_rung_does_not_import_numba():
    code = "import sys, rung; rung.PC, rung.BOSS, rung.G2; print('numba' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
