"""Run by the peers' interpreter: average effects by econml on tables written to an npz file.

Prints one JSON line: for each table and each estimator value, low, high and seconds. Nuisances are
a lasso and a penalised logistic regression, both cross-validated.
"""

import importlib
import json
import sys
import time
import warnings

import numpy as np


def main(path: str) -> None:
    """Effects of t on y given x, for each table of the file."""
    from sklearn.linear_model import LassoCV, LogisticRegressionCV

    dml = importlib.import_module("econml.dml").LinearDML
    dr = importlib.import_module("econml.dr").LinearDRLearner
    warnings.simplefilter("ignore")
    tables = np.load(path)
    out = []
    for k in range(int(tables["count"])):
        y, t, x = (tables[f"{name}{k}"] for name in ("y", "t", "x"))
        # the effect at the mean covariates of a model linear in them is the average effect
        centred = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
        arm = {"random_state": 0, "cv": 5}
        chance = LogisticRegressionCV(Cs=5, cv=3, max_iter=2000)
        makers = {
            "econml LinearDML": lambda a=arm, c=chance: dml(
                model_y=LassoCV(cv=3), model_t=c, discrete_treatment=True, **a
            ),
            "econml LinearDRLearner": lambda a=arm, c=chance: dr(
                model_regression=LassoCV(cv=3), model_propensity=c, min_propensity=0.01, **a
            ),
        }
        row = {}
        for name, make in makers.items():
            begin = time.perf_counter()
            model = make().fit(y, t, X=centred, inference="auto")
            found = model.ate_inference(X=centred)
            low, high = found.conf_int_mean(alpha=0.05)
            row[name] = [
                float(np.ravel(found.mean_point)[0]),
                float(np.ravel(low)[0]),
                float(np.ravel(high)[0]),
                time.perf_counter() - begin,
            ]
        out.append(row)
    sys.stdout.write(json.dumps(out) + "\n")


main(sys.argv[1])
