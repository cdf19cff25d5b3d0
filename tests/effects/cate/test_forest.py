"""The forest's kernels against plain Python, honesty, flat effects, intervals."""

import numpy as np
import pytest

import rung
from rung.core.errors import InputError
from rung.effects.cate.forest import CausalForest, binned, cuts_of, grow
from rung.effects.cate.protocol import CateTask
from rung.kernels.causal_forest import grow_tree, read_forest


def world(n=120, p=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    t = rng.normal(size=n)
    y = t * (x[:, 0] > 0) * 2 + rng.normal(size=n)
    w = rng.uniform(0.5, 2.0, n)
    return x, t, y, w


def slow_tree(bins, y, t, w, split, estimate, least, balance):
    """The same tree, written again: nested dicts, every cut of every covariate tried."""

    def stats(rows):
        m = max(len(rows), 1)
        cells = [w, w * t, w * y, w * t * t, w * t * y]
        return np.array([c[rows].sum() / m for c in cells])

    def pseudo(rows):
        tm, ym = np.average(t[rows], weights=w[rows]), np.average(y[rows], weights=w[rows])
        u, v = t[rows] - tm, y[rows] - ym
        slope = (w[rows] * u * v).sum() / (w[rows] * u * u).sum()
        return w[rows] * u * (v - slope * u), w[rows] * u * u

    def node(rows, est):
        if len(rows) < 2 * least or len(est) < 2 * least:
            return {"leaf": stats(est)}
        rho, v = pseudo(rows)
        best = (0.0, None)
        for f in range(bins.shape[1]):
            for cut in np.unique(bins[rows, f]):
                left, eleft = bins[rows, f] <= cut, bins[est, f] <= cut
                sides = [(left, eleft), (~left, ~eleft)]
                if any(
                    s.sum() < max(least, balance * len(rows)) or e.sum() < least
                    or v[s].sum() < balance * v.sum()
                    for s, e in sides
                ):  # fmt: skip
                    continue
                gain = sum(rho[s].sum() ** 2 / w[rows][s].sum() for s, _ in sides)
                if gain > best[0] * (1 + 1e-12):
                    best = (gain, (f, int(cut), left, eleft))
        if best[1] is None:
            return {"leaf": stats(est)}
        f, cut, left, eleft = best[1]
        return {
            "at": (f, cut), "left": node(rows[left], est[eleft]),
            "right": node(rows[~left], est[~eleft]),
        }  # fmt: skip

    return node(split, estimate)


def grown(bins, y, t, w, rows, half, least=3, balance=0.05, tried=None):
    n, p = bins.shape
    nodes, leaf = np.zeros((2 * n, 5), dtype=np.int64), np.zeros((2 * n, 5))
    count = grow_tree(
        bins, y, t, w, rows.copy(), half, tried or p, least, balance, 64, np.uint64(5), nodes, leaf
    )
    return nodes[:count], leaf[:count]


def same_tree(nodes, leaf, k, slow):
    if nodes[k, 0] < 0:
        assert "leaf" in slow
        np.testing.assert_allclose(leaf[k], slow["leaf"], rtol=1e-9)
        return
    assert tuple(nodes[k, :2]) == slow["at"]
    same_tree(nodes, leaf, nodes[k, 2], slow["left"])
    same_tree(nodes, leaf, nodes[k, 3], slow["right"])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("balance", [0.0, 0.2])
def test_trees_equal_those_of_plain_python(seed, balance):
    x, t, y, w = world(seed=seed)
    bins = binned(x, cuts_of(x))
    rows = np.random.default_rng(seed).permutation(len(y))
    nodes, leaf = grown(bins, y, t, w, rows, 60, balance=balance)
    slow = slow_tree(bins, y, t, w, rows[:60], rows[60:], 3, balance)
    assert len(nodes) > 5
    same_tree(nodes, leaf, 0, slow)


def test_honesty_splits_and_leaves_use_disjoint_rows():
    x, t, y, w = world()
    bins, rows = binned(x, cuts_of(x)), np.arange(120)
    nodes, leaf = grown(bins, y, t, w, rows, 60)
    other = y.copy()
    other[60:] = np.random.default_rng(3).normal(size=60) * 9  # outcomes of estimation rows
    same, moved = grown(bins, other, t, w, rows, 60)
    np.testing.assert_array_equal(nodes, same)
    assert not np.allclose(leaf, moved)
    other = y.copy()
    other[:60] = np.random.default_rng(4).normal(size=60) * 9  # outcomes of split rows
    moved, _ = grown(bins, other, t, w, rows, 60)
    assert not np.array_equal(nodes, moved)
    # a leaf never holds them: the root as a leaf has the means of rows 60 on
    only, root = grown(bins, other, t, w, rows, 60, least=1000)
    assert len(only) == 1
    np.testing.assert_allclose(root[0, 4], (w * t * y)[60:].mean())


def slow_read(bins, roots, nodes, leaf, drawn, bag):
    """Effect and raw parts of the variance of each row by loops."""
    out = []
    for i in range(len(bins)):
        found = []
        for b, root in enumerate(roots):
            if drawn.size and drawn[i, b]:
                found.append(None)
                continue
            k = root
            while nodes[k, 0] >= 0:
                k = root + nodes[k, 2 if bins[i, nodes[k, 0]] <= nodes[k, 1] else 3]
            found.append(leaf[k])
        s = np.mean([f for f in found if f is not None], axis=0)
        a = np.array([[s[0], s[1]], [s[1], s[3]]])
        mu, theta = np.linalg.solve(a, [s[2], s[4]])
        psi = [
            None if f is None else np.linalg.solve(
                a, [f[2] - theta * f[1] - mu * f[0], f[4] - theta * f[3] - mu * f[1]]
            )[1]
            for f in found
        ]  # fmt: skip
        bags = [psi[g : g + bag] for g in range(0, len(psi), bag)]
        bags = np.array([g for g in bags if all(v is not None for v in g)], dtype=float)
        between = (bags.mean(axis=1) ** 2).mean()
        within = ((bags**2).mean() - between) / (bag - 1)
        out.append((theta, between, within, len(bags)))
    return np.array(out)


def test_reading_equals_plain_python_and_the_variance_its_formula():
    from scipy import stats

    x, t, y, w = world(n=200)
    spec = CausalForest(trees=160, bag=4, least=3)
    forest, drawn = grow(spec, x, y, t, w, None, np.random.default_rng(1))
    assert drawn.sum(axis=0).max() == int(0.45 * 200)
    bins = binned(x, forest.cuts)
    for marks in (drawn, np.zeros((0, 0), dtype=np.uint8)):
        out = np.empty((200, 2))
        read_forest(bins, forest.roots, forest.nodes, forest.leaf, marks, 4, out)
        slow = slow_read(bins, forest.roots, forest.nodes, forest.leaf, marks, 4)
        np.testing.assert_allclose(out[:, 0], slow[:, 0], rtol=1e-8)
        raw = slow[:, 1] - slow[:, 2]
        scale = np.maximum(slow[:, 1], slow[:, 2]) * np.sqrt(2 / slow[:, 3])
        # mean of a normal of this mean and spread, cut off below 0
        expected = stats.truncnorm.mean(-raw / scale, np.inf, loc=raw, scale=scale)
        np.testing.assert_allclose(out[:, 1], expected, rtol=1e-6)


def test_a_constant_effect_gives_flat_estimates():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 4))
    t = (rng.random(3000) < 0.5).astype(float)
    y = x[:, 0] + 2 * t + rng.normal(size=3000)
    rule = rung.CausalForest().conditional(CateTask.of(x, t, y), rng=rng)
    effect, variance = rule.seen()
    assert abs(effect.mean() - 2) < 0.1
    assert effect.std() < 0.2
    assert (np.abs(effect - 2) < 1.96 * np.sqrt(variance)).mean() > 0.9


