"""Laws of a model, of an intervention, of a site and of a source."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ...core.data import Data
from ...core.errors import InputError, NeedsRows, ReadOnlySite, UnknownName
from ...core.intervention import Context, Do, Intervention
from ...core.model import GenerativeModel
from ...core.site import Column
from ...core.source import Source
from ...core.variable import Kind, Variable
from .common import Broken, Law, ensure
from .mechanism import valid


class Subject:
    """A model, its example units and their values."""

    def __init__(self, plug: Any, example: Any = None) -> None:
        self.plug = plug
        if example is None and isinstance(plug, GenerativeModel):
            example = plug.sample(40, seed=11)
        if not isinstance(example, Data):
            raise InputError(
                "a model that cannot draw units needs some: "
                "rung.bench.contracts.check(model, example=units)"
            )
        self.units = example

    def run(self, *interventions: Intervention, model: Any = None) -> Data:
        """The units' values under interventions, seed 0."""
        m = self.plug if model is None else model
        noise = m.abduct(self.units, rng=np.random.default_rng(0))
        out: Data = m.do(*interventions).run(noise)
        return out

    @cached_property
    def facts(self) -> Data:
        """The units' values without interventions."""
        return self.run()

    @cached_property
    def settable(self) -> list[Variable]:
        """The variables that can be set."""
        out = []
        for v in self.plug.variables:
            try:
                self.run(_set(self.facts, v))
            except (ReadOnlySite, TypeError):
                continue
            out.append(v)
        return out


def _set(values: Data, v: Variable, row: int | None = None) -> Do:
    """do(v = the value each unit has in `values`), or that of one row for all."""
    shown = values[v.name] if row is None else values[v.name][row]
    return Do(v.name, shown)


def _close(a: Data, b: Data, names: Sequence[str]) -> str | None:
    for name in names:
        x, y = np.asarray(a.column(name)), np.asarray(b.column(name))
        if x.shape != y.shape or not np.allclose(x, y, atol=1e-7, rtol=1e-6):
            return name
    return None


def _same(a: Data, b: Data, names: Sequence[str], message: str) -> None:
    differs = _close(a, b, names)
    ensure(differs is None, f"{message}: {differs!r} differs")


def identity(s: Subject) -> str:
    """do of nothing changes nothing, and a counterfactual without change returns the facts."""
    nearly = [n for n in s.plug.approximate if n in s.units.names]
    known = [n for n in s.plug.names if n in s.units.names and n not in nearly]
    _same(s.facts, s.units, known, "the units' own values do not come back")
    again = s.plug.run(s.plug.abduct(s.units, rng=np.random.default_rng(0)))
    _same(again, s.facts, s.plug.names, "do() is not the identity")
    errors = {n: np.abs(s.facts.column(n) - s.units.column(n)).mean() for n in nearly}
    said = "".join(f", {n} to {error:.3g} on average" for n, error in errors.items())
    return f"{len(known)} of {len(s.plug.names)} variables observed{said}"


def effective(s: Subject) -> str:
    """do(x = v) gives x the value v (effectiveness; Galles and Pearl 1998)."""
    for v in s.settable:
        got = s.run(_set(s.facts, v, row=0)).column(v.name)
        want = np.broadcast_to(s.facts.column(v.name)[0], got.shape)
        ensure(np.allclose(got, want), f"do({v.name} = v) did not give it v")
    return f"{len(s.settable)} of {len(s.plug.names)} variables can be set"


def composition(s: Subject) -> str:
    """Setting what would be there anyway changes nothing (composition, same source)."""
    for x in s.settable:
        world = s.run(_set(s.facts, x, row=0))
        for w in s.settable:
            if w.name != x.name:
                both = s.run(_set(s.facts, x, row=0), _set(world, w))
                _same(both, world, s.plug.names, f"after do({x.name}), do({w.name} = its value)")
    return f"{len(s.settable)} x {len(s.settable) - 1} pairs"


