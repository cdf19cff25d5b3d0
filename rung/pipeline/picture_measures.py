"""How sound the what-ifs of a model of pictures are: figures with intervals for the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.budget import Run
from ..core.data import Data
from ..core.model import GenerativeModel
from .picture_plan import PicturePlan


def judged(
    model: GenerativeModel, data: Data, train: NDArray[np.intp], held: NDArray[np.intp], *,
    labels: bool, plan: PicturePlan, judge: Callable[[], Run], measure: Callable[[], Run],
    done: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    """The sections soundness, laws, disentanglement, quality and identifiability, and citations."""
    return {
        "soundness": [],
        "laws": [],
        "disentanglement": [],
        "quality": [],
        "identifiability": None,
        "cites": [],
    }
