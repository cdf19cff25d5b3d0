"""Bounds: against closed forms, programmes written out by hand, and models that attain them."""

from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import rung
from rung.core.errors import InputError, MissingCells, NotIdentified, NotSupported, RungError
from rung.effects.bounding.interval import imbens_manski, resampled
from rung.effects.bounding.manski import manski
from rung.effects.bounding.marginal import _Sorted, tipping
from rung.effects.bounding.programme import programme

BINARY = np.array([0.0, 1.0])
IV = rung.Graph.parse("Z -> X; X -> Y; X <-> Y")
BOW = rung.Graph.parse("X -> Y; X <-> Y")


def balke_pearl(p):
    """Balke and Pearl (1997), equations for the average effect; p[y, x, z] = P(y, x | z)."""
    low = max(
        p[1, 1, 1] + p[0, 0, 0] - 1, p[1, 1, 0] + p[0, 0, 1] - 1,
        p[1, 1, 0] - p[1, 1, 1] - p[1, 0, 1] - p[0, 1, 0] - p[1, 0, 0],
        p[1, 1, 1] - p[1, 1, 0] - p[1, 0, 0] - p[0, 1, 1] - p[1, 0, 1],
        -p[0, 1, 1] - p[1, 0, 1], -p[0, 1, 0] - p[1, 0, 0],
        p[0, 0, 1] - p[0, 1, 1] - p[1, 0, 1] - p[0, 1, 0] - p[0, 0, 0],
        p[0, 0, 0] - p[0, 1, 0] - p[1, 0, 0] - p[0, 1, 1] - p[0, 0, 1],
    )  # fmt: skip
    high = min(
        1 - p[0, 1, 1] - p[1, 0, 0], 1 - p[0, 1, 0] - p[1, 0, 1],
        -p[0, 1, 0] + p[0, 1, 1] + p[0, 0, 1] + p[1, 1, 0] + p[0, 0, 0],
        -p[0, 1, 1] + p[1, 1, 1] + p[0, 0, 1] + p[0, 1, 0] + p[0, 0, 0],
        p[1, 1, 1] + p[0, 0, 1], p[1, 1, 0] + p[0, 0, 0],
        -p[1, 0, 1] + p[1, 1, 1] + p[0, 0, 1] + p[1, 1, 0] + p[1, 0, 0],
        -p[1, 0, 0] + p[1, 1, 0] + p[0, 0, 0] + p[1, 1, 1] + p[1, 0, 1],
    )  # fmt: skip
    return low, high


def iv_table(rng, sparse=False):
    """A joint table over Z, X, Y of a random instrument model, and its effect."""
    alpha = np.full(16, 0.2 if sparse else 1.0)
    q, pz = rng.dirichlet(alpha).reshape(4, 4), rng.uniform(0.1, 0.9)
    table, effect = np.zeros((2, 2, 2)), 0.0
    maps = list(product((0, 1), repeat=2))
    for i, fx in enumerate(maps):
        for j, fy in enumerate(maps):
            effect += q[i, j] * (fy[1] - fy[0])
            for z in (0, 1):
                table[z, fx[z], fy[fx[z]]] += q[i, j] * (pz if z else 1 - pz)
    return table, effect


def test_an_instrument_gives_the_closed_form_of_balke_and_pearl():
    made = programme(IV, dict.fromkeys("ZXY", 2), "X", "Y", (0, 1))
    assert made.names == ("Z", "X", "Y")
    assert made.sharp
    for seed in range(60):
        table, effect = iv_table(np.random.default_rng(seed), sparse=seed % 2 == 0)
        low, high, misfit = made.bounds(table, BINARY)
        p = np.moveaxis(table / table.sum(axis=(1, 2), keepdims=True), 0, 2).swapaxes(0, 1)
        assert (low, high) == pytest.approx(balke_pearl(p), abs=1e-9)
        assert low - 1e-9 <= effect <= high + 1e-9
        assert misfit == 0


