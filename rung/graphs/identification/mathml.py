"""Formulas as MathML, for pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from .expression import Expression, One, Probability, Product, Quotient, Sum
from .formula import Formula, MeanContrast, ends_of
from .query import Interventional

Primes = Mapping[str, int]


def mathml(estimand: Any) -> str | None:
    """The formula as one `<math>` element; None for an estimand that is no expression tree."""
    if isinstance(estimand, MeanContrast):
        rows = [_contrast(estimand), _formula(estimand.formula)]
        cells = "".join(f"<mtr><mtd>{row}</mtd></mtr>" for row in rows)
        return f'<math display="block"><mtable columnalign="left">{cells}</mtable></math>'
    if isinstance(estimand, Formula):
        return f'<math display="block">{_formula(estimand)}</math>'
    return None


def _formula(formula: Formula) -> str:
    whole = formula.expression
    return _row(_asked(formula.asked), _mo("="), _of(whole, whole.free, {}))


def _contrast(contrast: MeanContrast) -> str:
    sides = []
    for value in ends_of(contrast):
        do = _row(_mi(contrast.treatment), _mo("="), _mi(str(value)))
        sides.append(_row(_mo("E"), _mo("["), _mi(contrast.outcome), _mo("|"), _do(do), _mo("]")))
    return _row(sides[0], _mo("−"), sides[1])


def _asked(asked: Interventional) -> str:
    given = [_do(_listed(asked.do, {}))] if asked.do else []
    given += [_listed(asked.given, {})] if asked.given else []
    return _p(_listed(asked.outcomes, {}), _comma(given))


def _of(e: Expression, outer: frozenset[str], primes: Primes, *, factor: bool = False) -> str:
    """An expression; as a `factor` a sum stands in brackets."""
    if isinstance(e, Probability):
        given = [_do(_listed(e.do, primes))] if e.do else []
        given += [_listed(e.given, primes)] if e.given else []
        return _p(_listed(e.of, primes), _comma(given))
    if isinstance(e, Sum):
        inner = {**primes}
        for name in e.over:
            inner[name] = primes.get(name, 0) + 1 if name in outer or name in primes else 0
        body = _of(e.of, outer | set(e.over), inner)
        out = _row(f"<munder>{_mo('∑')}{_listed(e.over, inner)}</munder>", body)
        return _row(_mo("("), out, _mo(")")) if factor else out
    if isinstance(e, Product):
        return _row(*(_of(f, outer, primes, factor=True) for f in e.factors))
    if isinstance(e, Quotient):
        top, bottom = (_of(part, outer, primes) for part in (e.numerator, e.denominator))
        return f'<mfrac displaystyle="true">{top}{bottom}</mfrac>'
    assert isinstance(e, One)
    return "<mn>1</mn>"


def _p(of: str, given: str) -> str:
    bar = [_mo("|"), given] if given else []
    return _row(_mo("P"), _mo("("), of, *bar, _mo(")"))


def _do(inner: str) -> str:
    return _row("<mi>do</mi>", _mo("("), inner, _mo(")"))


def _listed(names: Iterable[str], primes: Primes) -> str:
    return _comma([_name(name, primes.get(name, 0)) for name in names])


def _name(name: str, primes: int) -> str:
    return f"<msup>{_mi(name)}<mo>{'′' * primes}</mo></msup>" if primes else _mi(name)


def _comma(parts: list[str]) -> str:
    return _row(_mo(",").join(parts)) if parts else ""


def _mi(name: str) -> str:
    return f'<mi mathvariant="normal">{escape(name)}</mi>'


def _mo(sign: str) -> str:
    return f'<mo stretchy="false">{sign}</mo>' if sign in "()[]|" else f"<mo>{sign}</mo>"


def _row(*parts: str) -> str:
    return f"<mrow>{''.join(parts)}</mrow>"
