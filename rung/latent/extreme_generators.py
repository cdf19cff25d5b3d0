"""What can be asked for extreme values: a model of core, or a plain function of codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, unknown
from ..core.intervention import Do
from ..core.model import GenerativeModel
from ..core.result import lock
from .model import ImageModel

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Units:
    """Codes that were drawn once.

    Parameters
    ----------
    values : mapping of str to (n,)
        The latents as drawn.
    outputs : function of a latent's name and a value
        The outputs (n, ...) with that latent set in all codes; with None, those of the codes.
    """

    values: Mapping[str, Floats]
    outputs: Callable[[str | None, float], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class CodeGenerator:
    """A plain function as a generator.

    Parameters
    ----------
    decode : function
        Codes (n, k) to outputs (n, ...); the same outputs for the same codes.
    sample : function
        (n, rng) to ordinary codes (n, k).
    names : tuple of str, optional
        Of the first numbers of a code, those that can be set; z1, z2 ... for all by default. The
        others are noise.
    """

    decode: Callable[[Floats], Any]
    sample: Callable[[int, np.random.Generator], Any]
    names: tuple[str, ...] = ()

    def units(self, n: int, rng: np.random.Generator) -> Units:
        """n codes, drawn once.

        Raises
        ------
        InputError
            The codes have another shape, or are not finite; there are more names than numbers.
        """
        codes = np.asarray(self.sample(n, rng), dtype=np.float64)
        if codes.ndim != 2 or len(codes) != n or not np.isfinite(codes).all():
            raise InputError(
                f"sample gave codes of shape {codes.shape}; expected finite numbers ({n}, k)"
            )
        names = self.names or tuple(f"z{i + 1}" for i in range(codes.shape[1]))
        if len(names) > codes.shape[1] or len(set(names)) < len(names):
            raise InputError(f"{len(names)} different names for {codes.shape[1]} numbers of a code")

        def outputs(name: str | None, value: float) -> NDArray[Any]:
            changed = codes.copy()
            if name is not None:
                changed[:, names.index(name)] = value
            found = np.asarray(self.decode(changed))
            if not found.ndim or len(found) != n:
                raise InputError(
                    f"decode gave shape {found.shape} for {n} codes; expected (n, ...)"
                )
            return found

        return Units({k: codes[:, i] for i, k in enumerate(names)}, outputs)


def of_model(model: GenerativeModel, n: int, rng: np.random.Generator, output: str | None) -> Units:
    """n units of a model, whose exogenous part is drawn once.

    Raises
    ------
    InputError, UnknownName
        It is no generative model; or it is not clear which column is its output.
    """
    if not isinstance(model, GenerativeModel):
        raise InputError(
            f"a {type(model).__name__} is no generator; expected a fitted model, or "
            "rung.latent.CodeGenerator(decode, sample) around a function"
        )
    arrays = [v.name for v in model.variables if v.shape]
    if output is None and len(arrays) != 1:
        raise InputError(f'say which column is measured, output="..."; there are {model.names}')
    output = arrays[0] if output is None else output
    if output not in model.names:
        raise unknown(output, model.names)
    exogenous = model.draw(n, rng=rng)
    drawn = model.run(exogenous)
    numeric = [v.name for v in model.variables if not v.shape and not v.discrete]
    values = {name: np.asarray(drawn.column(name), dtype=np.float64) for name in numeric
              if name != output}  # fmt: skip

    def outputs(name: str | None, value: float) -> NDArray[Any]:
        found = drawn if name is None else model.do(Do(name, value)).run(exogenous)
        return np.asarray(found.column(output))

    return Units(values, outputs)


def scrambled(model: ImageModel, *, seed: int | np.random.Generator = 0) -> ImageModel:
    """A control that knows nothing: the numbers in each array of the weights are shuffled.

    Raises
    ------
    InputError
        Its codec keeps no weights.
    """
    weights = getattr(getattr(model, "codec", None), "weights", None)
    if not weights:
        raise InputError(f"a {type(model).__name__} keeps no weights that could be shuffled")
    rng = np.random.default_rng(seed)
    mixed = {k: lock(rng.permutation(a.ravel()).reshape(a.shape)) for k, a in weights.items()}
    codec: Any = model.codec
    return replace(model, codec=replace(codec, weights=mixed))
