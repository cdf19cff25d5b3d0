"""Learners of effects: known effects are found, levels and doses, bad input."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import rung
from rung.core.errors import InputError, NotSupported
from rung.effects.cate.protocol import CateTask
from rung.effects.cate.selected import opened

LEVELS = [
    rung.SLearner(), rung.TLearner(), rung.XLearner(), rung.RLearner(), rung.DRLearner(),
    rung.CausalForest(trees=200),
]  # fmt: skip
LINE, LOGIT = LinearRegression(), LogisticRegression()


def world(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    t = (rng.random(n) < 1 / (1 + np.exp(-x[:, 2]))).astype(float)
    effect = 1 + x[:, 0]
    y = x[:, 1] + 0.5 * x[:, 2] + t * effect + 0.5 * rng.normal(size=n)
    return x, t, y, effect


@pytest.mark.parametrize("learner", LEVELS, ids=lambda k: type(k).__name__)
def test_a_known_effect_is_found_and_the_seed_decides(learner):
    x, t, y, effect = world()
    task = CateTask.of(x, t, y)
    found = learner.conditional(task, rng=np.random.default_rng(1)).effect(x)
    assert found.shape == (3000, 1)
    assert np.sqrt(np.mean((found[:, 0] - effect) ** 2)) < 0.45
    again = learner.conditional(task, rng=np.random.default_rng(1)).effect(x)
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize(
    "learner",
    [
        rung.TLearner(LINE), rung.XLearner(LINE, LINE, LOGIT), rung.RLearner(LINE, LOGIT, LINE),
        rung.DRLearner(LINE, LOGIT, LINE),
    ],
    ids=lambda k: type(k).__name__,
)  # fmt: skip
def test_linear_models_find_a_linear_effect_within_its_error(learner):
    x, t, y, _ = world(20_000)
    rule = learner.conditional(CateTask.of(x, t, y), rng=np.random.default_rng(0))
    grid = np.eye(3)
    base = rule.effect(np.zeros((1, 3)))[0, 0]
    slopes = rule.effect(grid)[:, 0] - base
    np.testing.assert_allclose([base, *slopes], [1, 1, 0, 0], atol=0.05)


@pytest.mark.parametrize("learner", LEVELS, ids=lambda k: type(k).__name__)
def test_three_levels_each_against_the_first(learner):
    rng = np.random.default_rng(0)
    n = 4000
    x = rng.normal(size=(n, 2))
    t = rng.integers(0, 3, n).astype(float)
    y = x[:, 1] + (t == 1) * x[:, 0] - (t == 2) * 2 + 0.5 * rng.normal(size=n)
    rule = learner.conditional(CateTask.of(x, t, y, arms=3), rng=rng)
    found = rule.effect(x)
    assert found.shape == (n, 2)
    assert np.corrcoef(found[:, 0], x[:, 0])[0, 1] > 0.9
    assert abs(found[:, 1].mean() + 2) < 0.1


def test_a_dose_by_the_r_learner_only():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 2))
    t = x[:, 1] + rng.normal(size=3000)
    y = t * (1 + x[:, 0]) + rng.normal(size=3000)
    task = CateTask.of(x, t, y, arms=0)
    found = rung.RLearner().conditional(task, rng=rng).effect(x)[:, 0]
    assert np.corrcoef(found, x[:, 0])[0, 1] > 0.9
    for learner in (rung.SLearner(), rung.TLearner(), rung.XLearner(), rung.DRLearner()):
        with pytest.raises(NotSupported, match="RLearner"):
            learner.conditional(task, rng=rng)


def test_fewer_modifiers_than_covariates():
    """The DR-learner gives E[effect | x1]; others say that they do not."""
    rng = np.random.default_rng(0)
    n = 8000
    z = rng.normal(size=(n, 2))
    t = (rng.random(n) < 1 / (1 + np.exp(-z[:, 1]))).astype(float)
    y = z[:, 1] + t * (z[:, 0] + z[:, 1] ** 2) + 0.5 * rng.normal(size=n)
    task = CateTask.of(z[:, :1], t, y, z=z)
    rule = rung.DRLearner(effect=LINE).conditional(task, rng=rng)
    np.testing.assert_allclose(rule.effect([[0.0], [1.0]])[:, 0], [1.0, 2.0], atol=0.15)
    for learner in (rung.SLearner(), rung.TLearner(), rung.XLearner()):
        with pytest.raises(NotSupported, match="DRLearner"):
            learner.conditional(task, rng=rng)


def test_weights_count_as_rows():
    x, t, y, _ = world(800)
    many = np.random.default_rng(0).integers(1, 4, 800)
    rows = np.repeat(np.arange(800), many)
    for learner in (rung.TLearner(LINE), rung.XLearner(LINE, LINE, LOGIT)):
        a = learner.conditional(CateTask.of(x, t, y, weights=many), rng=np.random.default_rng(0))
        b = learner.conditional(
            CateTask.of(x[rows], t[rows], y[rows]), rng=np.random.default_rng(0)
        )
        np.testing.assert_allclose(a.effect(x), b.effect(x), atol=2e-3)


def test_the_best_by_r_score_is_kept():
    x, t, y, effect = world()
    noise = rung.TLearner(_Noise())
    pick = rung.Selected((noise, rung.XLearner()))
    rule, choice = opened(pick.conditional(CateTask.of(x, t, y), rng=np.random.default_rng(0)))
    assert choice is not None
    assert choice.words == "X-learner"
    scores = dict(choice.scores)
    assert scores["X-learner"] > 0.1 > scores["T-learner"]
    assert np.corrcoef(rule.effect(x)[:, 0], effect)[0, 1] > 0.95


class _Noise(LinearRegression):
    """Predicts noise."""

    def predict(self, X):
        return np.random.default_rng(0).normal(size=len(X)) * (1 + self.coef_[0])


def test_bad_input_is_named():
    x, t, y, _ = world(200)
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="missing or infinite"):
        CateTask.of(np.where(x > 2, np.nan, x), t, y)
    with pytest.raises(InputError, match="arm numbers"):
        CateTask.of(x, t + 1, y)
    with pytest.raises(InputError, match="no"):
        CateTask.of(x[:, :0], t, y)
    with pytest.raises(InputError, match="scikit-learn"):
        rung.TLearner("forest").conditional(CateTask.of(x, t, y), rng=rng)
    with pytest.raises(InputError, match="an arm of the treatment has 3 rows"):
        few = np.zeros(200)
        few[:3] = 1
        rung.RLearner().conditional(CateTask.of(x, few, y), rng=rng)
    with pytest.raises(InputError, match="too few"):
        rung.CausalForest().conditional(CateTask.of(x[:6], t[:6], y[:6]), rng=rng)
    with pytest.raises(InputError, match="learners"):
        rung.Selected(("x",))
    from sklearn.neighbors import KNeighborsRegressor

    with pytest.raises(InputError, match="takes no weights"):
        task = CateTask.of(x, t, y, weights=np.arange(1.0, 201))
        rung.TLearner(KNeighborsRegressor()).conditional(task, rng=rng)