def possible(s: Subject) -> str:
    """Discrete and count variables take possible values under every intervention."""
    for x in s.settable:
        world = s.run(_set(s.facts, x, row=-1))
        for v in s.plug.variables:
            if v.discrete or v.kind is Kind.COUNT:
                ensure(valid(v, world.column(v.name)), f"do({x.name}): impossible {v.name}")
    return "levels and counts"


def unchanged(s: Subject) -> str:
    """do returns a new model and leaves the old one as it was."""
    for v in s.settable:
        changed = s.plug.do(_set(s.facts, v, row=0))
        ensure(changed is not s.plug, "do returned the same object")
    _same(s.run(), s.facts, s.plug.names, "the model was changed by do")
    return "after one do for each variable"


def unknown(s: Subject) -> str:
    """An unknown variable is refused by name."""
    try:
        s.plug.do(Do("no such variable", 1.0))
    except UnknownName:
        return "UnknownName"
    raise Broken("do of an unknown variable passed in silence")


def draws(s: Subject) -> str:
    """The same seed draws the same units, another seed others."""
    if not isinstance(s.plug, GenerativeModel):
        return "does not draw"
    one, two, other = (s.plug.sample(30, seed=k) for k in (5, 5, 6))
    _same(one, two, s.plug.names, "one seed gave two samples")
    ensure(_close(one, other, s.plug.names) is not None, "two seeds gave one sample")
    return "30 units"


LAWS: dict[str, Law] = {
    "returns the facts": identity,
    "is effective": effective,
    "composes": composition,
    "takes possible values only": possible,
    "is not changed by do": unchanged,
    "refuses unknown variables": unknown,
    "draws by seed": draws,
}


class InterventionSubject:
    """An intervention, applied to 6 units of its variable."""

    def __init__(self, plug: Any, example: Any = None) -> None:
        self.plug = plug
        kinds = (Variable(plug.variable), Variable(plug.variable, Kind.BINARY, (0, 1)))
        for variable in kinds if example is None else (example,):
            self.variable = variable
            self.natural = np.array([0.0, 1, 0, 1, 1, 0])
            self.natural = np.resize(self.natural, (6, *variable.shape))
            try:
                self.apply(self.natural)
                return
            except InputError as error:
                why = error
        raise why

    def apply(self, natural: Any) -> Any:
        """The value after the intervention."""
        values = {name: np.arange(6.0) for name in self.plug.reads}
        described = {self.variable.name: self.variable, **{n: Variable(n) for n in values}}
        context = Context(
            self.variable, 6, values, lambda units, under: self.natural[::-1].copy(),
            lambda: np.zeros(6), described,
        )  # fmt: skip
        return self.plug.apply(natural, context)


def shaped(s: InterventionSubject) -> str:
    """One finite value a unit."""
    got = np.asarray(s.apply(s.natural))
    ensure(got.shape == (6, *s.variable.shape), f"shape {got.shape} for 6 units")
    ensure(np.isfinite(got).all(), "values that are not finite")
    return f"{s.variable.kind}"


def pure(s: InterventionSubject) -> str:
    """Nothing is changed in place, and twice gives the same."""
    natural = s.natural.copy()
    one, two = np.array(s.apply(s.natural)), np.array(s.apply(s.natural))
    ensure(np.array_equal(natural, s.natural), "the natural value was changed in place")
    ensure(np.array_equal(one, two), "two applications differ")
    return "twice"


def honest(s: InterventionSubject) -> str:
    """`uses_natural` says whether the natural value plays a part."""
    moved = None if not s.plug.uses_natural else s.natural + 1
    differs = not np.array_equal(s.apply(s.natural), s.apply(moved))
    ensure(differs or not s.plug.uses_natural, "uses_natural, but the natural value has no effect")
    ensure(not differs or s.plug.uses_natural, "the natural value matters, but uses_natural is no")
    return f"uses_natural is {s.plug.uses_natural}"


