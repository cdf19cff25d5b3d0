"""Federated, SummedMoments, Sites, FedDAG: pooled answers, what leaves a site, refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

import rung
from rung.core.errors import InputError, MissingCells, NeedsRows, NotSupported, UnknownName
from rung.core.knowledge import Knowledge
from rung.core.protocols import FederatedMethod
from rung.core.variable import Kind, Variable
from rung.discovery import BOSS, FLOP, NOTEARS, PC, FedDAG, Federated, FisherZ, Sites, SummedMoments
from rung.discovery.federated import summed
from rung.discovery.neural.masked import Masked

RNG = np.random.default_rng
QUICK = FedDAG(rounds=4, steps=10, hidden=3)
SHARED = FedDAG(shared_mechanisms=True, rounds=4, steps=10, hidden=3)


def split(data, sizes):
    """The rows with an environment for each of the sizes."""
    labels = tuple(f"s{i}" for i in range(len(sizes)))
    return data.replacing(environment=np.repeat(np.arange(len(sizes)), sizes), environments=labels)


def linear(seed=0, sizes=(150, 50, 300), d=7):
    data, _ = rung.simulate.LinearSCM(d=d).draw(sum(sizes), rng=RNG(seed))
    return split(data, sizes)


def curves(seed, sizes, differ=False):
    """Rows of a -> c <- b, c -> d: sharp curves with unit noise, other ones at each site."""
    rng, parts = RNG(seed), []
    for i, n in enumerate(sizes):
        e = rng.normal(size=(4, n))
        sign = -1.0 if differ and i % 2 else 1.0
        a, b = 1.5 * e[0], 1.5 * e[1]
        c = sign * 2.5 * np.sin(1.5 * a) + 1.5 * np.abs(b) * sign + e[2]
        d = 2.0 * np.cos(sign * c) + sign * c + e[3]
        parts.append(np.column_stack([d, b, c, a]))
    return split(rung.Data.from_matrix(np.vstack(parts), list("dbca")), sizes)


CURVES = rung.Graph.parse("a -> c <- b; c -> d")


@pytest.mark.parametrize(
    "learner",
    [BOSS(), FLOP(), PC(test=FisherZ()), NOTEARS()],
    ids=["boss", "flop", "pc", "notears"],
)
def test_the_linear_graph_is_the_pooled_graph(learner):
    for seed in range(3):
        data = linear(seed)
        found = rung.discover(data, Federated(learner), seed=seed)
        pooled = rung.discover(
            data.replacing(environment=None, environments=()), learner, seed=seed
        )
        assert found.graph == pooled.graph
        assert found.complete
        assert len(found.details["rounds"]) == 1


@pytest.mark.parametrize("shift", [0.0, 1e5], ids=["near", "far"])
def test_summed_moments_are_the_moments(shift):
    data = linear()
    data = split(rung.Data.from_matrix(data.values + shift, data.names), (150, 50, 300))
    method = SummedMoments()
    state, rounds = method.begin(data.variables), 0
    while not state["finished"][0]:
        parts = [data.take(np.flatnonzero(data.environment == e)) for e in range(3)]
        state = method.server(state, summed([method.client(state, p, {})[0] for p in parts]))
        rounds += 1
    found, pooled = method.moments(state, data.variables), data.moments()
    assert rounds == (2 if shift else 1)
    assert np.allclose(found.mean, pooled.mean, rtol=1e-14)
    assert np.allclose(found.scatter, pooled.scatter, rtol=1e-10)
    assert (found.n, found.weight, found.weight2) == (pooled.n, pooled.weight, pooled.weight2)
    if shift:  # a public value near the columns saves the second round
        near = SummedMoments(origin=dict.fromkeys(data.names, shift))
        done = rung.discover(data, Federated(near))
        assert len(done.details["rounds"]) == 1


def test_weights_are_those_of_the_rows():
    data = linear()
    w = RNG(1).integers(1, 4, data.n).astype(float)
    method = SummedMoments()
    reply, _ = method.client(method.begin(data.variables), data.replacing(weights=w), {})
    state = method.server(method.begin(data.variables), reply)
    found, pooled = method.moments(state, data.variables), data.replacing(weights=w).moments()
    assert np.allclose(found.scatter, pooled.scatter)
    assert np.isclose(found.weight2, pooled.weight2)


@pytest.mark.parametrize(
    "method", [SummedMoments(), QUICK, SHARED],
    ids=["moments", "own", "shared"],
)  # fmt: skip
def test_two_pure_functions(method):
    """Replies are numbers of fixed shapes, the same for the same rows in any order."""
    assert isinstance(method, FederatedMethod)
    data = linear()
    state = method.begin(data.variables, rng=3)
    small, kept = method.client(state, data[:40], {})
    large, _ = method.client(state, data, {})
    assert {k: (a.shape, a.dtype) for k, a in small.items()} == {
        k: (a.shape, a.dtype) for k, a in large.items()
    }
    before = {k: a.copy() for k, a in state.items()}
    again, kept_again = method.client(state, data[:40][::-1], {})
    assert all(np.allclose(small[k], again[k], rtol=1e-12, atol=1e-12) for k in small)
    assert all(np.array_equal(kept[k], kept_again[k]) for k in kept)
    assert all(np.array_equal(before[k], state[k]) for k in state)
    assert ("mechanisms" in kept) == (method == QUICK)
    assert all(a.dtype.kind in "fiu" for a in state.values())
    total = {k: small[k] + large[k] for k in small}
    after = method.server(state, total)
    assert all(np.array_equal(before[k], state[k]) for k in state)
    assert int(after["round"][0]) == 2


@pytest.mark.parametrize("method", [BOSS(), QUICK], ids=["moments", "feddag"])
def test_the_record_and_the_rows(method):
    data = linear()
    found = rung.discover(data, Federated(method))
    json.dumps(found.details["rounds"])
    width = data.d
    for entry in found.details["rounds"]:
        assert entry["answered"] == ["s0", "s1", "s2"]
        size = sum(
            np.dtype(kind).itemsize * int(np.prod(shape))
            for kind, shape in entry["sent by each site"].values()
        )
        assert entry["bytes from each site"] == size
        for _, shape in entry["sent by each site"].values():
            assert max(shape) <= width  # nothing as long as the rows
    # one more row changes no shape
    state = SummedMoments().begin(data.variables)
    reply, _ = SummedMoments().client(state, data, {})
    rows = {round(float(x), 12) for x in data.values.ravel()}
    assert not rows & {round(float(x), 12) for a in reply.values() for x in a.ravel()}


def test_small_sites_say_nothing():
    data = linear(sizes=(150, 4, 300, 1))
    found = rung.discover(data, Federated(BOSS()))
    kept = data.take(np.flatnonzero(np.isin(data.environment, [0, 2])))
    assert found.graph == rung.discover(kept.replacing(environment=None), BOSS()).graph
    assert any("2 sites with fewer than 5 rows sent nothing" in note for note in found.notes)
    for method in (SummedMoments(), QUICK):
        reply, _ = method.client(method.begin(data.variables), data[:1], {})
        assert not any(np.any(a) for k, a in reply.items() if k != "sites")
        with pytest.raises(InputError, match="5 rows"):
            method.server(method.begin(data.variables), reply)


def test_a_site_that_drops_out():
    data = linear()
    found = rung.discover(data, Federated(BOSS(), absent=((1, "s0"),)))
    left = data.take(np.flatnonzero(data.environment != 0)).replacing(environment=None)
    assert found.graph == rung.discover(left, BOSS()).graph
    assert found.details["rounds"][0]["absent"] == ["s0"]
    late = rung.discover(data, Federated(QUICK, absent=((1, "s2"), (2, "s0"), (4, "s1"))))
    assert late.complete
    assert [r["absent"] for r in late.details["rounds"]] == [["s2"], ["s0"], [], ["s1"]]
    with pytest.raises(InputError, match="no site answered in round 1"):
        rung.discover(data, Federated(BOSS(), absent=tuple((1, f"s{i}") for i in range(3))))
    with pytest.raises(UnknownName, match="s0"):
        rung.discover(data, Federated(BOSS(), absent=((1, "s00"),)))


def test_sites_are_a_source():
    data = linear()
    parts = [data.take(np.flatnonzero(data.environment == e)) for e in range(3)]
    parts = [p.replacing(environment=None, environments=()) for p in parts]
    sites = Sites([parts[0], parts[1].select(data.names[::-1]), parts[2]])
    report = rung.check(sites)
    assert report.passed, report
    assert np.allclose(sites.moments().scatter, data.moments().scatter)
    assert sites.n == data.n
    assert rung.discover(sites, BOSS()).graph == rung.discover(sites, Federated(BOSS())).graph
    named = rung.discover(Sites(parts, ["x", "y", "z"]), Federated(BOSS(), absent=((1, "y"),)))
    assert named.details["rounds"][0]["answered"] == ["x", "z"]
    with pytest.raises(NeedsRows, match="Sites"):
        sites.rows()
    with pytest.raises(InputError, match="same variables"):
        Sites([parts[0], parts[1].renamed({data.names[0]: "other"})])
    with pytest.raises(InputError, match="labels"):
        Sites(parts, ["x", "x", "y"])
    with pytest.raises(InputError, match="one Data"):
        Sites([])


def test_what_a_client_refuses():
    data = linear()
    for method in (SummedMoments(), QUICK):
        state = method.begin(data.variables)
        x = np.array(data.values)
        x[3, 2] = np.nan
        holed = rung.Data.from_matrix(x, data.names)
        with pytest.raises(MissingCells, match="no policy"):
            method.client(state, holed, {})
        reply, _ = method.client(state, holed.replacing(missing=rung.CompleteCases()), {})
        assert all(np.isfinite(a).all() for a in reply.values())
        x[3, 2] = np.inf
        with pytest.raises(InputError, match=r"infinite in 1 rows \(first: row 3\)"):
            method.client(state, rung.Data.from_matrix(x, data.names), {})
        with pytest.raises(UnknownName, match=data.names[1]):
            method.client(state, data.drop([data.names[1]]), {})
        binary = Variable(data.names[0], Kind.BINARY, (0, 1))
        coded = data.with_column(binary, np.zeros(data.n))
        with pytest.raises(InputError, match="the levels"):
            method.client(state, coded, {})
        metres = [Variable(n, unit="m") for n in data.names]
        feet = [Variable(n, unit="ft") for n in data.names]
        with pytest.raises(InputError, match="convert"):
            method.client(
                method.begin(metres), rung.Data.from_matrix(data.values, variables=feet), {}
            )
        targets = np.zeros((3, data.d), dtype=bool)
        targets[0, 0] = True
        with pytest.raises(NotSupported, match="targets"):
            method.client(state, data.replacing(targets=targets), {})


def test_what_federated_refuses():
    data = linear()
    with pytest.raises(NeedsRows, match="Moments"):
        rung.discover(data.moments(), Federated(BOSS()))
    with pytest.raises(InputError, match="neither"):
        Federated(BOSS)
    with pytest.raises(InputError, match="no learner"):
        SummedMoments(3)
    with pytest.raises(UnknownName, match="nearest"):
        SummedMoments(origin={"X11": 0.0}).begin(data.variables)
    with pytest.raises(InputError, match="different arrays"):
        summed([{"a": np.zeros(2)}, {"a": np.zeros(3)}])
    with pytest.raises(NotSupported, match="tie"):
        QUICK.begin(data.variables, knowledge=Knowledge(ties=((("X1", "X2"), ("X2", "X3")),)))
    for options in ({"rounds": 2}, {"steps": 0}, {"weights": (1.0, 0.1)}, {"rates": (0.0, 1.0)}):
        with pytest.raises(InputError):
            FedDAG(**options)


def test_knowledge_travels():
    data = linear()
    a, b, c = data.names[:3]
    known = Knowledge.of(required=[(a, b)], forbidden=[(b, c), (c, b)])
    for method in (BOSS(), QUICK):
        found = rung.discover(data, Federated(method), knowledge=known)
        assert not known.violations(found.graph)
        assert found.graph.has_edge(a, b)


def test_a_spent_budget():
    data, run = linear(), rung.Budget(seconds=60).start()
    run.stop()
    known = Knowledge.of(required=[data.names[:2]])
    for method in (BOSS(), QUICK):
        found = rung.discover(data, Federated(method), budget=run, knowledge=known)
        assert not found.complete
        assert found.graph.has_edge(*data.names[:2])


def test_the_gradient_of_the_masked_networks():
    d, rng = 4, RNG(0)
    required, closed = np.zeros((d, d), dtype=bool), np.eye(d, dtype=bool)
    required[0, 1] = closed[1, 0] = closed[2, 3] = True
    model = Masked(required, closed, hidden=3, temperature=0.5, sparsity=0.1, decay=0.2)
    point = np.concatenate([rng.normal(size=d * d), model.start(rng)])
    x, noise = rng.normal(size=(9, d)), rng.logistic(size=(d, d))
    value, gradient = model.objective(point, noise, x, 0.7)

    # the objective again, node by node
    logits, first, bias, second, last = model.parts(point)
    m = 1 / (1 + np.exp(-(logits + noise) / 0.5))
    m[closed], m[required] = 0.0, 1.0
    by_hand = 0.1 * (m.sum() - 1.0)  # the required edge costs nothing
    by_hand += 0.1 * ((first**2).sum() + (second**2).sum())
    for j in range(d):
        units = np.tanh((x * m[:, j]) @ first[:, j] + bias[j])
        by_hand += 0.5 * np.mean((x[:, j] - units @ second[j] - last[j]) ** 2)
    power, series = np.eye(d), 0.0
    for k in range(1, 40):
        power = power @ (m * m) / k
        series += np.trace(power)
    assert np.isclose(value, by_hand + 0.7 * series)
    for k in range(len(point)):
        up, down = point.copy(), point.copy()
        up[k] += 1e-6
        down[k] -= 1e-6
        slope = model.objective(up, noise, x, 0.7)[0] - model.objective(down, noise, x, 0.7)[0]
        assert np.isclose(gradient[k], slope / 2e-6, atol=1e-6), k


@pytest.mark.parametrize("differ", [False, True], ids=["same", "differ"])
def test_feddag_finds_curves(differ):
    """Easy additive curves, whose graph is known; at sites that differ, rows must not be pooled."""
    data = curves(3, (200, 150, 250, 100), differ)
    found = rung.discover(data, Federated(FedDAG()))
    assert found.graph == CURVES
    assert found.complete
    assert len(found.details["rounds"]) == 20
    again = rung.discover(data, Federated(FedDAG()))
    assert np.array_equal(again.details["logits"], found.details["logits"])


def test_shared_mechanisms_and_one_site():
    data = curves(3, (200, 150, 250))
    shared = rung.discover(data, Federated(FedDAG(shared_mechanisms=True, by_rows=True)))
    assert shared.graph == CURVES
    assert "mechanisms" in shared.details["rounds"][0]["sent by each site"]
    alone = data.replacing(environment=None, environments=())
    own = rung.discover(alone, Federated(FedDAG()))
    assert own.graph == CURVES
    assert own.details["sites"] == ["all rows"]
    flat = alone.with_column(Variable("flat"), np.ones(alone.n))
    method = FedDAG(rounds=3, steps=5, standardise=True)
    reply, _ = method.client(method.begin(flat.variables), flat, {})
    assert np.isfinite(reply["logits"]).all()


def test_a_site_without_rows_answers():
    data = linear()
    for method in (SummedMoments(), QUICK, SHARED):
        reply, _ = method.client(method.begin(data.variables), data[:0], {})
        assert reply["sites"].tolist() == [1.0, 1.0]
        assert not any(np.any(a) for k, a in reply.items() if k != "sites")


def test_names_on_the_command_line():
    from rung.pipeline.options import make_learner

    assert make_learner("federated:method=feddag") == Federated(FedDAG())
    assert make_learner("federated:method=flop") == Federated(FLOP())
