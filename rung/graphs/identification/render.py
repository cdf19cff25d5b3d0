"""Expressions as text and as LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .expression import Expression, One, Probability, Product, Quotient, Sum
from .renamed import Renamed


def text(
    expression: Expression, outer: Iterable[str] = (), primes: Mapping[str, int] | None = None
) -> str:
    """Plain text: `sum over Z of P(Y | X, Z) P(Z)`; a bound name that clashes has primes.

    outer : names that have a meaning outside of the expression; primes : of free names
    """
    return _text(expression, expression.free | set(outer), primes or {}, top=True)


def latex(
    expression: Expression, outer: Iterable[str] = (), primes: Mapping[str, int] | None = None
) -> str:
    """LaTeX, with names in roman type."""
    return _latex(expression, expression.free | set(outer), primes or {})


def plain(name: str) -> str:
    """A name in plain text, quoted where it would be read as more than a name."""
    odd = not name or name != name.strip() or any(c in ",|()[]/='\"" for c in name)
    return '"' + name.replace('"', '\\"') + '"' if odd else name


def tex(name: str) -> str:
    """A name in LaTeX."""
    return rf"\mathrm{{{''.join(SPECIAL.get(c, c) for c in name)}}}"


SPECIAL = {c: "\\" + c for c in "_%&#${}"} | {
    "\\": r"\backslash{}",
    "~": r"\sim{}",
    "^": r"\hat{}",
    "'": r"\text{'}",
    " ": r"\ ",
}


def _primed(node: Sum, outer: frozenset[str], primes: Mapping[str, int]) -> dict[str, int]:
    """Number of primes of each name below a sum."""
    out = dict(primes)
    for name in node.over:
        if name in outer or name in primes:
            out[name] = primes.get(name, 0) + 1
        else:
            out[name] = 0
    return out


def _text(
    e: Expression, outer: frozenset[str], primes: Mapping[str, int], *, top: bool = False
) -> str:
    def name(n: str) -> str:
        return plain(n) + "'" * primes.get(n, 0)

    if isinstance(e, Probability):
        given = [*(f"do({name(n)})" for n in e.do), *map(name, e.given)]
        bar = f" | {', '.join(given)}" if given else ""
        return f"P({', '.join(map(name, e.of))}{bar})"
    if isinstance(e, Sum):
        inner = _primed(e, outer, primes)
        over = ", ".join(plain(n) + "'" * inner.get(n, 0) for n in e.over)
        out = f"sum over {over} of {_text(e.of, outer | set(e.over), inner)}"
        return out if top else f"[{out}]"
    if isinstance(e, Product):
        parts = [_text(f, outer, primes) for f in e.factors]
        whole = [isinstance(f, Quotient) for f in e.factors]
        return " ".join(f"({p})" if q else p for p, q in zip(parts, whole, strict=True))
    if isinstance(e, Quotient):
        sides = []
        for part in (e.numerator, e.denominator):
            out = _text(part, outer, primes)
            sides.append(f"({out})" if isinstance(part, Product | Quotient) else out)
        return " / ".join(sides)
    if isinstance(e, Renamed):
        return _text(e.shown(), outer, primes, top=top)
    assert isinstance(e, One)
    return "1"


def _latex(e: Expression, outer: frozenset[str], primes: Mapping[str, int]) -> str:
    def name(n: str) -> str:
        return tex(n) + "'" * primes.get(n, 0)

    if isinstance(e, Probability):
        given = [*(rf"do({name(n)})" for n in e.do), *map(name, e.given)]
        bar = rf" \mid {', '.join(given)}" if given else ""
        return rf"P({', '.join(map(name, e.of))}{bar})"
    if isinstance(e, Sum):
        inner = _primed(e, outer, primes)
        over = ", ".join(tex(n) + "'" * inner.get(n, 0) for n in e.over)
        body = _latex(e.of, outer | set(e.over), inner)
        body = rf"\Bigl({body}\Bigr)" if isinstance(e.of, Quotient) else body
        return rf"\sum_{{{over}}} {body}"
    if isinstance(e, Product):
        parts = [_latex(f, outer, primes) for f in e.factors]
        return r" \, ".join(
            rf"\Bigl({p}\Bigr)" if isinstance(f, Sum) else p
            for p, f in zip(parts, e.factors, strict=True)
        )
    if isinstance(e, Quotient):
        top, bottom = (_latex(p, outer, primes) for p in (e.numerator, e.denominator))
        return rf"\frac{{{top}}}{{{bottom}}}"
    if isinstance(e, Renamed):
        return _latex(e.shown(), outer, primes)
    assert isinstance(e, One)
    return "1"
