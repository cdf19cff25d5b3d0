"""The findings of a profile that a reader should know, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..core.variable import Kind

if TYPE_CHECKING:
    from .profile import Profile


def warnings_of(p: Profile) -> tuple[dict[str, str], ...]:
    """{title, text} of each finding, the gravest first."""
    found = [*_columns(p), *_sets(p), *_missing(p), *_rows(p), *_shape(p)]
    return tuple({"title": title, "text": text} for title, text in found)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _columns(p: Profile) -> Iterator[tuple[str, str]]:
    empty = [c.name for c in p.columns if c.missing == 1]
    if empty:
        yield "Missing in every row", f"{_listed(empty)}: nothing to learn from; leave out"
    constant = [c.name for c in p.columns if c.kind == Kind.CONSTANT and c.missing < 1]
    if constant:
        yield "Constant", f"{_listed(constant)}: one value in every row; no use here"
    named = [c.name for c in p.columns if c.kind == Kind.IDENTIFIER]
    if named:
        yield "Identifier-like", f"{_listed(named)}: names rows and measures nothing"
    many = [c for c in p.columns if Kind(c.kind).discrete and c.distinct > 50]
    for c in many[:5]:
        yield (
            "Many levels",
            f"{c.name} has {c.distinct} levels, {(1 - c.missing) * p.n / c.distinct:.1f} rows each "
            "on average; group them or leave the column out",
        )
    if p.n < p.d:
        yield (
            "Fewer rows than columns",
            f"{p.n} rows, {p.d} columns: tests given many columns are impossible; leave columns "
            "out or collect rows",
        )


def _sets(p: Profile) -> Iterator[tuple[str, str]]:
    for pair in p.duplicates[:6]:
        yield (
            "Duplicate columns",
            f"{pair['a']} and {pair['b']} are {pair['what']} (r = {pair['r']:.4f}); no method can "
            "tell their causes apart: keep one",
        )
    for relation in p.deterministic[:4]:
        yield (
            "Deterministic relation",
            f"{_listed(relation['columns'])} determine each other exactly; leave one out",
        )


def _missing(p: Profile) -> Iterator[tuple[str, str]]:
    if not p.missing["rows"]:
        return
    worst = sorted(p.missing["cells"].items(), key=lambda item: -item[1])[:4]
    shown = ", ".join(f"{name} {share:.1%}" for name, share in worst)
    text = f"{p.missing['rows']:.1%} of the rows have a missing cell ({shown})"
    yield "Missing cells", text + "; declare a policy before an analysis"
    for found in p.missing["depends"][:3]:
        yield (
            "Not missing at random",
            f"whether {found['missing']} is missing goes with {found['with']} (r = "
            f"{found['r']:.2f}): leaving rows out can bias the answer",
        )


def _rows(p: Profile) -> Iterator[tuple[str, str]]:
    if p.rows.kind != "independent":
        yield f"Rows are {p.rows.kind}", p.rows.text
    moved = [row for row in p.heterogeneity if row["p"] < 0.01 and row["share"] > 0.02]
    if moved:
        shown = ", ".join(f"{row['name']} {row['share']:.0%}" for row in moved[:4])
        yield (
            "Environments differ",
            f"share of variance between the {len(p.environments)} environments: {shown}",
        )


def _shape(p: Profile) -> Iterator[tuple[str, str]]:
    c = p.curvature
    if c.linear is False:
        first = ", ".join(f"{a} and {b} (+{gain:.2f})" for a, b, gain, _ in c.pairs[:3])
        yield (
            "Curved relations",
            f"{c.figure:.0%} of {c.related} related pairs bend; gain in R2 over a line: {first}",
        )
    if p.gaussian is False:
        odd = [x for x in p.columns if x.gaussian is False]
        odd.sort(key=lambda x: -abs(x.skew or 0.0))
        shown = ", ".join(f"{x.name} (skew {x.skew:.1f})" for x in odd[:3])
        many = f"{len(odd)} numeric columns, most of all " if len(odd) > 1 else ""
        yield "Not Gaussian", f"{many}{shown}"
    logs = [x.name for x in p.columns if "log scale" in x.note]
    if logs:
        yield "Skewed", f"{_listed(logs)}: positive and right-skewed; consider logarithms"
