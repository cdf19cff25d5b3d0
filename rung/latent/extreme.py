"""Extreme values: what a latent of a generator does, seen by setting it far outside its range."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Budget, Run, start
from ..core.errors import InputError, unknown
from ..core.model import GenerativeModel
from ..core.result import lock
from ..inference.intervals import check_level
from ..inference.multiplicity import Holm
from .extreme_generators import CodeGenerator, Units, of_model
from .extreme_result import ExtremeValues, Floats, analysed

Property = Callable[[NDArray[Any]], Any]
FEWEST = 20  # draws
FLAT = 0.05  # an output varies less within itself than this share of the usual: collapsed
SIGNAL = 16  # numbers of an output, from which on it is looked at as a signal or picture
INSIDE = (-1.0, -0.5, 0.0, 0.5, 1.0)  # levels within the range of ordinary codes


class Adjustment(Protocol):
    """Of p-values for several tests, as `rung.inference.multiplicity.Holm`."""

    def adjust(self, p: Floats) -> Floats:
        """Adjusted p-values (m,)."""


class Reader(Protocol):
    """An anti-causal predictor, such as a fitted `rung.latent.Predictor`."""

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of what it reads."""

    def read(self, units: NDArray[Any]) -> Any:
        """Data with those columns, for outputs (n, ...)."""


def extreme_values(
    generator: GenerativeModel | CodeGenerator,
    properties: Mapping[str, Property] | Reader,
    *,
    latents: Sequence[str] | None = None,
    reach: float = 6.0,
    n: int = 200,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    output: str | None = None,
    valid: Callable[[NDArray[Any]], Any] | None = None,
    multiplicity: Adjustment | None = None,
    level: float = 0.95,
    budget: Budget | None = None,
    seed: int | np.random.Generator = 0,
) -> ExtremeValues:
    """Set each latent to levels inside and far outside its range, and measure the outputs.

    A randomised experiment in which the latent is the treatment: n codes are drawn once, the latent
    is set to each level in all of them while the rest of the code stays as drawn, and properties of
    the outputs are measured. The means over the draws are E[property | do(latent = level)];
    differences between two levels are taken draw by draw (common random numbers), with Student's t
    over the draws. What is found is what the generator does, not what causes what in the world it
    was trained on.

    Parameters
    ----------
    generator : GenerativeModel or CodeGenerator
        An image model, any SCM, or a plain function from codes to outputs. In a model with a graph,
        what follows from a latent follows from its levels too.
    properties : mapping of str to function, or Reader
        From outputs (n, ...) to numbers (n,), NaN where an output has no such property.
    latents : sequence of str, optional
        Those to set; all numeric ones by default.
    reach : float
        The furthest levels, in half-widths of the range of ordinary codes: 1 is its end.
    n : int
        Draws of the code.
    ranges : mapping of str to (low, high), optional
        The range of ordinary codes; by default the middle 95% of the draws.
    output : str, optional
        The column of a model that is measured; its only column of arrays by default.
    valid : function, optional
        Outputs (n, ...) to true or false (n,). By default an output has collapsed if it is not
        finite or, having 16 numbers or more, varies within itself by less than 5% of what ordinary
        outputs do.
    multiplicity : Holm, BenjaminiHochberg, BenjaminiYekutieli
        Over latents times properties.
    level : float
        Of intervals and bands, each simultaneous over all that is shown.
    budget : Budget, optional
        When spent, the latents that are left are not set, and the result says so.

    Raises
    ------
    InputError, UnknownName
        A latent that has levels, never varies or does not exist; a property that gives another
        number of values than there are outputs; fewer than 20 draws.

    Source: Begus, Leban and Gero (2023); common random numbers and paired intervals are ours.
    """
    check_level(level)
    if n < FEWEST or not reach > 1:
        raise InputError(f"extreme_values: expected n >= {FEWEST} draws and reach > 1")
    rng, run = np.random.default_rng(seed), start(budget)
    units = generator.units(n, rng) if isinstance(generator, CodeGenerator) else of_model(
        generator, n, rng, output
    )  # fmt: skip
    names = _chosen(latents, ranges or {}, units)
    functions = _functions(properties)
    natural = units.outputs(None, 0.0)
    ordinary = _measured(natural, functions)
    judge = valid or _varies(natural)
    multiples = np.array(sorted({*INSIDE, *(s * (1 + (reach - 1) * k / 3)
                                            for k in (1, 2, 3) for s in (-1, 1))}))  # fmt: skip
    levels = np.stack([_levels(units, name, multiples, ranges or {}) for name in names])
    values, share = _experiment(units, names, levels, functions, judge, run)
    done = len(values)
    notes = () if done == len(names) else (
        f"the budget allowed {done} of {len(names)} latents: {', '.join(names[:done])}",
    )  # fmt: skip
    return analysed(
        names[:done], tuple(functions), multiples, levels[:done], values, share,
        lock(ordinary), level, multiplicity or Holm(), rng, notes,
        complete=done == len(names),
    )  # fmt: skip