def test_kept_bases_give_the_same_bounds_as_fresh_programmes():
    made = programme(IV, dict.fromkeys("ZXY", 2), "X", "Y", (0, 1))
    solver, rng = made.solver(), np.random.default_rng(3)
    table, _ = iv_table(rng)
    tables = [t.reshape(2, 2, 2) / 60 for t in rng.multinomial(60, table.ravel(), size=40)]
    tables += [iv_table(rng, sparse=True)[0] for _ in range(20)]
    for t in tables:  # few rows: empty cells, tables that no instrument makes
        assert made.bounds(t, BINARY, solver) == pytest.approx(made.bounds(t, BINARY), abs=1e-7)


def test_the_published_bounds_of_the_lipid_trial():
    """Balke and Pearl (1997), section 4: 0.392 to 0.780."""
    p = np.zeros((2, 2, 2))  # z, x, y
    p[0, 0], p[1, 0], p[1, 1] = (0.919, 0.081), (0.315, 0.073), (0.139, 0.473)
    made = programme(IV, dict.fromkeys("ZXY", 2), "X", "Y", (0, 1))
    assert made.bounds(p / 2, BINARY)[:2] == pytest.approx((0.392, 0.780), abs=5e-4)


def test_a_table_that_no_instrument_makes_is_said_to_be_so():
    p = np.zeros((2, 2, 2))  # X is 1 always; Y equals Z: the instrument reaches Y past X
    p[0, 1, 0], p[1, 1, 1] = 0.5, 0.5
    made = programme(IV, dict.fromkeys("ZXY", 2), "X", "Y", (0, 1))
    low, high, misfit = made.bounds(p, BINARY)
    assert misfit == pytest.approx(0.5)  # half of the rows would have to move
    assert low <= high
    data = rung.read(pd.DataFrame({"Z": [0, 1] * 50, "X": [1] * 99 + [0], "Y": [0, 1] * 50}))
    assert any("no distribution" in w for w in rung.bounds(IV, data, ASK, draws=20).warnings)


def by_hand(types, world, table, cells, effect):
    """Least and largest effect over distributions of types: rows are cells of the table."""
    a = np.array([[world(k, c) for k in range(types)] for c in cells], dtype=float)
    b = np.array([table[c] for c in cells])
    cost = np.array([effect(k) for k in range(types)], dtype=float)
    found = [linprog(s * cost, A_eq=a, b_eq=b, bounds=(0, None)) for s in (1, -1)]
    return found[0].fun, -found[1].fun, found[0].x


def test_covariates_slice_the_programme_and_a_model_attains_it():
    """Z -> X -> Y, X <-> Y and W before all of them: 256 types without slices."""
    graph = rung.Graph.parse("W -> Z; W -> X; W -> Y; Z -> X; X -> Y; X <-> Y")
    made = programme(graph, dict.fromkeys("WZXY", 2), "X", "Y", (0, 1))
    assert made.slices == ("W",)
    assert made.types == 16
    rng = np.random.default_rng(5)
    q = rng.dirichlet(np.full(256, 0.05))
    p_wz = rng.dirichlet(np.ones(4)).reshape(2, 2)
    fx = list(product((0, 1), repeat=4))  # by (z, w)
    types = [(a, b) for a in fx for b in fx]

    def seen(k, w, z):
        x = types[k][0][2 * z + w]
        return x, types[k][1][2 * x + w]

    table = np.zeros((2, 2, 2, 2))
    for k, (w, z) in product(range(256), product((0, 1), repeat=2)):
        table[(w, z, *seen(k, w, z))] += q[k] * p_wz[w, z]
    p_w = p_wz.sum(axis=1)
    low, high, at = by_hand(
        256, lambda k, c: (seen(k, c[0], c[1]) == c[2:]) * p_wz[c[0], c[1]], table,
        list(product((0, 1), repeat=4)),
        lambda k: sum(p_w[w] * (types[k][1][2 + w] - types[k][1][w]) for w in (0, 1)),
    )  # fmt: skip
    order = [made.names.index(n) for n in "WZXY"]
    ours = np.moveaxis(table, range(4), order)
    assert made.bounds(ours, BINARY)[:2] == pytest.approx((low, high), abs=1e-8)
    again = np.zeros_like(table)  # the model that attains the lower end makes the same table
    for k, (w, z) in product(range(256), product((0, 1), repeat=2)):
        again[(w, z, *seen(k, w, z))] += at[k] * p_wz[w, z]
    np.testing.assert_allclose(again, table, atol=1e-8)


