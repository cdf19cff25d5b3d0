"""rung's side of the worker: learners by the text that the command line takes, and one test."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...core.discovery import Discovery
from ...core.errors import InputError
from ...core.protocols import Learner
from .cases import as_data


def learner_of(text: str) -> Learner:
    """`pc:alpha=0.01`, or `module:Name` of a learner from anywhere."""
    from ...pipeline.options import learners, make_learner

    if text.partition(":")[0] in learners():
        made = make_learner(text)
        if made is not None:
            return made
    module, colon, name = text.partition(":")
    if not colon:
        raise InputError(f"{text!r}: write a learner's command-line name, or module:Name")
    try:
        item = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"cannot load {text!r}: {error}") from None
    return item() if isinstance(item, type) else item


class Own:
    """Runs rung's plugs for `worker.py`."""

    def ready(
        self, name: str, arrays: Mapping[str, Any], options: dict[str, Any]
    ) -> Callable[[], Any]:
        """A call without arguments on Data in memory."""
        data = as_data(arrays["x"], arrays["sizes"])
        if name == "test":
            import rung

            test = getattr(rung, options.pop("test"))(**options)
            given = np.arange(2, data.d)[None, :]
            one = np.array([1])
            return lambda: float(
                test.on(data, rng=np.random.default_rng(0)).pvalues(one - 1, one, given)[0]
            )
        learner = learner_of(options["learner"])
        return lambda: learner.learn(data, rng=np.random.default_rng(0))

    def result(self, found: Any) -> tuple[Any, dict[str, Any]]:
        """Marks in the order of the columns; a p-value as "value"."""
        if isinstance(found, float):
            return None, {"value": found}
        assert isinstance(found, Discovery)
        names = [f"X{j + 1}" for j in range(found.graph.d)]
        return found.graph.reorder(names).marks, {"complete": found.complete}
