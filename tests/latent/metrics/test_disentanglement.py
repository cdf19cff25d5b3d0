"""DCI, MIG, SAP, modularity, MCC, R2: cases with closed answers, invariances, bad input."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung import latent
from rung.core.errors import InputError
from rung.latent.metrics.attributes import balanced_accuracy
from rung.latent.metrics.importance import from_importances

H = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75)) / np.log(2)  # entropy of a quarter, in bits
A = H - 0.5  # I(s1 and s2; s1) in bits, s1 and s2 fair and independent

SQUARE = np.array(list(product([0, 1], [0, 1])) * 10)
AND = np.column_stack([SQUARE[:, 0], SQUARE[:, 0] & SQUARE[:, 1]])  # z1 = s1, z2 = s1 and s2

FLAGGED = [latent.dci, latent.mig, latent.sap, latent.modularity, latent.infomec]
PLAIN = [latent.mcc, latent.r2_up_to_linear, latent.r2_up_to_permutation]
ALL: list[Callable[..., Any]] = [*FLAGGED, *PLAIN]


def planted(n: int = 400, k: int = 3, seed: int = 0) -> np.ndarray:
    """Independent uniform factors."""
    return np.random.default_rng(seed).random((n, k))


def test_mig_of_a_conjunction_is_what_entropies_give() -> None:
    found = latent.mig(AND, SQUARE, discrete_codes=True, discrete_factors=True)
    assert found.table / np.log(2) == pytest.approx(np.array([[1, 0], [A, A]]), abs=1e-12)
    assert found.parts == pytest.approx([1 - A, A], abs=1e-12)
    assert float(found) == pytest.approx(0.5, abs=1e-12)


def test_modularity_of_a_conjunction() -> None:
    found = latent.modularity(AND, SQUARE, discrete_codes=True, discrete_factors=True)
    assert found.parts == pytest.approx([1, 0], abs=1e-12)


def test_sap_of_a_conjunction() -> None:
    found = latent.sap(AND, SQUARE, discrete_factors=True)
    assert found.table == pytest.approx(np.array([[1, 0.5], [0.75, 0.75]]), abs=1e-12)
    assert found.value == pytest.approx(0.25, abs=1e-12)


def test_sap_of_numbers_is_the_gap_in_squared_correlation() -> None:
    s, rng = planted(), np.random.default_rng(1)
    z = s @ rng.normal(size=(3, 4))
    squared = np.corrcoef(z.T, s.T)[:4, 4:] ** 2
    top = np.sort(squared, axis=0)
    assert latent.sap(z, s).parts == pytest.approx(top[-1] - top[-2], abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=4, max_size=9))
def test_thresholds_of_sap_against_all_cuts(rows: list[tuple[int, int]]) -> None:
    code = np.array([r[0] for r in rows], dtype=float)
    labels = np.unique([r[1] for r in rows], return_inverse=True)[1]
    levels = labels.max() + 1
    means = [code[labels == v].mean() for v in range(levels)]
    order = np.argsort(means, kind="stable")
    best = 0.0
    for cuts in product(np.arange(-0.5, 5), repeat=int(levels) - 1):
        if list(cuts) == sorted(cuts):
            guess = order[np.searchsorted(cuts, code)]
            right = [(guess[labels == v] == v).mean() for v in range(levels)]
            best = max(best, float(np.mean(right)))
    assert balanced_accuracy(code, labels) == pytest.approx(best, abs=1e-12)


def test_dci_of_importances_by_hand() -> None:
    found = from_importances(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([0.1, 0.3]))
    third = -(np.log2(1 / 3) / 3 + 2 * np.log2(2 / 3) / 3)
    assert found.disentanglement_each == pytest.approx([1, 0], abs=1e-12)
    assert found.disentanglement == pytest.approx(0.5, abs=1e-12)
    assert found.completeness_each == pytest.approx([1 - third, 1], abs=1e-12)
    assert found.informativeness == pytest.approx(0.8, abs=1e-12)


def test_dci_weighs_codes_by_how_much_they_are_used() -> None:
    found = from_importances(np.array([[3.0, 0.0], [0.5, 0.5], [0.0, 0.0]]), np.zeros(2))
    assert found.disentanglement == pytest.approx(3 / 4, abs=1e-12)
    assert found.disentanglement_each == pytest.approx([1, 0, 0], abs=1e-12)


@pytest.mark.parametrize("reader", [latent.Forest(trees=10), latent.Lasso(), latent.Lasso(0.02)])
def test_dci_of_the_factors_themselves_is_one(reader: Any) -> None:
    s = planted()
    z = np.column_stack([3 - 2 * s[:, ::-1], np.random.default_rng(1).random((len(s), 2))])
    found = latent.dci(z, s, reader=reader)
    assert found.disentanglement > 0.97
    assert found.completeness > 0.97
    assert found.informativeness > 0.9
    assert found.importances[:3].argmax(axis=0).tolist() == [2, 1, 0]


def test_dci_of_codes_without_information_predicts_nothing() -> None:
    rng = np.random.default_rng(0)
    found = latent.dci(rng.random((400, 3)), rng.integers(0, 3, (400, 2)), discrete_factors=True)
    assert found.informativeness < 0.1


def test_lasso_reads_levels() -> None:
    s = np.random.default_rng(0).integers(0, 2, (300, 2))
    found = latent.dci(s * 2.0, s, discrete_factors=True, reader=latent.Lasso())
    assert found.disentanglement > 0.99
    assert found.informativeness == 1.0


def test_forest_dci_is_deterministic_from_the_seed() -> None:
    s = planted()
    z = s + 0.3 * planted(seed=1)
    one, two = (latent.dci(z, s, seed=4) for _ in range(2))
    assert np.array_equal(one.importances, two.importances)


def test_mcc_and_r2_find_the_best_of_all_matchings() -> None:
    rng = np.random.default_rng(2)
    s = planted(k=4)
    z = s @ rng.normal(size=(4, 4))
    c = np.abs(np.corrcoef(z.T, s.T)[:4, 4:])
    over = list(permutations(range(4)))
    best = max(np.mean([c[p[i], i] for i in range(4)]) for p in over)
    best2 = max(np.mean([c[p[i], i] ** 2 for i in range(4)]) for p in over)
    assert float(latent.mcc(z, s)) == pytest.approx(best, abs=1e-12)
    assert float(latent.r2_up_to_permutation(z, s)) == pytest.approx(best2, abs=1e-12)


def test_spearman_mcc_is_one_under_monotone_maps_where_pearson_is_not() -> None:
    s = planted()
    z = np.exp(8 * s[:, [2, 0, 1]])
    assert float(latent.mcc(z, s, ranks=True)) == pytest.approx(1, abs=1e-12)
    assert float(latent.mcc(z, s)) < 0.95


def test_r2_up_to_linear_is_one_for_a_linear_map_and_below_for_a_square() -> None:
    s = planted() - 0.5
    assert float(latent.r2_up_to_linear(s @ np.random.default_rng(0).normal(size=(3, 5)), s)) == (
        pytest.approx(1, abs=1e-9)
    )
    assert float(latent.r2_up_to_linear(s**2, s)) < 0.05


@pytest.mark.parametrize("metric", [m for m in ALL if m is not latent.dci])
def test_order_sign_and_scale_of_codes_do_not_matter(metric: Callable[..., Any]) -> None:
    s = planted(300)
    z = s @ np.random.default_rng(5).normal(size=(3, 3)) + 0.1 * planted(300, seed=7)
    one = metric(z, s)
    two = metric(z[:, [1, 2, 0]] * 4.0 + 1.0, s)
    if metric is latent.infomec:
        assert (two.modularity, two.explicitness, two.compactness) == pytest.approx(
            (one.modularity, one.explicitness, one.compactness), abs=1e-6
        )
    else:
        assert float(two) == pytest.approx(float(one), abs=1e-9)


def test_text_labels_are_as_good_as_numbers() -> None:
    words = np.array(["no", "yes"])[SQUARE]
    one = latent.mig(AND, words, discrete_codes=True, discrete_factors=True)
    assert one.value == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (planted(60), np.column_stack([planted(60, 1), np.ones(60)]), "factor 1 has one value"),
        (planted(1), planted(1), "row"),
        (np.where(planted(60) > 0.9, np.nan, planted(60)), planted(60), "codes.*missing"),
        (planted(60), np.where(planted(60) > 0.9, np.nan, planted(60)), "factors.*missing"),
        (planted(60), planted(59), "60 rows of codes for 59"),
        (planted(60) * np.inf, planted(60), "infinite"),
        (planted(60)[:, :0], planted(60), "shape"),
        (planted(60)[:, :, None], planted(60), "shape"),
        (np.full((60, 2), "a"), planted(60), "is no number"),
    ],
)
def test_bad_input_is_named(
    metric: Callable[..., Any], codes: Any, factors: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        metric(codes, factors)


@pytest.mark.parametrize("metric", ALL)
def test_a_dead_code_and_few_codes_give_numbers(metric: Callable[..., Any]) -> None:
    s = planted(100)
    for z in (s[:, :1], np.column_stack([s[:, 0], np.ones(100)]), np.ones((100, 2))):
        for factors in (s, s[:, :1]):
            found = metric(z, factors)
            figures = [v for v in vars(found).values() if isinstance(v, float | np.ndarray)]
            assert all(np.isfinite(v).all() for v in figures)


def test_declared_values_are_said() -> None:
    s = planted(100)
    assert "count as 0" in latent.mcc(s[:, :1], s).notes[0]
    assert "second best is no code" in latent.mig(s[:, 0], s).notes[0]
    assert "declared 0" in repr(latent.dci(np.ones((100, 2)), s))
    assert "no information" in latent.modularity(np.ones((100, 2)), s).notes[0]


@pytest.mark.parametrize("flags", [[True], "yes", [True, 1, 0, 0]])
def test_wrong_flags(flags: Any) -> None:
    with pytest.raises(InputError, match="discrete_factors must be True, False or 3"):
        latent.mig(planted(), planted(), discrete_factors=flags)


def test_results_print_save_and_tabulate(tmp_path: Any) -> None:
    import rung

    s = planted(100)
    for found in (latent.mig(s, s), latent.dci(s, s), latent.infomec(s, s)):
        assert found.frame().shape[0] == 3
        assert len(repr(found).splitlines()) < 10
        assert repr(rung.load(found.save(tmp_path / "x.rung"))) == repr(found)
        assert "not in the database" not in found.cite()


def test_codes_of_one_group_count_as_one() -> None:
    s = planted(300, 2)
    turn = np.array([[1.0, 1.0], [1.0, -1.0]])
    wide = np.hstack([s[:, :1] @ turn[:1], s[:, 1:] @ turn[:1]])  # two numbers a factor
    alone, grouped = latent.dci(wide, s), latent.dci(wide, s, groups=[0, 0, 1, 1])
    assert grouped.importances.shape == (2, 2)
    assert grouped.completeness > 0.97
    assert alone.completeness < 0.8
    with pytest.raises(InputError, match="groups has shape"):
        latent.dci(wide, s, groups=[0, 1])


def test_factor_vae_score_of_one_to_one_codes_and_of_noise() -> None:
    rng = np.random.default_rng(0)
    s = rng.integers(0, 4, (2000, 4))
    z = np.column_stack([s[:, [2, 0, 3, 1]] * 3.0 + 1, np.zeros(2000)])
    found = latent.factor_vae_score(z, s)
    assert found.value == 1
    assert found.table.argmax(axis=1)[:4].tolist() == [2, 0, 3, 1]
    assert found.table[4].sum() == 0
    assert latent.factor_vae_score(rng.normal(size=(2000, 4)), s).value < 0.4
    assert latent.factor_vae_score(np.ones((20, 2)), s[:20]).value == 0
    with pytest.raises(InputError, match="no two rows share"):
        latent.factor_vae_score(z, rng.random((2000, 1)))
    with pytest.raises(InputError, match="votes=1"):
        latent.factor_vae_score(z, s, votes=1)