def test_a_mediator_of_another_district():
    """X -> M -> Y, X -> Y, X <-> Y: M's mechanism is known, the response of Y is not."""
    graph = rung.Graph.parse("X -> M; M -> Y; X -> Y; X <-> Y")
    made = programme(graph, {"X": 2, "M": 3, "Y": 2}, "X", "Y", (0, 1))
    rng = np.random.default_rng(2)
    fy = list(product((0, 1), repeat=6))  # by (x, m)
    q = rng.dirichlet(np.full(128, 0.1)).reshape(2, 64)
    pm = rng.dirichlet(np.ones(3), size=2)
    table = np.zeros((2, 3, 2))
    for x, k, m in product((0, 1), range(64), range(3)):
        table[x, m, fy[k][3 * x + m]] += q[x, k] * pm[x, m]
    low, high, _ = by_hand(
        128, lambda k, c: float(k // 64 == c[0] and fy[k % 64][3 * c[0] + c[1]] == c[2]),
        table / np.where(pm[:, :, None] > 0, pm[:, :, None], 1),
        list(product((0, 1), range(3), (0, 1))),
        lambda k: sum(pm[1, m] * fy[k % 64][3 + m] - pm[0, m] * fy[k % 64][m] for m in range(3)),
    )  # fmt: skip
    effect = sum(
        q[:, k].sum() * (pm[1, m] * fy[k][3 + m] - pm[0, m] * fy[k][m])
        for k in range(64) for m in range(3)
    )  # fmt: skip
    ours = np.moveaxis(table, range(3), [made.names.index(n) for n in "XMY"])
    found = made.bounds(ours, BINARY)
    assert found[:2] == pytest.approx((low, high), abs=1e-8)
    assert low - 1e-9 <= effect <= high + 1e-9


@pytest.mark.parametrize("text", [
    "H -> X; X -> M; M -> Y; H -> Y",  # front-door
    "W -> X; W -> Y; X -> Y",  # back-door
    "H -> X; H -> Y; Z -> X; X -> Y; X -> M; M -> Y; H -> Z",
    "H -> W; H -> Y; G -> W; G -> X; W -> X; X -> Y",
    "H -> X; H -> Y; X -> Y; G -> M; G -> Y; X -> M; M -> Y",
])  # fmt: skip
def test_bounds_hold_the_truth_and_close_where_the_graph_identifies(text):
    whole = rung.Graph.parse(text)
    hidden = [n for n in whole.names if n in "HG"]
    admg = rung.graphs.latent_projection(whole, hidden)
    rng = np.random.default_rng(1)
    for _ in range(8):
        sizes = {n: int(rng.integers(2, 4)) for n in whole.names} | {"X": 2}
        made = programme(admg, sizes, "X", "Y", (0, 1))
        tables = {
            n: np.moveaxis(rng.dirichlet(np.ones(sizes[n]), size=[sizes[p] for p in
                           whole.parents(n)]), -1, 0) for n in whole.names
        }  # fmt: skip
        values = np.arange(sizes["Y"], dtype=float)
        joint, means = np.zeros([sizes[n] for n in made.names]), np.zeros(2)
        for cell in product(*(range(sizes[n]) for n in whole.names)):
            at = dict(zip(whole.names, cell, strict=True))
            each = {n: tables[n][(at[n], *(at[p] for p in whole.parents(n)))] for n in at}
            joint[tuple(at[n] for n in made.names)] += np.prod(list(each.values()))
            means[at["X"]] += np.prod([p for n, p in each.items() if n != "X"]) * at["Y"]
        low, high, misfit = made.bounds(joint, values)
        effect = means[1] - means[0]
        assert misfit < 1e-7
        assert low - 1e-7 <= effect <= high + 1e-7
        try:
            same = rung.graphs.identify(admg, rung.ATE("X", "Y")).evaluate(joint, made.names)
        except NotIdentified:
            continue
        if made.sharp:
            assert (low, high) == pytest.approx((same, same), abs=1e-7)


def potential(table, response, selection):
    """Bounds on E[Y(2)] - E[Y(0)] over (X, Y(0), Y(1), Y(2)), X of three levels, Y binary."""
    types = [(x, *ys) for x in range(3) for ys in product((0, 1), repeat=3)]
    rows = [[float(k[0] == x and k[1 + x] == y) for k in types] for x in range(3) for y in (0, 1)]
    p = table.sum(axis=1)
    below = []
    if selection:
        for t in range(3):
            for x in range(2):  # E[Y(t) | x] <= E[Y(t) | x + 1]
                below.append([
                    (k[0] == x) * k[1 + t] / p[x] - (k[0] == x + 1) * k[1 + t] / p[x + 1]
                    for k in types
                ])  # fmt: skip
    limits = [(0, 0) if response and not k[1] <= k[2] <= k[3] else (0, None) for k in types]
    cost = np.array([k[3] - k[1] for k in types], dtype=float)
    more = {"A_ub": below, "b_ub": np.zeros(len(below))} if below else {}
    out = [linprog(s * cost, A_eq=rows, b_eq=table.ravel(), bounds=limits, **more) for s in (1, -1)]
    return None if out[0].status else (out[0].fun, -out[1].fun)


@pytest.mark.parametrize("response", [False, True])
@pytest.mark.parametrize("selection", [False, True])
def test_bounds_without_a_graph_are_those_of_all_potential_outcomes(response, selection):
    checked = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        counts = rng.integers(1, 30, size=(3, 2))
        if response and selection:
            means = counts[:, 1] / counts.sum(axis=1)
            counts = counts[np.argsort(means)]
        t, y = (np.repeat(np.indices((3, 2))[k].ravel(), counts.ravel()) for k in (0, 1))
        wanted = potential(counts / counts.sum(), response, selection)
        if wanted is None:
            continue
        checked += 1
        ends = manski(
            y.astype(float), t, (0, 2), np.ones(len(y)), (0.0, 1.0),
            response=True if response else None,
            selection=rung.MonotoneSelection() if selection else None,
        )  # fmt: skip
        assert (ends.lower, ends.upper) == pytest.approx(wanted, abs=1e-8)
        for flipped in (False,):  # the other direction is the mirror image
            mirror = manski(
                1.0 - y, t, (0, 2), np.ones(len(y)), (0.0, 1.0),
                response=flipped if response else None,
                selection=rung.MonotoneSelection(flipped) if selection else None,
            )  # fmt: skip
            assert (-mirror.upper, -mirror.lower) == pytest.approx(wanted, abs=1e-8)
    assert checked >= 20


def test_influence_functions_of_manski_are_those_of_the_jackknife():
    rng = np.random.default_rng(0)
    t, y = rng.integers(0, 3, 60), rng.random(60)
    for response, selection in product((None, True, False), (None, rung.MonotoneSelection())):
        if response is False and selection:
            continue

        def ends(w, response=response, selection=selection):
            e = manski(y, t, (0, 2), w, (0.0, 1.0), response=response, selection=selection)
            return np.array([e.lower, e.upper]), e.influence

        _, influence = ends(np.ones(60))
        for i in range(5):
            w = np.ones(60)
            w[i] += 1e-4
            slope = (ends(w)[0] - ends(np.ones(60))[0]) / 1e-4 * 60
            np.testing.assert_allclose(slope, influence[i], atol=1e-3)


def test_imbens_manski_interval():
    assert imbens_manski(1.0, 1.0, 0.1, 0.1) == pytest.approx((1 - 0.196, 1 + 0.196), abs=1e-4)
    low, high = imbens_manski(0.0, 10.0, 0.1, 0.2)
    assert (low, high) == pytest.approx((-0.16449, 10.32897), abs=1e-4)
    middle = imbens_manski(0.0, 0.1, 0.1, 0.1)[1] - 0.1
    assert 0.1645 < middle < 0.196
    assert imbens_manski(0.0, 1.0, 0.0, 0.0) == (0.0, 1.0)
    with pytest.raises(InputError, match="above"):
        imbens_manski(1.0, 0.0, 0.1, 0.1)
    draws = np.random.default_rng(0).normal([0.1, 1.0], 0.1, size=(4000, 2))
    (low, high), se = resampled(0.0, 1.0, draws, 0.95)
    assert low == pytest.approx(0.0 - 0.1 - 1.645 * 0.1, abs=0.01)  # the ends lie 0.1 too far in
    assert se == pytest.approx([0.1, 0.1], abs=0.01)


def frame(n=600, seed=0):
    rng = np.random.default_rng(seed)
    u, z, w = rng.random(n), rng.integers(0, 2, n), rng.normal(size=n)
    x = (u + 0.5 * z + 0.3 * rng.random(n) > 0.9).astype(int)
    y = (0.6 * u + 0.4 * x + 0.5 * rng.random(n) > 0.8).astype(int)
    dose = rng.choice(["low", "mid", "high"], n)
    return pd.DataFrame({"Z": z, "X": x, "Y": y, "W": w, "D": dose, "R": 10 + w + x})


DATA = rung.read(frame())
ASK = rung.ATE("X", "Y")


def test_on_data_the_bow_is_manski_and_an_instrument_narrows():
    bow, none = rung.bounds(BOW, DATA, ASK), rung.bounds(None, DATA, ASK)
    assert (bow.lower, bow.upper) == pytest.approx((none.lower, none.upper), abs=1e-9)
    assert bow.upper - bow.lower == pytest.approx(1.0)
    assert bow.interval == pytest.approx(none.interval, abs=0.02)
    by_iv = rung.bounds(IV, DATA, ASK)
    assert bow.lower < by_iv.lower < by_iv.upper < bow.upper
    assert by_iv.interval[0] < by_iv.lower < by_iv.upper < by_iv.interval[1]
    assert by_iv.sharp
    assert "sign" in repr(by_iv)
    grown = [rung.Monotone("X", "Y")]
    mtr, same = (rung.bounds(g, DATA, ASK, assumptions=grown, draws=20) for g in (BOW, None))
    assert (mtr.lower, mtr.upper) == pytest.approx((same.lower, same.upper), abs=1e-9)
    assert mtr.lower == 0
    again = rung.bounds(IV, DATA, ASK)
    assert again.interval == by_iv.interval
    zero = rung.bounds(rung.Graph.parse("Y -> X; W"), DATA, ASK)
    assert (zero.lower, zero.upper, zero.interval) == (0, 0, (0, 0))


def test_over_graphs_the_hull():
    pairs = [(rung.Graph.parse("Z -> X; X -> Y; X <-> Y"), 0.7),
             (rung.Graph.parse("X -> Y; X <-> Y; Z"), 0.3)]  # fmt: skip
    both = rung.bounds(pairs, DATA, ASK, draws=30)
    each = [rung.bounds(g, DATA, ASK, draws=30) for g, _ in pairs]
    assert both.lower == min(e.lower for e in each)
    assert both.upper == max(e.upper for e in each)
    assert both.interval[0] == min(e.interval[0] for e in each)
    assert [p.weight for p in both.parts] == pytest.approx([0.7, 0.3])
    assert len(both.frame()) == 3
    assert not both.sharp
    found = rung.Discovery(pairs[0][0], graphs=tuple(pairs), meaning="bootstrap")
    assert rung.bounds(found, DATA, ASK, draws=30).upper == both.upper


def test_nodes_with_many_values_are_projected_out():
    graph = rung.Graph.parse("W -> X; W -> Y; Z -> X; X -> Y; X <-> Y")
    wide = rung.bounds(graph, DATA, ASK, draws=20)
    assert not wide.sharp
    assert any("left out" in w and "W" in w for w in wide.warnings)
    assert wide.lower == pytest.approx(rung.bounds(IV, DATA, ASK, draws=20).lower, abs=1e-9)
    many = frame()
    many["C"] = [f"level {i}" for i in range(len(many))]
    data = rung.read(many)
    graph = rung.Graph.parse("C -> X; C -> Y; X -> Y")
    assert any("C" in w for w in rung.bounds(graph, data, ASK, draws=20).warnings)
    circles = rung.Graph.parse("X o-> Y; Z o-> X")
    assert rung.bounds(circles, DATA, ASK).lower == pytest.approx(
        rung.bounds(None, DATA, ASK).lower
    )


def test_what_is_refused():
    for ask, options, error, words in [
        (rung.ATE("X", "R"), {}, InputError, "OutcomeRange"),
        (rung.ATE("X", "R"), {"assumptions": [rung.OutcomeRange(0, 5)]}, InputError, "not within"),
        (rung.ATE("R", "Y"), {}, NotSupported, "levels"),
        (rung.ATE("D", "Y"), {}, InputError, "treated="),
        (rung.ATE("X", "Y", scale="ratio"), {}, NotSupported, "differences"),
        (rung.ATT("X", "Y"), {}, NotSupported, "ATE"),
        (ASK, {"assumptions": ["monotone"]}, InputError, "expected one of"),
        (ASK, {"assumptions": [rung.Monotone("Z", "X")]}, InputError, "response of the outcome"),
        (ASK, {"assumptions": [rung.MarginalSensitivity()]}, InputError, "adjust="),
        (ASK, {"draws": 3}, InputError, "20 or more"),
        (ASK, {"assumptions": [rung.OutcomeRange(0, 1), rung.OutcomeRange(0, 2)]}, InputError,
         "2 times"),
        (ASK, {"assumptions": [rung.Monotone("X", "Y"), rung.MonotoneSelection(False)]},
         InputError, "opposite"),
    ]:  # fmt: skip
        with pytest.raises(error, match=words):
            rung.bounds(None, DATA, ask, **options)
    with pytest.raises(InputError, match="not a parent"):
        rung.bounds(IV, DATA, ASK, assumptions=[rung.Monotone("Z", "Y")])
    with pytest.raises(RungError, match="nearest"):
        rung.bounds(IV, DATA, rung.ATE("x", "Y"))
    with pytest.raises(InputError, match="expected Data"):
        rung.bounds(IV, frame(), ASK)
    for bad in ((1, 1), (np.nan, 1)):
        with pytest.raises(InputError, match="low < high"):
            rung.OutcomeRange(*bad)
    with pytest.raises(InputError, match="1 or more"):
        rung.MarginalSensitivity(0.5)
    with pytest.raises(InputError, match="too few"):
        rung.bounds(IV, DATA[:10], ASK)
    with pytest.raises(NotIdentified, match=r"rung\.bounds"):
        rung.effect(BOW, DATA, ASK)


def test_missing_cells_need_a_policy():
    holed = frame().astype({"Y": float})
    holed.loc[3, "Y"] = np.nan
    data = rung.read(holed)
    with pytest.raises(MissingCells, match="first in row 3"):
        rung.bounds(IV, data, ASK)
    found = rung.bounds(IV, data.replacing(missing=rung.CompleteCases()), ASK)
    assert found.n == len(holed) - 1
    assert any("missing" in w for w in found.warnings)


def test_extreme_weights_are_the_best_corner():
    rng = np.random.default_rng(0)
    for limit in (1.0, 1.7, 4.0):
        y, odds, w = np.sort(rng.normal(size=9)), rng.exponential(size=9), rng.random(9) + 0.5
        short = (y[:4], odds[:4], w[:4])  # another sample, with fewer rows
        low, high = _Sorted.of([(y, odds, w), short]).extremes(limit)
        corners = np.array(list(product((1 / limit, limit), repeat=9)))
        weights = w * (1 + odds * corners)
        means = weights @ y / weights.sum(axis=1)
        assert (low[0], high[0]) == pytest.approx((means.min(), means.max()))
        means = weights[:, :4] @ y[:4] / weights[:, :4].sum(axis=1)
        assert (low[1], high[1]) == pytest.approx((means.min(), means.max()))


def test_marginal_sensitivity_in_a_large_sample_is_the_closed_form():
    """Binary outcome, one binary covariate: E[Y(1) | x, others] <= min(L mu, 1 - (1 - mu) / L)."""
    rng = np.random.default_rng(0)
    n, limit = 20_000, 2.0
    x = rng.integers(0, 2, n)
    e, mu = np.array([0.3, 0.6]), np.array([[0.2, 0.5], [0.4, 0.7]])  # mu[x, t]
    t = (rng.random(n) < e[x]).astype(int)
    y = (rng.random(n) < mu[x, t]).astype(int)
    data = rung.read(pd.DataFrame({"x": x, "t": t, "y": y}))
    ask = rung.ATE("t", "y", adjust=("x",))
    found = rung.bounds(None, data, ask, assumptions=[rung.MarginalSensitivity(limit)])

    def mean(arm, sign):
        total = 0.0
        for k in (0, 1):
            share, m = (e[k] if arm else 1 - e[k]), mu[k, arm]
            top = min(limit * m, 1 - (1 - m) / limit)
            low = max(m / limit, 1 - limit * (1 - m))
            total += 0.5 * (share * m + (1 - share) * (top if sign > 0 else low))
        return total

    assert found.lower == pytest.approx(mean(1, -1) - mean(0, 1), abs=0.02)
    assert found.upper == pytest.approx(mean(1, 1) - mean(0, -1), abs=0.02)
    wide = rung.bounds(
        None, data[:4000], ask, assumptions=[rung.MarginalSensitivity(limit, sharp=False)], draws=50
    )
    assert wide.lower < found.lower + 0.03
    assert wide.upper > found.upper - 0.03
    one = rung.bounds(None, data, ask, assumptions=[rung.MarginalSensitivity(1.0)])
    plain = rung.effect(None, data, ask)
    assert one.lower == pytest.approx(one.upper, abs=1e-12)
    assert one.lower == pytest.approx(plain.value, abs=0.003)
    assert one.interval == pytest.approx(plain.interval, abs=0.004)
    tip = found.diagnostics["tipping"]
    assert tip["interval"] <= tip["estimate"]
    at = rung.bounds(None, data, ask, assumptions=[rung.MarginalSensitivity(tip["estimate"])])
    assert at.lower == pytest.approx(0, abs=0.004)
    curve = found.diagnostics["curve"]
    assert all(a["lower"] >= b["lower"] for a, b in pairwise(curve))
    assert found.diagnostics["benchmarks"][0]["name"] == "x"
    assert found.diagnostics["benchmarks"][0]["limit"] > 1.3


def test_marginal_sensitivity_of_a_number_is_the_tail_average():
    """Normal outcome, no covariate: quantiles and tail means of the normal distribution."""
    from scipy.stats import norm

    rng = np.random.default_rng(1)
    n, limit = 40_000, 3.0
    t = rng.integers(0, 2, n)
    data = rung.read(pd.DataFrame({"t": t, "y": rng.normal(size=n) + t}))
    found = rung.bounds(
        None, data, rung.ATE("t", "y", adjust=()), assumptions=[rung.MarginalSensitivity(limit)]
    )
    tail = 1 / (limit + 1)
    above = norm.pdf(norm.ppf(1 - tail)) / tail
    shift = 0.5 * (1 - 1 / limit) * above  # half of the rows are in the other arm
    assert found.lower == pytest.approx(1 - 2 * shift, abs=0.04)
    assert found.upper == pytest.approx(1 + 2 * shift, abs=0.04)


def test_tipping():
    assert tipping(lambda g: True) == 1.0
    assert tipping(lambda g: False) is None
    assert tipping(lambda g: g >= 2.5) == pytest.approx(2.5, rel=3e-3)


def test_bounds_are_saved_and_drawn(tmp_path):
    found = rung.bounds(IV, DATA, ASK)
    back = rung.load(found.save(tmp_path / "bounds.rung"))
    assert back.lower == found.lower
    assert back.interval == found.interval
    assert "svg" in found.plot().text
    assert "balke1997" in found.cite()
