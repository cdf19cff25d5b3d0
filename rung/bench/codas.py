"""Toy codas: trains of clicks of 512 samples, made from codes by a map that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..latent.extreme_generators import CodeGenerator

Floats = NDArray[np.float64]
SAMPLES, MOST, ROOM = 512, 20, 440  # samples of a coda; clicks at most; samples from first to last
WIDTH = 3.0  # samples, standard deviation of a click's envelope
UNITS = ("z1", "z2", "z3", "z4", "z5")
PLANTED = ("clicks", "irregularity", "frequency")  # what the map may give a unit
CODE = len(UNITS) + 4 + MOST  # units, four hidden numbers, one for each interval


@dataclass(frozen=True, eq=False)
class Codas:
    """The planted map of one seed.

    Units z1 to z3 drive one factor each, in an order that the seed draws, and leak into the other
    two by up to `leak`. z4 and z5 multiply hidden numbers that are symmetric around 0: every coda
    changes with them, and no distribution differs between z = t and z = -t. Loudness is the fourth
    hidden number's alone.
    """

    seed: int
    leak: float = 0.3

    @property
    def mixing(self) -> Floats:
        """Factors (3) by units z1 to z3."""
        rng = np.random.default_rng([self.seed, 1])
        out = rng.uniform(-self.leak, self.leak, (3, 3))
        out[self.order, np.arange(3)] = rng.choice([-1.0, 1.0], 3)
        return out

    @property
    def order(self) -> NDArray[np.intp]:
        """The factor of each of the units z1 to z3."""
        return np.random.default_rng([self.seed, 0]).permutation(3)

    def truth(self) -> dict[str, str]:
        """Unit -> property, for the units that have one."""
        return {UNITS[j]: PLANTED[k] for j, k in enumerate(self.order.tolist())}

    def factors(self, codes: Floats) -> tuple[Floats, Floats, Floats]:
        """Clicks (whole numbers), relative spread of intervals, cycles a sample: (n,) each."""
        a = codes[:, :3] @ self.mixing.T
        z4, z5, hidden = codes[:, 3], codes[:, 4], codes[:, 5:8]
        clicks = 7 + 0.6 * a[:, 0] + 0.4 * z4 * hidden[:, 0]
        spread = 0.2 + 0.03 * a[:, 1] + 0.02 * z5 * hidden[:, 1]
        cycles = 0.15 + 0.02 * a[:, 2] + 0.01 * z4 * hidden[:, 2]
        return (
            np.clip(np.rint(clicks), 3, MOST),
            np.clip(spread, 0.02, 0.45),
            np.clip(cycles, 0.04, 0.42),
        )

    def decode(self, codes: Floats) -> Floats:
        """Codas (n, SAMPLES) of codes (n, CODE)."""
        clicks, spread, cycles = self.factors(codes)
        uneven = np.tanh(codes[:, 9:])  # between -1 and 1, so that no interval is negative
        steps = 1 + 2 * spread[:, None] * uneven
        steps[np.arange(MOST) >= clicks[:, None] - 1] = 0.0
        ends = np.cumsum(steps / steps.sum(axis=1, keepdims=True), axis=1)
        at = 30 + ROOM * np.concatenate([np.zeros((len(codes), 1)), ends[:, :-1]], axis=1)
        there = np.arange(MOST) < clicks[:, None]
        time = np.arange(SAMPLES)[None, None] - at[:, :, None]
        waves = np.exp(-0.5 * (time / WIDTH) ** 2) * np.cos(
            2 * np.pi * cycles[:, None, None] * time
        )
        loud = np.exp(0.2 * codes[:, 8])
        return np.asarray(loud[:, None] * (waves * there[:, :, None]).sum(axis=1))

    @property
    def generator(self) -> CodeGenerator:
        """Standard normal codes, of which the first five numbers can be set."""
        return CodeGenerator(
            self.decode, lambda n, rng: rng.standard_normal((n, CODE)), UNITS
        )  # fmt: skip


def envelopes(codas: Floats) -> Floats:
    """Size (n, SAMPLES) of the analytic signal, by the Fourier transform."""
    spectrum = np.fft.fft(codas, axis=1)
    spectrum[:, 1 : SAMPLES // 2] *= 2
    spectrum[:, SAMPLES // 2 + 1 :] = 0
    return np.abs(np.fft.ifft(spectrum, axis=1))


def onsets(codas: Floats) -> NDArray[np.bool_]:
    """Where the envelope rises through half of its largest value (n, SAMPLES)."""
    size = envelopes(codas)
    loud = size > 0.5 * size.max(axis=1, keepdims=True)
    loud[:, 1:] &= ~loud[:, :-1].copy()
    return loud


def clicks(codas: Floats) -> Floats:
    """Number of clicks heard (n,)."""
    return onsets(codas).sum(axis=1).astype(np.float64)


def irregularity(codas: Floats) -> Floats:
    """Standard deviation of the intervals between clicks over their mean (n,); NaN below 3."""
    out = np.full(len(codas), np.nan)
    for i, row in enumerate(onsets(codas)):
        gaps = np.diff(np.flatnonzero(row))
        if len(gaps) >= 2:
            out[i] = gaps.std() / gaps.mean()
    return out


def frequency(codas: Floats) -> Floats:
    """Mean of the power spectrum (n,), cycles a sample."""
    power = np.abs(np.fft.rfft(codas, axis=1)) ** 2
    return np.asarray(power @ np.fft.rfftfreq(SAMPLES) / power.sum(axis=1))


def loudness(codas: Floats) -> Floats:
    """Largest sample (n,)."""
    return np.asarray(np.abs(codas).max(axis=1))


PROPERTIES: Mapping[str, Callable[[Any], Floats]] = {
    "clicks": clicks, "irregularity": irregularity, "frequency": frequency, "loudness": loudness,
}  # fmt: skip
