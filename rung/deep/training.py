"""The one training loop: batches, schedule, running average, checkpoints, budget."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.budget import Run
from ..core.errors import InputError
from ..core.result import digest
from . import checkpoint as points
from .device import device_of
from .interrupt import Interrupt
from .weights import Weights, load_weights, weights_of

TRIAL = 12  # steps after which the budget is turned into a number of steps; again at 48, 192 ...
HASHED = 4096  # rows that are read together to tell one set of rows from another
RECORDS = 100  # points of the recorded losses


class Objective(Protocol):
    """What is minimised."""

    def __call__(
        self, batch: Mapping[str, Tensor], share: float, chance: torch.Generator
    ) -> Mapping[str, Tensor]:
        """Parts of the loss of a batch; "loss" is what is minimised, the others are recorded.

        `share` in 0..1 is how much of the training is done; all randomness comes from `chance`.
        """


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Parameters
    ----------
    steps : int
        Steps of AdamW. A budget too short for them shortens the schedule, and the result says so.
    batch : int
        Rows of a step, at most.
    rate : float
        Largest size of a step: it rises over the first `warmup` steps and falls along a cosine to
        a hundredth at the end.
    decay : float
        Decoupled weight decay of matrices and kernels; vectors (biases, scales) are not decayed.
    clip : float
        Largest norm of a gradient.
    average : float
        Decay of the running average of the weights that is kept in the end; 0 keeps the last.
    warmup : int
    checkpoint : path, optional
        A safetensors file, written at once, every `every` seconds, on Ctrl-C and in the end. A
        training that finds its own checkpoint goes on from there, to the same result; one that a
        budget had cut short goes on to the steps that were asked for.
    every : float
        Seconds.
    device : str, optional
        Of torch; a CUDA device if there is one, else the CPU.

    Source: Loshchilov and Hutter (2019) for AdamW.
    """

    steps: int = 3000
    batch: int = 128
    rate: float = 1e-3
    decay: float = 0.0
    clip: float = 1.0
    average: float = 0.0
    warmup: int = 50
    checkpoint: str | Path | None = None
    every: float = 60.0
    device: str | None = None

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.warmup < 0:
            raise InputError("Training: steps and batch must be at least 1, warmup at least 0")
        if not (self.rate > 0 and self.decay >= 0 and self.clip > 0 and 0 <= self.average < 1):
            raise InputError("Training: expected rate, clip > 0, decay >= 0 and 0 <= average < 1")
        if not self.every >= 0:
            raise InputError("Training: expected every >= 0, seconds between checkpoints")

    @property
    def settings(self) -> tuple[Any, ...]:
        """What the result depends on."""
        return (self.steps, self.batch, self.rate, self.decay, self.clip, self.average, self.warmup)


