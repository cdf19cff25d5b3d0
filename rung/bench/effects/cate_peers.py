"""Run by the peers' interpreter: econml's learners of heterogeneous effects on rows from a file.

Arguments: an npz with x, t, y, new, truth; then the names of learners. The last line printed is
JSON: seconds of the processor (fit and effects, for the forest with intervals), root PEHE on the
new rows, and the share of intervals that cover.
"""

# mypy: ignore-errors

import json
import sys
import time
from typing import Any

import numpy as np


def models() -> tuple[Any, ...]:
    """The same estimators that rung is given."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    rough = {
        "max_iter": 100, "learning_rate": 0.1, "max_leaf_nodes": 15, "min_samples_leaf": 20,
        "l2_regularization": 1.0, "early_stopping": False, "random_state": 0,
    }  # fmt: skip
    smooth = {
        "max_iter": 100, "learning_rate": 0.05, "max_leaf_nodes": 6, "min_samples_leaf": 100,
        "early_stopping": False, "random_state": 0,
    }  # fmt: skip
    return (
        lambda: HistGradientBoostingRegressor(**rough),
        lambda: HistGradientBoostingClassifier(**smooth),
        lambda: HistGradientBoostingRegressor(**smooth),
    )


def made(name: str) -> Any:
    """The learner of a name."""
    from econml.dml import CausalForestDML, NonParamDML
    from econml.dr import DRLearner
    from econml.metalearners import SLearner, TLearner, XLearner

    mean, chance, final = models()
    common = {"discrete_treatment": True, "cv": 5, "random_state": 0}
    return {
        "S": lambda: SLearner(overall_model=mean()),
        "T": lambda: TLearner(models=mean()),
        "X": lambda: XLearner(models=mean(), cate_models=final(), propensity_model=chance()),
        "R": lambda: NonParamDML(
            model_y=mean(), model_t=chance(), model_final=final(), **common
        ),
        "DR": lambda: DRLearner(
            model_propensity=chance(), model_regression=mean(), model_final=final(), cv=5,
            random_state=0,
        ),
        "forest": lambda: CausalForestDML(
            model_y=mean(), model_t=chance(), n_estimators=500, n_jobs=1, **common
        ),
    }[name]()  # fmt: skip


def main() -> None:
    """Fit each learner named."""
    import warnings

    warnings.simplefilter("ignore")
    file = np.load(sys.argv[1])
    x, t, y, new, truth = (file[k] for k in ("x", "t", "y", "new", "truth"))
    out = {}
    for name in sys.argv[2:]:
        learner = made(name)
        start = time.process_time()
        learner.fit(y, t.astype(int), X=x)
        effect = np.ravel(learner.effect(new))
        cover = None
        if name == "forest":
            low, high = learner.effect_interval(new, alpha=0.05)
            cover = float(np.mean((np.ravel(low) <= truth) & (truth <= np.ravel(high))))
            width = float(np.mean(np.ravel(high) - np.ravel(low)))
        seconds = time.process_time() - start
        out[name] = {"seconds": seconds, "pehe": float(np.sqrt(np.mean((effect - truth) ** 2)))}
        if cover is not None:
            out[name] |= {"coverage": cover, "width": width}
    sys.stdout.write(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