INTERVENTION_LAWS: dict[str, Law] = {
    "gives one value a unit": shaped,
    "is pure": pure,
    "says whether it uses the natural value": honest,
}


class SiteSubject:
    """A site, values r that it looks at, and two values v and w to write."""

    def __init__(self, plug: Any, example: Any = None) -> None:
        self.plug = plug
        if example is None and isinstance(plug, Column):
            rng = np.random.default_rng(0)
            rest, v, w = rng.normal(size=(3, 4))
            example = ({plug.name: rest, "another": v}, v, w)
        if example is None:
            raise InputError(
                "a site needs values to look at: "
                "rung.bench.contracts.check(site, example=(values, v, w))"
            )
        self.r, self.v, self.w = example


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_equal(a[k], b[k]) for k in a)
    if isinstance(a, Data):
        return _close(a, b, a.names) is None
    return np.allclose(np.asarray(a, dtype=float), np.asarray(b, dtype=float), atol=1e-9)


def put_get(s: SiteSubject) -> str:
    """read(write(r, v)) = v."""
    ensure(_equal(s.plug.read(s.plug.write(s.r, s.v)), s.v), "what was written is not read")
    return "one value"


def get_put(s: SiteSubject) -> str:
    """write(r, read(r)) = r."""
    ensure(_equal(s.plug.write(s.r, s.plug.read(s.r)), s.r), "writing what is there changes it")
    return "one record"


def put_put(s: SiteSubject) -> str:
    """write(write(r, v), w) = write(r, w)."""
    twice = s.plug.write(s.plug.write(s.r, s.v), s.w)
    ensure(_equal(twice, s.plug.write(s.r, s.w)), "the first write leaves traces")
    return "two values"


SITE_LAWS: dict[str, Law] = {
    "reads what was written": put_get,
    "changes nothing by writing what is there": get_put,
    "forgets the first of two writes": put_put,
}


class SourceSubject:
    """A source of data."""

    def __init__(self, plug: Source, example: Any = None) -> None:
        self.plug = plug


def selects(s: SourceSubject) -> str:
    """select keeps the order asked for, and statistics of a part are the part of the statistics."""
    names = s.plug.names[::-1][: max(1, len(s.plug.names) - 1)]
    part = s.plug.select(names)
    ensure(part.names == names, f"select({names}) has names {part.names}")
    ensure(part.n == s.plug.n, f"{part.n} rows after select, {s.plug.n} before")
    try:
        whole = s.plug.moments()
    except NeedsRows:
        return "names only"
    here, there = part.moments(), whole.select(names)
    ensure(np.allclose(here.scatter, there.scatter), "moments of a part differ")
    ensure(np.allclose(here.mean, there.mean), "means of a part differ")
    return f"{len(names)} variables"


def signs(s: SourceSubject) -> str:
    """The signature of a column does not depend on the order of columns, and can be sorted."""
    here = {name: s.plug.signature(name) for name in s.plug.names}
    moved = s.plug.select(s.plug.names[::-1])
    for name, value in here.items():
        ensure(moved.signature(name) == value, f"the signature of {name!r} depends on the order")
    sorted(here.values())
    return f"{len(here)} columns"


def refuses(s: SourceSubject) -> str:
    """What it cannot answer is refused with NeedsRows that names who asked."""
    out = []
    for what in ("moments", "rows"):
        try:
            getattr(s.plug, what)(asker="the asker")
            out.append(f"{what}: yes")
        except NeedsRows as error:
            ensure("the asker" in str(error), f"the refusal of {what} does not say who asked")
            out.append(f"{what}: refused")
    return ", ".join(out)


SOURCE_LAWS: dict[str, Law] = {
    "selects columns": selects,
    "has signatures free of order": signs,
    "refuses by name": refuses,
}