def _experiment(
    units: Units, names: Sequence[str], levels: Floats, functions: Mapping[str, Property],
    judge: Callable[[NDArray[Any]], Any], run: Run,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Properties (latents, levels, n, p) and valid shares, of the latents within the budget."""
    values: list[Floats] = []
    share: list[Floats] = []
    while len(values) < len(names) and not (run.spent and values):
        name, found, whole = names[len(values)], [], []
        for value in levels[len(values)].tolist():
            outputs = units.outputs(name, value)
            whole.append(_judged(judge, outputs))
            found.append(np.where(whole[-1][:, None], _measured(outputs, functions), np.nan))
        values.append(np.stack(found))
        share.append(np.mean(whole, axis=1))
        run.tick(len(values) / len(names), f"extreme values of {name}")
    return lock(np.stack(values)), lock(np.stack(share))


def _chosen(
    latents: Sequence[str] | None, ranges: Mapping[str, Any], units: Units
) -> tuple[str, ...]:
    names = tuple(units.values) if latents is None else tuple(latents)
    for name in (*names, *ranges):
        if name not in units.values:
            raise unknown(name, units.values, "latent")
    if not names:
        raise InputError("the generator has no numeric latent that could be set")
    return tuple(dict.fromkeys(names))


def _functions(properties: Mapping[str, Property] | Reader) -> dict[str, Property]:
    if isinstance(properties, Mapping):
        found = dict(properties)
    else:
        reader = properties

        def one(name: str) -> Property:
            return lambda outputs: reader.read(outputs).column(name)

        found = {name: one(name) for name in reader.factors}
    if not found or not all(callable(f) for f in found.values()):
        raise InputError(
            "properties: expected functions of the outputs by name, such as "
            '{"brightness": lambda x: x.mean(axis=(1, 2, 3))}, or a fitted rung.latent.Predictor'
        )
    return found


def _measured(outputs: NDArray[Any], functions: Mapping[str, Property]) -> Floats:
    """Properties (n, p)."""
    out = np.empty((len(outputs), len(functions)))
    for k, (name, function) in enumerate(functions.items()):
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.asarray(function(outputs), dtype=np.float64)
        if found.shape != (len(outputs),):
            raise InputError(
                f"property {name!r} gave an array of shape {found.shape}; expected one number for "
                f"each of the {len(outputs)} outputs"
            )
        out[:, k] = np.where(np.isfinite(found), found, np.nan)
    return out


def _levels(
    units: Units, name: str, multiples: Floats, ranges: Mapping[str, tuple[float, float]]
) -> Floats:
    low, high = ranges.get(name, tuple(np.quantile(units.values[name], [0.025, 0.975]).tolist()))
    if not low < high or not np.isfinite([low, high]).all():
        raise InputError(
            f"latent {name!r} never varies in ordinary codes; leave it out, or give its range: "
            f'ranges={{"{name}": (low, high)}}'
        )
    return (low + high) / 2 + (high - low) / 2 * multiples


def _spread(outputs: NDArray[Any]) -> Floats:
    """Standard deviation (n,) within each output; NaN if it is not finite."""
    flat = np.asarray(outputs, dtype=np.float64).reshape(len(outputs), -1)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(np.isfinite(flat).all(axis=1), flat.std(axis=1), np.nan)


def _varies(natural: NDArray[Any]) -> Callable[[NDArray[Any]], NDArray[np.bool_]]:
    if natural[0].size < SIGNAL:
        return lambda outputs: np.isfinite(_spread(outputs))
    least = FLAT * np.nanmedian(_spread(natural))
    return lambda outputs: np.asarray(np.nan_to_num(_spread(outputs), nan=-1.0) >= least)


def _judged(judge: Callable[[NDArray[Any]], Any], outputs: NDArray[Any]) -> NDArray[np.bool_]:
    found = np.asarray(judge(outputs))
    if found.shape != (len(outputs),) or found.dtype != np.bool_:
        raise InputError("valid: expected true or false for each output")
    return found
