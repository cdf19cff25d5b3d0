"""Speed of training models of pictures, against a plain PyTorch loop; and resuming after a kill.

Both loops take the same network, loss, rows and optimiser, in turns in one process with one
thread. The ratio is of processor time, so that other work on the machine does not count; images a
second are by the clock. The plain loop has no schedule, no clipping, no running average.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from .registry import Row

NAME = "latent-speed"
KIND = "benchmark"
CLAIM = (
    "Training takes at most 1.3 times the processor time of a plain PyTorch loop with the same "
    "network, loss and optimiser, for every model of pictures at 28 x 28; a training killed by the "
    "system resumes to the same weights bit for bit, from a safetensors file."
)
MOST = 1.3
PICTURES, SIZE = 2000, 28
SPECS: dict[str, tuple[str, ...]] = {  # what each takes beside its defaults
    "BetaTCVAE": (), "CVAE": ("graph",), "CausalDiffAE": ("graph",), "QLAE": (), "VAE": (),
    "XFactors": ("bins",),
}  # fmt: skip
STEPS, REPEATS = 10, 5


class _Taken(Exception):
    pass


def problem(name: str, world: Any) -> Any:
    """The training of a model, at the moment when it would begin: network, loss, rows, settings."""
    from .. import latent
    from ..deep import training

    given: dict[str, Any] = {"graph": world.graph, "bins": 5}
    spec = getattr(latent, name)(**{k: given[k] for k in SPECS[name]})
    taken: list[Any] = []

    def take(loop: Any) -> None:
        taken.append(loop)
        raise _Taken

    with mock.patch.object(training._Loop, "work", take), suppress(_Taken):
        spec.fit(world.data, rng=np.random.default_rng(0))
    return taken[0]


def ours(loop: Any, steps: int) -> None:
    """Steps through rung."""
    from ..core.budget import start
    from ..deep.training import train

    free = [p for p in loop.module.parameters() if p.requires_grad]
    settings = replace(loop.settings, steps=steps)
    train(loop.module, loop.objective, loop.rows, settings, run=start(None), seed=0)
    for parameter in free:
        parameter.requires_grad_(True)


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of the processor and of the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - processor, time.perf_counter() - clock


def compared(loop: Any, steps: int = STEPS, repeats: int = REPEATS) -> dict[str, Any]:
    """Both loops in turns, the order changing: median ratio, its range, images a second."""
    from ..deep.plain import as_tensors, plain

    tensors = as_tensors(loop)
    hand, own = partial(plain, loop, steps, tensors), partial(ours, loop, steps)
    plain(loop, 3, tensors)  # the first steps also allocate
    ours(loop, 3)
    ratios, speeds = [], []
    for i in range(repeats):
        pair = {work: timed(work) for work in ((hand, own) if i % 2 else (own, hand))}
        ratios.append(pair[own][0] / pair[hand][0])
        speeds.append(steps * loop.batch / pair[own][1])
    return {
        "ratio": statistics.median(ratios), "ratio, range": [min(ratios), max(ratios)],
        "images a second": round(statistics.median(speeds)), "batch": loop.batch,
        "parameters": sum(p.numel() for p in loop.module.parameters()),
    }  # fmt: skip


def small(path: Path | None = None, every: float = 0.0) -> Mapping[str, Any]:
    """Weights of a short training of a VAE."""
    from ..deep.device import one_thread
    from ..deep.training import Training
    from ..latent.vae import VAE
    from ..simulate.worlds.pendulum import Pendulum

    one_thread()
    data = Pendulum(n=300, size=16, seed=1).data
    training = Training(steps=120, batch=32, average=0.9, checkpoint=path, every=every)
    model = VAE(size=4, training=training).fit(data, rng=np.random.default_rng(3))
    weights: Mapping[str, Any] = vars(model.codec)["weights"]
    return weights


def resumed() -> dict[str, Any]:
    """Kill a training in another process, go on here, and compare with one left alone."""
    import json

    from safetensors import safe_open

    def step(path: Path) -> int:
        with safe_open(path, framework="np") as file:
            return int(json.loads(file.metadata()["rung"])["step"])

    whole = small()
    with tempfile.TemporaryDirectory(prefix="rung-resume-") as folder:
        path = Path(folder) / "point.safetensors"
        child = subprocess.Popen(
            [sys.executable, "-m", "rung.bench.latent_speed", str(path)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        while child.poll() is None and not (path.exists() and step(path) >= 10):
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        killed = child.wait() == -signal.SIGKILL
        at = step(path)
        again = small(path, every=60.0)
    same = all(np.array_equal(whole[k], again[k]) for k in whole)
    return {"killed": killed, "killed at step": at, "of": 120, "same weights": same}


def run(seeds: int = 1) -> Row:
    """A few minutes."""
    from .. import latent
    from ..deep.device import threads
    from ..deep.plain import convolutions
    from ..simulate.worlds.pendulum import Pendulum

    figures: dict[str, Any] = {}
    with threads(1):
        world = Pendulum(n=PICTURES, size=SIZE, seed=0)
        for name in sorted(set(SPECS) & set(latent.__all__)):
            loop = problem(name, world)
            found = compared(loop)
            figures[name] = {**found, "share in convolutions": convolutions(loop)}
        back = resumed()
    holds = all(f["ratio"] <= MOST for f in figures.values())
    holds &= back["killed"] and back["same weights"]
    return Row(NAME, CLAIM, {**figures, "resume": back}, holds, seeds)


if __name__ == "__main__":
    small(Path(sys.argv[1]))