def test_intervals_cover_and_widths_shrink():
    """Pointwise coverage at 100 fixed points over 12 data sets; a smooth effect."""
    new = np.random.default_rng(5).uniform(-1, 1, (100, 3))
    hits, widths = [], {}
    for n in (500, 2000):
        found = []
        for seed in range(12):
            rng = np.random.default_rng([seed, n])
            x = rng.uniform(-1, 1, (n, 3))
            t = (rng.random(n) < 0.5).astype(float)
            y = x[:, 1] + t * (1 + x[:, 0]) + 0.5 * rng.normal(size=n)
            rule = rung.CausalForest(trees=400, folds=2).conditional(CateTask.of(x, t, y), rng=rng)
            half = 1.96 * np.sqrt(rule.variance(new)[:, 0])
            found.append(half.mean())
            hits.append(np.abs(rule.effect(new)[:, 0] - 1 - new[:, 0]) <= half)
        widths[n] = np.mean(found)
    assert 0.85 < np.mean(hits) <= 1.0
    assert widths[2000] < widths[500]


def test_doses_weights_and_importance():
    rng = np.random.default_rng(0)
    n = 3000
    x = rng.normal(size=(n, 3))
    t = x[:, 2] + rng.normal(size=n)
    y = t * (x[:, 0] > 0) + x[:, 2] + rng.normal(size=n)
    task = CateTask.of(x, t, y, arms=0)
    rule = rung.CausalForest().conditional(task, rng=rng)
    effect = rule.seen()[0][:, 0]
    assert abs(effect[x[:, 0] > 0.3].mean() - 1) < 0.15
    assert abs(effect[x[:, 0] < -0.3].mean()) < 0.15
    assert rule.importance.argmax() == 0
    assert rule.importance.sum() == pytest.approx(1)
    # weight 0 takes a row out of the leaves: rows with a wrong sign that weigh nothing
    bad = np.arange(n) % 3 == 0
    z = np.where(bad, -5 * t, y)
    weighed = CateTask.of(x, t, z, arms=0, weights=np.where(bad, 0.0, 1.0))
    other = rung.CausalForest(trees=200).conditional(weighed, rng=rng).effect(x)[:, 0]
    assert np.sqrt(np.mean((other - (x[:, 0] > 0)) ** 2)) < 0.4


def test_clusters_stay_whole():
    x, t, y, w = world(n=200)
    groups = np.arange(200) // 5
    _, drawn = grow(CausalForest(trees=20), x, y, t, w, groups, np.random.default_rng(0))
    per = drawn.reshape(40, 5, 20)
    assert (per.min(axis=1) == per.max(axis=1)).all()


@pytest.mark.parametrize(
    "wrong",
    [{"bag": 1}, {"trees": 3}, {"trees": 5, "bag": 2}, {"share": 0.6}, {"least": 0}, {"tried": 0}],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(InputError):
        rung.CausalForest(**wrong)