@dataclass(frozen=True, eq=False)
class Trained:
    """What came out of a training.

    Parameters
    ----------
    weights : mapping of str to array
    steps, planned, asked : int
        Steps done; that the budget allowed; that were asked for.
    history : tuple of (step, {part of the loss: mean since the last})
    seconds : float
        Of this process.
    rows_per_second : float
        0 if no step was left to do.
    """

    weights: Weights = field(repr=False)
    steps: int
    planned: int
    asked: int
    history: tuple[tuple[int, Mapping[str, float]], ...] = field(repr=False)
    seconds: float
    rows_per_second: float

    @property
    def complete(self) -> bool:
        """True if all steps that were asked for were done."""
        return self.steps >= self.asked

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of a training that was cut short."""
        if self.complete:
            return ()
        return (f"training: the budget allowed {self.steps:,} of {self.asked:,} steps",)


def train(
    module: nn.Module,
    objective: Objective,
    rows: Mapping[str, NDArray[Any]],
    settings: Training,
    *,
    run: Run,
    seed: int,
    identity: str = "",
) -> Trained:
    """Minimise the objective over batches of the rows; the module ends with the final weights.

    Parameters
    ----------
    rows : mapping of str to (n, ...) arrays
        Memory-mapped arrays are read batch by batch. An epoch shows every row once, but for the
        rest that fills no batch.
    seed : int
        Decides the batches and the chance of each step, by itself: a training that is taken up
        again from a checkpoint sees what it would have seen.
    identity : str
        What the module and the objective are, for the checkpoint.

    Raises
    ------
    InputError
        No rows, or arrays of several lengths; the loss or the weights are no longer finite
        numbers; the checkpoint is of another training; there is no such device.
    FileProblem
        The checkpoint is damaged or cannot be written.
    """
    loop = _Loop(module, objective, rows, settings, run, seed, identity)
    return loop.work()


class _Loop:
    def __init__(
        self, module: nn.Module, objective: Objective, rows: Mapping[str, NDArray[Any]],
        settings: Training, run: Run, seed: int, identity: str,
    ) -> None:  # fmt: skip
        self.device = device_of(settings.device)
        self.module, self.objective = module.to(self.device), objective
        self.rows, self.settings, self.run, self.seed = rows, settings, run, seed
        lengths = {name: len(a) for name, a in rows.items()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"arrays of one length are needed to train on, not {lengths}")
        self.n = max(lengths.values(), default=0)
        if self.n < 1:
            raise InputError("there are no rows to train on")
        self.batch = min(settings.batch, self.n)
        self.trained = [p for p in module.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in self.trained if p.ndim > 1]},
            {"params": [p for p in self.trained if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(
            [g for g in groups if g["params"]], lr=settings.rate, weight_decay=settings.decay,
            fused=True,
        )  # fmt: skip
        state = module.state_dict() if settings.average else {}  # shares memory with the module
        self.mean = {k: v.clone() for k, v in state.items()}
        real = [k for k, v in state.items() if v.is_floating_point()]
        self.averaged = [self.mean[k] for k in real], [state[k] for k in real]
        self.copied = [(self.mean[k], state[k]) for k in state.keys() - set(real)]
        self.path = Path(settings.checkpoint).expanduser() if settings.checkpoint else None
        self.identity = "" if self.path is None else self._identity(identity)
        self.step, self.planned = 0, settings.steps
        self.history: list[tuple[int, Mapping[str, float]]] = []
        self.sums: dict[str, Tensor] = {}
        self.since = 0
        self.order: tuple[int, NDArray[np.intp]] = (-1, np.empty(0, dtype=np.intp))

    def _identity(self, given: str) -> str:
        parts: list[object] = []
        for name, array in sorted(self.rows.items()):
            parts += [name, np.shape(array)]
            parts += [np.asarray(array[i : i + HASHED]) for i in range(0, self.n, HASHED)]
        layout = [(k, tuple(v.shape)) for k, v in self.module.state_dict().items()]
        return digest(given, *parts, layout, self.settings.settings, self.seed)

    def work(self) -> Trained:
        self._resume()
        start, begin = self.step, time.monotonic()
        self.module.train()
        with Interrupt(wait=self.path is not None) as interrupt:
            self._steps(interrupt)
        seconds, done = time.monotonic() - begin, self.step - start
        self._record()
        if self.settings.average:
            self.module.load_state_dict(self.mean)
        weights = weights_of(self.module)
        if not all(np.isfinite(a).all() for a in weights.values()):
            raise _diverged("a weight", self.step)
        if self.path is not None and done:
            self._save()
        load_weights(self.module, weights)
        speed = done * self.batch / seconds if done and seconds > 0 else 0.0
        return Trained(
            weights, self.step, self.planned, self.settings.steps, tuple(self.history), seconds,
            speed,
        )  # fmt: skip

    def _steps(self, interrupt: Interrupt) -> None:
        """Steps until the plan is done, the budget is spent, or Ctrl-C asks to end."""
        start, trial = self.step, TRIAL
        first = saved = time.monotonic()
        while self.step < self.planned and not (self.run.spent and self.step > start):
            self._advance()
            done, now = self.step - start, time.monotonic()
            if done == 2:
                first = now  # the first steps also allocate
            if done == trial and self.run.left < float("inf"):
                self._fit_into((now - first) / (done - 2))
                trial *= 4
            if self.path is not None and (now - saved > self.settings.every or interrupt.asked):
                self._save()
                saved = now
            if interrupt.asked:
                raise KeyboardInterrupt

    def _resume(self) -> None:
        if self.path is None:
            return
        found = points.read(self.path, self.identity)
        if found is None:
            self._save()  # a place that cannot be written is named now, not after an hour
            return
        points.restore(found.tensors, self.module, self.optimiser, self.mean, self.sums)
        self.sums = {k: v.to(self.device) for k, v in self.sums.items()}
        self.step, self.planned, self.since = found.step, found.planned, found.since
        self.history = list(found.history)
        if self.step >= self.planned:
            self.planned = self.settings.steps

    def _fit_into(self, per_step: float) -> None:
        """Shorten the schedule to what the budget allows."""
        possible = self.step + int(0.97 * self.run.left / max(per_step, 1e-9))
        self.planned = min(max(possible, self.step + 1), self.settings.steps)

    def _advance(self) -> None:
        share = self.step / self.planned
        settings = self.settings
        rate = settings.rate * min(1.0, (self.step + 1) / max(settings.warmup, 1))
        rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        chance = torch.Generator(self.device).manual_seed(_mixed(self.seed, self.step))
        parts = self.objective(self._take(), share, chance)
        self.optimiser.zero_grad(set_to_none=True)
        parts["loss"].backward()
        nn.utils.clip_grad_norm_(self.trained, settings.clip)
        self.optimiser.step()
        if settings.average:
            self._average()
        self.step += 1
        for name, value in parts.items():
            value = value.detach()
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.since += 1
        if self.since >= max(1, self.planned // RECORDS):
            self._record()

    @torch.no_grad()
    def _average(self) -> None:
        """A running average that forgets its start."""
        keep = min(self.settings.average, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(*self.averaged, 1 - keep)
        for mean, value in self.copied:
            mean.copy_(value)

    def _take(self) -> dict[str, Tensor]:
        """The batch of this step: every row once an epoch, in an order set by seed and epoch."""
        per_epoch = self.n // self.batch
        epoch, place = divmod(self.step, per_epoch)
        if self.order[0] != epoch:
            self.order = epoch, np.random.default_rng([self.seed, epoch]).permutation(self.n)
        chosen = np.sort(self.order[1][place * self.batch : (place + 1) * self.batch])
        return {
            k: torch.from_numpy(np.ascontiguousarray(a[chosen])).to(self.device)
            for k, a in self.rows.items()
        }

    def _record(self) -> None:
        if not self.since:
            return
        means = {k: float(v) / self.since for k, v in self.sums.items()}
        if not math.isfinite(means["loss"]):
            raise _diverged("the loss", self.step)
        self.history.append((self.step, means))
        self.sums, self.since = {}, 0
        self.run.tick(self.step / self.planned, f"training, loss {means['loss']:.4g}")

    def _save(self) -> None:
        assert self.path is not None
        if self.since and not math.isfinite(float(self.sums["loss"])):
            raise _diverged("the loss", self.step)  # the last good checkpoint stays
        tensors = points.state_of(self.module, self.optimiser, self.mean, self.sums)
        point = points.Checkpoint(
            self.step, self.planned, self.since, tuple(self.history), tensors
        )  # fmt: skip
        points.write(self.path, self.identity, point)


def _diverged(what: str, step: int) -> InputError:
    return InputError(
        f"{what} is no finite number after {step:,} steps; lower `rate` in Training(...), or look "
        "for extreme values in the data"
    )


def _mixed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> 1)
