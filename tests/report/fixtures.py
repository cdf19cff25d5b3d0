# ruff: noqa: E501
"""Hand-written analysis contents: a realistic one, a nasty one, and the odd cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import rung.report.html

TEMPLATES = Path(rung.report.html.__file__).with_name("templates")

NASTY = (
    "<script>alert('x')</script>",
    '"><img src=x onerror=alert(1)>',
    "Ünïcode 漢字 变量 👩‍👩‍👧‍👦",
    "a very long column name that goes on and on until no box of any reasonable width could hold it",
    "</script><!--",
    "{{ 7*7 }} {% raw %}",
    'O\'Brien & "Söhne" <b>bold</b>',
    "new\nline\tand tab",
    "control\x07char",
    "__proto__",
    "constructor",
    "   spaces   ",
)

EDGES = [
    ("PKC", "PKA", "-->", 0.83), ("PKC", "Raf", "-->", 0.62), ("PKC", "Mek", "---", 0.54),
    ("PKC", "Jnk", "-->", 1.0), ("PKC", "P38", "-->", 1.0), ("PKA", "Raf", "-->", 0.91),
    ("PKA", "Mek", "-->", 0.71), ("PKA", "Erk", "-->", 0.97), ("PKA", "Akt", "-->", 0.88),
    ("PKA", "Jnk", "-->", 0.66), ("PKA", "P38", "-->", 0.58), ("Raf", "Mek", "-->", 1.0),
    ("Mek", "Erk", "-->", 0.79), ("Erk", "Akt", "-->", 1.0), ("Plcg", "PIP2", "-->", 0.99),
    ("Plcg", "PIP3", "o->", 0.77), ("PIP3", "PIP2", "---", 0.93), ("Plcg", "PKC", "<->", 0.41),
]  # fmt: skip
LAYERS = {
    "Plcg": (0, 0), "PKC": (3, 0), "PIP3": (0, 1), "PKA": (3, 1), "PIP2": (0, 2), "Raf": (2, 2),
    "Mek": (2, 3), "Jnk": (4.2, 2), "P38": (5.4, 2), "Erk": (2.6, 4), "Akt": (3.4, 5),
}  # fmt: skip
ROLES = {
    "PKA": "treatment", "Akt": "outcome", "PKC": "confounder", "Erk": "mediator",
    "Raf": "mediator", "Mek": "mediator", "Jnk": "collider", "P38": "unused", "PIP2": "unused",
    "PIP3": "unused", "Plcg": "cause of the treatment only",
}  # fmt: skip


def _coefficients() -> np.ndarray:
    names = list(LAYERS)
    b = np.zeros((11, 11))
    for k, (x, y, mark, _) in enumerate(EDGES):
        if mark in ("-->", "---", "o->"):
            b[names.index(x), names.index(y)] = (-1) ** k * (0.3 + 0.05 * (k % 5))
    return b


def total_effects(name: str) -> dict[str, float]:
    """Effect of one unit of a variable on each, by summing products of coefficients over paths."""
    names, b = list(LAYERS), _coefficients()

    def paths(i: int, j: int) -> float:
        return 1.0 if i == j else sum(b[i, k] * paths(k, j) for k in b[i].nonzero()[0].tolist())

    return {other: paths(names.index(name), j) for j, other in enumerate(names)}


def _simulator() -> dict:
    names = list(LAYERS)
    total = np.linalg.inv(np.eye(11) - _coefficients())
    mean = np.linspace(1.2, 3.4, 11)
    grid = np.linspace(0.0, 4.0, 9)
    effects = {
        a: {
            c: (mean[j] + total[i, j] * (grid - mean[i])).tolist()
            for j, c in enumerate(names)
            if i != j and abs(total[i, j]) > 1e-12
        }
        for i, a in enumerate(names)
    }
    variables = [
        {"name": n, "kind": "continuous", "unit": "log10 au", "levels": None, "mean": m, "sd": 0.5,
         "grid": grid.tolist()}
        for n, m in zip(names, mean.tolist())
    ]  # fmt: skip
    return {"variables": variables, "effects": effects, "kind": "linear", "exact": True,
            "note": "Linear mechanisms fitted on 7466 rows."}  # fmt: skip


def _mechanism(name: str) -> dict:
    parents = [a for a, b, m, _ in EDGES if b == name and m == "-->"]
    x = np.linspace(0, 4, 21)
    curves = [
        {"parent": p, "x": x.tolist(), "y": (1 + 0.4 * x + 0.2 * np.sin(2 * x + k)).tolist()}
        for k, p in enumerate(parents)
    ]
    terms = " + ".join(f"s{k}({p})" for k, p in enumerate(parents, 1))
    return {"name": name, "kind": "spline additive" if parents else "root", "parents": parents,
            "text": f"{name} = 1.93{' + ' + terms if terms else ''} + noise", "curves": curves,
            "fit": "explains 43% of the variance (cross-validated)" if parents else ""}  # fmt: skip


def sachs() -> dict:
    """Eleven proteins, one undecided pair that matters, every section filled."""
    rng = np.random.default_rng(0)
    b = 100
    nodes = [
        {"name": n, "x": x * 110.0, "y": y * 100.0, "role": ROLES[n], "kind": "continuous",
         "unit": "log10 au"}
        for n, (x, y) in LAYERS.items()
    ]  # fmt: skip
    edges = []
    for x, y, mark, f in EDGES:
        rest = round(1 - f, 2)
        frequencies = {mark: f, "<--": round(rest * 0.6, 3), "   ": round(rest * 0.4, 3)}
        edges.append({"a": x, "b": y, "mark": mark, "frequency": f, "frequencies": frequencies,
                      "source": "learned"})  # fmt: skip
    variables = [
        {"name": n, "kind": "continuous", "unit": "log10 au", "levels": None, "missing": 0.0,
         "mean": 1.4 + i / 7, "sd": 0.5, "min": 0.11 + i / 9, "q25": 1.0 + i / 7,
         "median": 1.35 + i / 7, "q75": 1.8 + i / 7, "max": 3.9137 + i / 9, "skew": 0.3,
         "note": "heavy right tail before log10" if i % 4 == 0 else "", "top": []}
        for i, n in enumerate(LAYERS)
    ]  # fmt: skip
    conditions = [
        "cd3cd28",
        "icam2",
        "aktinhib",
        "g0076",
        "psitect",
        "u0126",
        "ly",
        "pma",
        "b2camp",
    ]
    hit = {"aktinhib": ["Akt"], "g0076": ["PKC"], "psitect": ["PIP2"], "u0126": ["Mek"],
           "pma": ["PKC"], "b2camp": ["PKA"]}  # fmt: skip
    balance = [
        {"name": n, "before": before, "after": after}
        for n, before, after in (("PKC", 0.62, 0.04), ("Plcg", 0.31, 0.02), ("PIP3", 0.12, 0.09))
    ]
    assumption = [
        ("No hidden common cause", "Nothing unmeasured influences both PKA and Akt.", "uncheckable",
         "Rows cannot show this.", "The number would mix in that cause; see sensitivity below."),
        ("Positivity", "Cells of every PKC level occur at high and at low PKA.", "checked",
         "Effective sample size 5 912 of 7 466; smallest propensity 0.03.",
         "The number would rest on a model instead of on cells."),
        ("One version of treatment", "PKA at 2.9 means the same however it came about.",
         "uncheckable", "Not in the data.", "The number averages over versions."),
        ("Time order", "PKA is set before Akt is measured.", "declared", "Declared in the plan.",
         "The arrow may point the other way."),
        ("Independent rows", "Cells do not influence each other.", "contradicted",
         "Autocorrelation 0.21 along the file within conditions.",
         "The interval is too short; block resampling was used."),
    ]  # fmt: skip
    parts = [
        {"graph": f"PKC -> PKA; PKA -> Akt; variant {i}", "weight": w, "value": v, "note": note,
         "low": None if v is None else v - 0.06, "high": None if v is None else v + 0.06}
        for i, (w, v, note) in enumerate(
            [(0.46, 0.32, "adjusts for PKC"), (0.21, 0.29, "adjusts for PKC, Plcg"),
             (0.18, 0.41, "adjusts for nothing"), (0.09, 0.02, "Akt comes before PKA"),
             (0.06, None, "not identified: PKA <-> Akt")], 1)
    ]  # fmt: skip
    return {
        "rung": {"version": "0.1.0", "python": "3.11.2", "platform": "Linux x86_64", "seed": 0,
                 "packages": {"numpy": "2.3.4", "scipy": "1.16.2", "numba": "0.62.1"},
                 "created": "2026-11-22", "seconds": {"discover": 9.31, "effect": 6.02}},
        "plan": {"data": "sachs", "treatment": "PKA", "outcome": "Akt", "seed": 0},
        "plan_toml": 'data = "sachs"\ntreatment = "PKA"\noutcome = "Akt"\nseed = 0\n',
        "data": {"name": "sachs", "path": "inside rung", "sha256": "9f2c" * 16, "n": 7466, "d": 11,
                 "n_used": 6555, "decisions": ["All columns read as continuous.",
                 "911 rows of the condition that targets Akt were set apart."],
                 "licence": "Sachs et al. 2005, public", "policy": "no missing cells",
                 "environments": [{"name": c, "n": 911 - 40 * i if i else 853,
                                   "targets": hit.get(c, [])} for i, c in enumerate(conditions)],
                 "variables": variables,
                 "warnings": [{"title": "Rows are not independent", "text": "Neighbouring rows of a "
                 "condition resemble each other (autocorrelation 0.21); blocks were resampled."}]},
        "headline": {
            "sentence": "In the 6 555 cells whose condition leaves Akt alone, raising PKA from 2.3 to "
            "2.9 log10 au goes with Akt higher by 0.32 log10 au (95% interval 0.19 to 0.44), "
            "after adjustment for PKC.",
            "standing": "learned graph",
            "standing_text": "This is an effect only if there is no hidden common cause and the "
            "learned graph is right.",
            "threats": [
                {"title": "The direction of PKA and Akt", "figure": "9 of 100 resamples",
                 "text": "reverse the edge PKA → Akt; the effect would then be 0."},
                {"title": "A hidden common cause", "figure": "partial R2 7%",
                 "text": "of both PKA and Akt would be enough; PKC, the strongest covariate, has 11%."},
                {"title": "Rows are not independent", "figure": 0.21,
                 "text": "autocorrelation of neighbouring cells; intervals use blocks of 40 rows."},
            ]},
        "graph": {"nodes": nodes, "edges": edges, "width": 640, "height": 500,
                  "text": "; ".join(f"{a} {m} {c}" for a, c, m, _ in EDGES), "dot": "digraph {}",
                  "dagitty": "dag { PKA -> Akt }",
                  "alt": "Eleven proteins. PKC and PKA stand at the top; arrows lead from them "
                  "through Raf, Mek and Erk to Akt. Plcg, PIP3 and PIP2 form a group of their own."},
        "roles": [{"name": n, "role": r, "adjusted": n == "PKC", "source": "learned",
                   "why": {"PKC": "opens the back-door path PKA <- PKC -> Mek -> Erk -> Akt",
                           "Erk": "on the way from PKA to Akt; adjusting would remove that part"}.get(
                               n, "not needed")} for n, r in ROLES.items()],
        "discovery": {
            "learner": "Bootstrap(BOSS, 100 draws)",
            "why": "All columns are continuous and near Gaussian after the log, 7466 rows for 11 "
            "variables, and conditions with known targets are given; BOSS with a Gaussian score "
            "uses them.", "notes": ["Rows of a condition do not count for the variable it targets."],
            "crosscheck": {"learner": "FCI with FisherZ", "text": "FCI with FisherZ, which allows "
                           "hidden causes, was asked about each of the 18 edges: it supports 3.",
                           "agreement": [{"a": "PKC", "b": "Mek", "mark": "---", "other": "-->",
                                          "verdict": "supported"},
                                         {"a": "Plcg", "b": "PKC", "mark": "-->", "other": "none",
                                          "verdict": "no edge there"}]},
            "bootstrap": {"draws": b, "text": "Shares are frequencies over 100 bootstrap resamples, "
                          "not probabilities."},
            "edges": [{"a": e["a"], "b": e["b"], "adjacent": 1 - e["frequencies"]["   "],
                       "frequencies": e["frequencies"]} for e in edges],
            "hidden_causes": False},
        "effect": {
            "query": "ATE(PKA, Akt)", "value": 0.3174, "low": 0.1902, "high": 0.4421, "level": 0.95,
            "units": "log10 au of Akt", "contrast": "PKA 2.9 against 2.3 log10 au (75th against 25th "
            "percentile)", "population": "cells whose condition does not target Akt",
            "method": "doubly robust with cross-fitting (5 folds)", "n": 6555, "effective_n": 5912.4,
            "scale": "difference", "adjustment": ["PKC"],
            "estimand": {"text": "E[ E[Akt | PKA = 2.9, PKC] - E[Akt | PKA = 2.3, PKC] ]",
                         "latex": r"\mathbb{E}[\mathbb{E}[Akt\mid PKA=2.9,PKC]-\ldots]",
                         "words": "Average over PKC of the difference in mean Akt between cells with "
                         "PKA 2.9 and cells with PKA 2.3 that agree on PKC."},
            "balance": balance,
            "overlap": {"text": "High-PKA and low-PKA cells are found over most of the propensity.",
                        "bins": np.linspace(0, 1, 21).tolist(),
                        "treated": rng.binomial(900, 0.5 * np.sin(np.linspace(0.02, 3, 20)) ** 2).tolist(),
                        "control": [3, *rng.integers(20, 600, 18).tolist(), 2],
                        "label": "propensity of high PKA"},
            "assumptions": [dict(zip(("name", "statement", "status", "figure", "consequence"), a))
                            for a in assumption],
            "refutations": [
                {"name": "Placebo treatment", "kind": "stability", "passed": True, "figures": {},
                 "finding": "with PKA shuffled the estimate is 0.003 [−0.02, 0.02]"},
                {"name": "Random subsets", "kind": "stability", "passed": True, "figures": {},
                 "finding": "over 20 halves of the rows from 0.27 to 0.36"},
                {"name": "Partial R2", "kind": "sensitivity", "passed": None, "figures": {},
                 "finding": "a hidden cause as strong as PKC would move the estimate to 0.11"}],
            "parts": parts,
            "decider": {"edge": "PKA -> Akt", "text": "If PKA → Akt points the other way (9 of 100 "
                        "resamples) the effect is 0; the other edges change it by at most 0.09."},
            "levels": [], "warnings": ["Intervals use blocks of 40 neighbouring rows."],
            "alternatives": [
                {"label": "without adjustment", "value": 0.41, "low": 0.31, "high": 0.5,
                 "text": "The back-door path PKA <- PKC -> Mek -> Erk -> Akt stays open."},
                {"label": "also adjusting for Erk", "value": 0.08, "low": -0.02, "high": 0.19,
                 "text": "Erk is a mediator: this removes the part of the effect through it."}],
            "compare": [{"estimator": "regression", "value": 0.30, "low": 0.2, "high": 0.4},
                        {"estimator": "weighting", "value": 0.35, "low": 0.11, "high": 0.6}]},
        "candidates": {},
        "whatif": {"text": "Computed from the fitted mechanisms; they agree with the effect above "
                   "within its interval.",
                   "rows": [{"do": "PKA = 0", "variable": "Akt", "fact": 1.913, "counterfactual": 1.42,
                             "low": 1.2, "high": 1.61, "who": "all rows"},
                            {"do": "PKA = 0", "variable": "Akt", "fact": 2.7777,
                             "counterfactual": 2.31, "low": 2.1, "high": 2.5, "who": "row 17"}]},
        "simulator": _simulator(),
        "mechanisms": [_mechanism(n) for n in LAYERS],
        "design": {"text": "Ranked by undecided edges that the experiment would orient on average.",
                   "rows": [{"experiment": f"set {n}", "orients": o, "of": 2, "effect_sd_now": 0.064,
                             "effect_sd_after": s, "text": ""}
                            for n, o, s in (("PKC", 1.0, 0.041), ("PIP3", 1.0, 0.063),
                                            ("Mek", 0.54, 0.05))]},
        "methods": "We estimated the average effect of PKA on Akt in 6 555 cells with a doubly robust "
        "estimator (5-fold cross-fitting), adjusting for PKC, on a graph learned by BOSS.",
        "citations": [{"key": "sachs2005", "text": "Sachs et al. (2005), Science.",
                       "bibtex": "@article{sachs2005, title={Causal protein-signaling networks}}"}],
        "glossary": {"PKA": "Protein kinase A, the treatment here."},
    }  # fmt: skip


def minimal() -> dict:
    """Only what every report needs."""
    return {"data": {"name": "tiny"}, "headline": {"sentence": "A graph of two variables."},
            "graph": {"nodes": [{"name": "a"}, {"name": "b"}],
                      "edges": [{"a": "a", "b": "b", "mark": "-->"}]}}  # fmt: skip


def not_identified() -> dict:
    """A bow: no number."""
    c = minimal()
    c["data"] |= {"n": 400, "d": 2}
    c["headline"] = {"sentence": "The effect of a on b cannot be told from these 400 rows.",
                     "standing": "not identified", "threats": [],
                     "standing_text": "a and b share a hidden common cause in your graph, and no "
                     "instrument or mediator helps."}  # fmt: skip
    c["graph"]["edges"].append({"a": "a", "b": "b", "mark": "<->", "source": "assumed"})
    c["effect"] = {"query": "ATE(a, b)", "value": None, "low": float("nan"), "high": None,
                   "contrast": "1 against 0", "parts": [], "estimand": {}}  # fmt: skip
    return c


def exploratory() -> dict:
    """Outcome alone: ranked candidates."""
    c = sachs()
    c["headline"] |= {"standing": "exploratory", "sentence": "Of 10 variables, PKA and Erk move with "
                      "Akt most once the others are taken into account (7 466 cells)."}  # fmt: skip
    c.pop("effect")
    c["candidates"] = {"text": "10 variables were looked at; the intervals hold for all at once.",
                       "rows": [{"name": n, "value": 0.5 - 0.09 * i, "low": 0.3 - 0.09 * i,
                                 "high": 0.7 - 0.09 * i, "units": "log10 au of Akt",
                                 "contrast": "75th against 25th percentile"}
                                for i, n in enumerate(LAYERS) if n != "Akt"]}  # fmt: skip
    return c


def nasty() -> dict:
    """Forty nodes with hostile names in every place where a name or text may stand."""
    names = [*NASTY, *(f"gene_{i:02d}" for i in range(40 - len(NASTY)))]
    evil = "<script>alert(1)</script> </script> & \" ' 😀 {{ 1 }} javascript:alert(1)"
    c = sachs()
    c["graph"]["nodes"] = [
        {"name": n, "x": (i % 8) * 90.0, "y": (i // 8) * 80.0, "role": "confounder" if i % 3 else evil,
         "kind": evil, "unit": evil} for i, n in enumerate(names)
    ]  # fmt: skip
    marks = ["-->", "---", "<->", "o->", "o-o", "<--"]
    c["graph"]["edges"] = [
        {"a": names[i], "b": names[(i * 7 + 9) % 40], "mark": marks[i % 6], "frequency": i / 40,
         "frequencies": {marks[i % 6]: i / 40}, "source": evil}
        for i in range(40) if (i * 7 + 9) % 40 != i
    ]  # fmt: skip
    c["graph"] |= {"alt": evil, "text": evil, "dot": "", "dagitty": evil}
    c["data"] |= {"name": evil, "path": evil, "decisions": [evil], "licence": evil}
    for v, n in zip(c["data"]["variables"], names):
        v |= {"name": n, "unit": evil, "note": evil, "kind": "categorical", "levels": [evil, "b"],
              "top": [{"level": evil, "count": 3}, {"level": "b", "count": 40},
                      {"level": "c", "count": 70}]}  # fmt: skip
    c["headline"] = {"sentence": evil, "standing": "your graph", "standing_text": evil,
                     "threats": [{"title": evil, "figure": evil, "text": evil}] * 3}  # fmt: skip
    c["roles"] = [{"name": n, "role": evil, "adjusted": True, "why": evil, "source": evil}
                  for n in names]  # fmt: skip
    c["mechanisms"] = [{"name": n, "kind": evil, "parents": [evil], "text": evil, "fit": evil,
                        "curves": [{"parent": evil, "x": [0, 1], "y": [0, 1]}]} for n in names]  # fmt: skip
    c["simulator"] = {"variables": [{"name": n, "kind": "binary", "unit": evil, "levels": [evil, "1"],
                                     "mean": 0.4, "sd": 0.5, "grid": [0, 1]} for n in names],
                      "effects": {a: {b: [0.1, 0.6] for b in names[:9] if b != a} for a in names},
                      "kind": "grid", "exact": False, "note": evil}  # fmt: skip
    for key in ("query", "units", "contrast", "population", "method"):
        c["effect"][key] = evil
    c["effect"]["estimand"] = {"text": f"E[{NASTY[0]} | {NASTY[6]}] {evil}", "latex": evil,
                               "words": evil}  # fmt: skip
    c["methods"] = c["plan_toml"] = evil
    c["plan"] = {"data": evil}
    c["citations"] = [{"key": evil, "text": evil, "bibtex": evil}]
    c["glossary"] = {evil: evil}
    c["rung"]["packages"] = {evil: evil}
    return c
