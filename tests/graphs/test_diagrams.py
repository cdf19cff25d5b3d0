"""String diagrams: laws of syntax and interpretation, surgery, combs, the smoking example."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rung
from rung.core.errors import InputError, NotIdentified, Overlap, UnknownName
from rung.graphs import (
    Channels,
    Interventional,
    StringDiagram,
    disintegrate,
    identify,
    identify_by_comb,
    latent_projection,
)

SMOKING = rung.Graph.parse("H -> S; H -> C; S -> T; T -> C")
NAMES = ["S", "T", "C"]
OMEGA = np.array([0.5, 0.1, 0.01, 0.02, 0.1, 0.05, 0.02, 0.2]).reshape(2, 2, 2)
D = StringDiagram
OBJECTS = ("a", "b", "c")
SIZES = {"a": 2, "b": 3, "c": 1}


def box(rng, name, inputs, outputs):
    """A box with its name and its table."""
    rows = int(np.prod([SIZES[o] for o in outputs]))
    columns = int(np.prod([SIZES[i] for i in inputs]))
    table = rng.dirichlet(np.ones(rows), size=columns).T
    shape = [SIZES[o] for o in (*outputs, *inputs)]
    return D.box(name, inputs, outputs), name, table.reshape(shape)


def numbers(rng, diagram_and_tables):
    return Channels(SIZES, {name: table for _, name, table in diagram_and_tables})


types = st.lists(st.sampled_from(OBJECTS), max_size=2).map(tuple)
full = st.lists(st.sampled_from(OBJECTS), min_size=1, max_size=2).map(tuple)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 99), types, full, full, full)
def test_interpretation_keeps_composition_and_tensor(seed, i, j, k, beside):
    rng = np.random.default_rng(seed)
    f, g, h = box(rng, "f", i, j), box(rng, "g", j, k), box(rng, "h", k, beside)
    channels = numbers(rng, [f, g, h])
    m = [channels.matrix(d) for d, *_ in (f, g, h)]
    for d, name, table in (f, g, h):
        assert np.array_equal(channels.matrix(d), table.reshape(channels.matrix(d).shape)), name
    np.testing.assert_allclose(channels.matrix(f[0] >> g[0]), m[1] @ m[0], atol=1e-14)
    np.testing.assert_allclose(channels.matrix(f[0] @ g[0]), np.kron(m[0], m[1]), atol=1e-14)
    assert (f[0] >> g[0]) >> h[0] == f[0] >> (g[0] >> h[0])
    assert (f[0] @ g[0]) @ h[0] == f[0] @ (g[0] @ h[0])
    assert D.identity(*i) >> f[0] == f[0] == f[0] >> D.identity(*j)
    assert D.identity() @ f[0] == f[0]
    # interchange
    assert (f[0] @ g[0]) >> (g[0] @ h[0]) == (f[0] >> g[0]) @ (g[0] >> h[0])
    # surgery is an endofunctor
    for name in set(j):
        if len(j) == 1 and (len(k) == 1 or name not in k):
            both = (f[0] >> g[0]).cut(name)
            then = g[0].cut(name) if name in k else g[0]
            assert both == f[0].cut(name) >> then
            assert (f[0] @ f[0]).cut(name) == f[0].cut(name) @ f[0].cut(name)


@pytest.mark.parametrize("a", OBJECTS)
@pytest.mark.parametrize("b", OBJECTS)
def test_equations_of_copy_discard_uniform_swap(a, b):
    one, copy, discard = D.identity(a), D.copy(a), D.discard(a)
    assert copy >> copy @ one == copy >> one @ copy
    assert copy >> discard @ one == one == copy >> one @ discard
    assert copy >> D.swap(a, a) == copy
    assert D.swap(a, b) >> D.swap(b, a) == D.identity(a, b)
    assert (D.uniform(a) >> discard).tidy() == D.identity()
    channels, n = Channels(SIZES, {}), SIZES[a]
    assert np.array_equal(channels.matrix(discard), np.ones((1, n)))
    assert np.array_equal(channels.matrix(D.uniform(a)), np.full((n, 1), 1 / n))
    expected = np.zeros((n * n, n))
    expected[np.arange(n) * (n + 1), np.arange(n)] = 1
    assert np.array_equal(channels.matrix(copy), expected)
    swapped = channels.array(D.swap(a, b))  # axes b, a, a, b
    assert np.array_equal(swapped, np.einsum("jl,ik->jikl", np.eye(SIZES[b]), np.eye(n)))
    assert channels.matrix(D.uniform(a) >> discard) == pytest.approx(1)


def test_syntax_refuses_what_does_not_fit():
    with pytest.raises(InputError, match="cannot compose"):
        D.identity("a") >> D.identity("b")
    with pytest.raises(UnknownName, match="'S'"):
        D.of_graph(SMOKING).cut("s")
    with pytest.raises(UnknownName):
        D.of_graph(SMOKING, ["X"])
    with pytest.raises(InputError, match="DAG"):
        D.of_graph(rung.Graph.parse("A <-> B"))
    with pytest.raises(InputError, match="no earlier box"):
        StringDiagram((), (rung.graphs.Box("f", (0,), ("a",)),), ())
    with pytest.raises(InputError, match="several objects"):
        D.box("f", ["a"], ["b", "c"]).cut("b")
    with pytest.raises(InputError, match="sum to 1"):
        Channels({"a": 2}, {"f": np.ones(2)}).matrix(D.box("f", [], ["a"]))
    with pytest.raises(InputError, match="shape"):
        Channels({"a": 2}, {"f": np.ones(3) / 3}).matrix(D.box("f", [], ["a"]))
    with pytest.raises(InputError, match="no probabilities"):
        Channels({"a": 2}, {"f": np.array([np.nan, 1])})
    with pytest.raises(UnknownName, match="box"):
        Channels({"a": 2}, {}).matrix(D.box("f", [], ["a"]))


def test_the_cut_is_syntax_and_leaves_everything_else():
    whole = D.of_graph(SMOKING, ["H"])
    cut = whole.cut("S")
    assert cut.made == whole.made
    kept = {b.name: b for b in cut.boxes}
    assert kept["S"].uniform
    assert kept["S"].inputs == ()
    for b in whole.boxes:
        if b.name != "S":
            before = [whole.wires[w] for w in b.inputs]
            assert [cut.wires[w] for w in kept[b.name].inputs] == before
    assert cut.cut("S") == cut
    assert whole.cut("S").cut("T") == whole.cut("T").cut("S") == whole.cut("S", "T")
    assert "polygon" in cut.plot().text
    assert "polygon" not in whole.plot().text


def test_smoking_example():
    """Jacobs, Kissinger and Zanasi (2018): the table of smoking, tar and cancer."""
    whole = D.of_graph(SMOKING, ["H"])
    found = identify_by_comb(whole, Interventional("C", "S"))
    assert set(found.groups) == {("S", "C"), ("T",)}
    answer = found.evaluate(OMEGA, NAMES)
    # by hand, in exact fractions of the table
    w = {k: Fraction(v, 100) for k, v in zip(np.ndindex(2, 2, 2), (50, 10, 1, 2, 10, 5, 2, 20))}
    total = sum(w.values())
    p_s = [sum(w[s, t, c] for t in (0, 1) for c in (0, 1)) / total for s in (0, 1)]
    for s in (0, 1):
        value = Fraction(0)
        for t in (0, 1):
            p_t = sum(w[s, t, c] for c in (0, 1)) / total / p_s[s]
            f = sum(p_s[z] * w[z, t, 1] / (w[z, t, 0] + w[z, t, 1]) for z in (0, 1))
            value += p_t * f
        assert answer[1, s] == pytest.approx(float(value), abs=1e-12)
        assert answer[0, s] == pytest.approx(1 - float(value), abs=1e-12)
    assert answer[1].round(4).tolist() == [0.2535, 0.5423]
    comb = found.comb(OMEGA, NAMES)
    ordered = np.moveaxis(OMEGA, [NAMES.index(n) for n in comb.names], range(3))
    np.testing.assert_allclose(comb.joint(), ordered, atol=1e-15)
    assert "sum over S" in found.text
    assert r"\sum" in found.latex
    assert "S" in found.words
    assert "no box" in identify_by_comb(whole, Interventional("S", "C")).words
    assert "the same" in identify_by_comb(whole, Interventional("C", "S", given="T")).latex


def dirichlet_model(graph, sizes, rng):
    tables = {}
    for name in graph.names:
        shape = [sizes[p] for p in graph.parents(name)]
        rows = rng.dirichlet(np.ones(sizes[name]), size=int(np.prod(shape)))
        tables[name] = np.moveaxis(rows.reshape(*shape, sizes[name]), -1, 0)
    return Channels(sizes, tables)


def truth(channels, graph, asked):
    """P(outcomes | do(x)) by the truncated product over all nodes, for each value of x."""
    names = list(graph.names)
    shape = [channels.sizes[n] for n in names]
    joint = np.ones(shape)
    for n in names:
        if n in asked.do:
            continue
        axes = [n, *graph.parents(n)]
        table = channels.tables[n]
        order = sorted(range(len(axes)), key=lambda k: names.index(axes[k]))
        wide = [channels.sizes[m] if m in axes else 1 for m in names]
        joint = joint * np.transpose(table, order).reshape(wide)
    keep = [names.index(n) for n in asked.names]
    out = joint.sum(axis=tuple(i for i in range(len(names)) if i not in keep))
    rank = np.argsort(np.argsort(keep))
    out = np.transpose(out, rank)
    if asked.given:
        out = out / out.sum(axis=tuple(range(len(asked.outcomes))), keepdims=True)
    return out


def random_case(seed):
    """A random DAG with up to 2 hidden nodes, its model, and a question."""
    rng = np.random.default_rng(seed)
    d, h = int(rng.integers(3, 6)), int(rng.integers(1, 3))
    order = [f"v{i}" for i in range(d)]
    edges = [(a, "-->", b) for i, a in enumerate(order) for b in order[i + 1 :]
             if rng.random() < 0.5]  # fmt: skip
    hidden = [f"u{i}" for i in range(h)]
    for u in hidden:
        for v in rng.choice(order, 2, replace=False):
            edges.append((u, "-->", str(v)))
    graph = rung.Graph.from_edges(edges, [*hidden, *order])
    sizes = {n: int(rng.integers(2, 4)) for n in graph.names}
    x, y, z = rng.choice(order, 3, replace=False).tolist()
    given = [z] if rng.random() < 0.3 else []
    return graph, hidden, dirichlet_model(graph, sizes, rng), Interventional(y, x, given=given)


def test_wherever_a_comb_applies_it_is_the_truth_and_agrees_with_id():
    applied = refused = beyond = 0
    for seed in range(150):
        graph, hidden, channels, asked = random_case(seed)
        whole = D.of_graph(graph, hidden)
        omega, names = channels.array(whole), whole.made
        admg = latent_projection(graph, hidden)
        try:
            formula = identify_by_comb(whole, asked)
        except NotIdentified:
            refused += 1
            try:
                identify(admg, asked)
                beyond += 1
            except NotIdentified:
                pass
            continue
        applied += 1
        found = formula.evaluate(omega, names)
        np.testing.assert_allclose(found, truth(channels, graph, asked), atol=1e-10)
        same = identify(admg, asked).evaluate(omega, names)
        np.testing.assert_allclose(found, same, atol=1e-10)
        # cut in syntax, interpreted with the hidden boxes, then conditioned on the value set
        if asked.do[0] in formula.treatments and not asked.given:
            cut = channels.array(whole.cut(*asked.do).keep(asked.names))
            made = whole.keep(asked.names).made
            cut = np.transpose(cut, [made.index(n) for n in asked.names])
            np.testing.assert_allclose(cut / cut.sum(axis=0), found, atol=1e-10)
    assert applied > 90
    assert refused > 5


def test_a_hidden_cause_of_tar_too_is_refused_and_would_be_wrong():
    graph = rung.Graph.parse("H -> S; H -> C; H -> T; S -> T; T -> C")
    whole = D.of_graph(graph, ["H"])
    with pytest.raises(NotIdentified, match="hidden box H") as caught:
        identify_by_comb(whole, Interventional("C", "S"))
    assert caught.value.advice == ("observe H",)
    with pytest.raises(NotIdentified):
        identify(latent_projection(graph, ["H"]), Interventional("C", "S"))
    rng = np.random.default_rng(0)
    channels = dirichlet_model(graph, {"H": 2, "S": 2, "C": 2, "T": 2}, rng)
    naive = identify_by_comb(D.of_graph(SMOKING, ["H"]), Interventional("C", "S"))
    wrong = naive.evaluate(channels.array(whole), whole.made)
    assert abs(wrong - truth(channels, graph, Interventional("C", "S"))).max() > 0.01


def test_several_treatments_and_one_without_influence():
    graph = rung.Graph.parse("H -> A; H -> Y; A -> B; B -> M; M -> Y; Y -> W; H -> B")
    whole = D.of_graph(graph, ["H"])
    channels = dirichlet_model(
        graph, dict.fromkeys(graph.names, 2) | {"M": 3}, np.random.default_rng(3)
    )
    for asked in (
        Interventional("Y", ["A", "B"]), Interventional(["Y", "M"], ["B", "W"]),
        Interventional("Y", "W"), Interventional("Y", ["B", "A", "W"]),
    ):  # fmt: skip
        found = identify_by_comb(whole, asked).evaluate(channels.array(whole), whole.made)
        np.testing.assert_allclose(found, truth(channels, graph, asked), atol=1e-12)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 999), st.lists(st.integers(0, 2), min_size=2, max_size=5))
def test_combs_are_plugged_together_to_the_state(seed, owners):
    rng = np.random.default_rng(seed)
    names = [f"v{i}" for i in range(len(owners))]
    table = rng.dirichlet(np.ones(2 ** len(names))).reshape([2] * len(names)) + 1e-9
    table /= table.sum()
    groups = [[n for n, k in zip(names, owners, strict=True) if k == g] for g in range(3)]
    comb = disintegrate(table, names, groups)
    np.testing.assert_allclose(comb.joint(), table, atol=1e-14)
    for group, factor in zip(groups, comb.factors, strict=True):
        left = factor  # outputs discarded from the last on: what was handed in later is not used
        for i in reversed(range(len(names))):
            if names[i] in group:
                left = left.sum(axis=i, keepdims=True)
            else:
                assert np.ptp(left, axis=i).max() < 1e-9
                left = left.take([0], axis=i)
        assert left.item() == pytest.approx(1)


def test_disintegration_refuses_by_name():
    with pytest.raises(Overlap, match="b = 1"):
        disintegrate([[0.5, 0.0], [0.25, 0.25]], ["a", "b"], [["a"], ["b"]])
    with pytest.raises(InputError, match="exactly once"):
        disintegrate(np.ones((2, 2)) / 4, ["a", "b"], [["a"], ["a", "b"]])
    with pytest.raises(UnknownName):
        disintegrate(np.ones((2, 2)) / 4, ["a", "b"], [["a"], ["z"]])
    with pytest.raises(InputError, match="no joint distribution"):
        disintegrate(np.ones((2, 2)), ["a", "b"], [["a"], ["b"]])
    whole = D.of_graph(SMOKING, ["H"])
    with pytest.raises(UnknownName, match="output"):
        identify_by_comb(whole, Interventional("C", "H"))
    with pytest.raises(InputError, match="diagram of a model"):
        identify_by_comb(whole.cut("S"), Interventional("C", "S"))
    with pytest.raises(InputError, match="diagram of a model"):
        identify_by_comb(D.identity("C", "S"), Interventional("C", "S"))
    with pytest.raises(UnknownName):
        identify_by_comb(whole, Interventional("C", "S")).evaluate(OMEGA, ["S", "T", "Z"])


def test_a_fitted_model_is_read_as_channels():
    rng = np.random.default_rng(1)
    n = 400
    rows = {"a": rng.integers(0, 3, n).astype(str), "b": rng.integers(0, 2, n).astype(str)}
    data = rung.read(pd.DataFrame(rows))
    model = rung.fit(rung.Graph.parse("a -> b"), data, mechanisms=rung.DiscreteTable())
    channels = Channels.of_scm(model)
    whole = D.of_graph(model.graph)
    joint = channels.array(whole)
    assert joint.shape == (3, 2)
    draws = model.sample(200_000, seed=0)
    counts = np.zeros((3, 2))
    np.add.at(counts, (draws.column("a").astype(int), draws.column("b").astype(int)), 1)
    np.testing.assert_allclose(counts / counts.sum(), joint, atol=0.005)
    with pytest.raises(InputError, match="interventions"):
        Channels.of_scm(rung.do(model, b="1"))
