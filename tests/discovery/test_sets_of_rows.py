"""Tables counted by sets of rows against the same kernels row by row, and against numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import rung
from rung.discovery.codes import coded
from tests.discovery.support import levels

RNG = np.random.default_rng
SIZES = (2, 3, 1, 4, 2, 7, 3, 5)


def sample(seed, n, sizes=SIZES, missing=0.0):
    """Columns of levels that depend on one number; some levels are rare."""
    rng = RNG(seed)
    mixed = rng.normal(size=(n, 1)) + rng.normal(size=(n, len(sizes)))
    x = np.floor(np.clip(0.5 + mixed / 5, 0, 0.999) ** 2 * np.array(sizes))
    if missing:
        x[rng.random(x.shape) < missing] = np.nan
    return levels(x, sizes)


def row_by_row(bound):
    """The same test or score on arrays that say that there are no sets."""
    head = bound.F.copy()
    assert head[0, 0, 2] > 0
    head[0, 0, 2] = 0.0
    return replace(bound, F=head)


def questions(seed, d, k, m=12):
    rng = RNG([seed, k])
    picked = np.array([rng.permutation(d)[: k + 2] for _ in range(m)])
    return picked[:, 0], picked[:, 1], picked[:, 2:]


def with_targets(data):
    environment = np.arange(data.n) % 3
    targets = np.zeros((3, data.d), dtype=bool)
    targets[1, 1] = targets[2, [0, 3]] = True
    return data.replacing(environment=environment, environments=("see", "a", "b"), targets=targets)


@pytest.mark.parametrize("n", [1, 3, 63, 64, 65, 200, 3000, 20_001])
def test_g2_is_the_same_row_by_row(n):
    data = sample(n, n)
    holed = sample(n, n, missing=0.1).replacing(missing=rung.TestWise())
    for rows in (data, holed, with_targets(data)):
        bound = rung.G2().on(rows)
        for k in range(5):
            x, y, given = questions(n, 8, k)
            assert np.array_equal(
                bound.pvalues(x, y, given), row_by_row(bound).pvalues(x, y, given)
            )


@pytest.mark.parametrize(
    "score", [rung.BDeu(), rung.BDeu(size=7.0, parents=None), rung.DiscreteBIC()]
)
@pytest.mark.parametrize("n", [1, 63, 64, 65, 500, 3000, 20_001])
def test_scores_are_the_same_row_by_row(score, n):
    data = sample(n, n)
    for rows in (data, with_targets(data)):
        bound = score.on(rows)
        slow = row_by_row(bound)
        for k in range(6):
            rng = RNG([n, k])
            for _ in range(4):
                v, *others = rng.permutation(8).tolist()
                parents, rest = others[:k], others[k:]
                one = bound.local(v, parents)
                assert np.isclose(one, slow.local(v, parents), rtol=1e-12)
                gains = bound.gains(v, parents, rest)
                assert np.allclose(gains, slow.gains(v, parents, rest), atol=1e-12 * n + 1e-12)
                more = [bound.local(v, [*parents, c]) - one for c in rest]
                assert np.allclose(gains, more, atol=1e-12 * n + 1e-12)


def test_tables_that_are_wide_fall_back_to_rows():
    sizes = (3, 60, 55, 50, 2, 40)
    data = sample(0, 900, sizes)
    for score in (rung.BDeu(), rung.DiscreteBIC()):
        bound = score.on(data)
        slow = row_by_row(bound)
        for parents in ([], [1], [1, 2], [1, 2, 3]):
            rest = [c for c in (1, 2, 3, 4, 5) if c not in parents]
            gains = bound.gains(0, parents, rest)
            assert np.allclose(gains, slow.gains(0, parents, rest), atol=1e-9)
    test, far = rung.G2().on(data), np.array([[1, 2, 3]])
    assert np.array_equal(test.pvalues([0], [4], far), row_by_row(test).pvalues([0], [4], far))


def test_sets_hold_the_rows_of_the_levels():
    data = sample(1, 130)
    F, I, _ = coded(data, "test")
    d, masked, place, words, whole, n = F[0, 0].astype(int)
    assert (d, masked, words, whole, n) == (8, 0, 3, 1, 130)
    flat = I.reshape(-1)

    def rows(at):
        bits = np.unpackbits(flat[at : at + words].view(np.uint8), bitorder="little")
        return np.nonzero(bits)[0]

    assert np.array_equal(rows(place), np.arange(130))
    x = data.matrix(data.names)
    for j, size in enumerate(SIZES):
        for level in range(size):
            assert np.array_equal(
                rows(I[d, d + j] + level * words), np.nonzero(x[:, j] == level)[0]
            )


def test_weights_numbers_and_many_levels_have_no_sets():
    data = sample(2, 50)
    assert coded(data.replacing(weights=np.full(50, 2.0)), "test").F[0, 0, 2] == 0
    assert coded(rung.Data.from_matrix(data.matrix(data.names)), "test").F[0, 0, 2] == 0
    assert coded(sample(2, 300, (200, 3)), "test").F[0, 0, 2] == 0
    twice = rung.G2().on(data.replacing(weights=np.full(50, 2.0)))
    x, y, given = questions(0, 8, 1)
    rows = rung.Data.from_matrix(
        np.repeat(data.matrix(data.names), 2, axis=0), variables=data.variables
    )
    assert np.allclose(twice.pvalues(x, y, given), rung.G2().on(rows).pvalues(x, y, given))
