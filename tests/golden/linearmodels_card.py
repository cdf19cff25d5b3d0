"""Makes linearmodels_card.json: instrumental estimates on Card's data by other libraries.

Versions: linearmodels 7.1, ivmodels 0.10.0 (its optional import of glum, which these tests do not
use, was replaced by an empty module), pandas, numpy. The rows are those of rung.datasets, written
to CSV first:

    python -c "import rung; rung.datasets.load('card').frame().to_csv('card.csv', index=False)"
    python linearmodels_card.py card.csv
"""

import json
import sys
import types
from pathlib import Path

import pandas as pd

sys.modules["glum"] = types.ModuleType("glum")
sys.modules["glum"].GeneralizedLinearRegressor = object

from ivmodels.tests import (  # noqa: E402
    inverse_anderson_rubin_test,
    inverse_conditional_likelihood_ratio_test,
)
from linearmodels.iv import IV2SLS, IVLIML  # noqa: E402

CONTROLS = ["exper", "expersq", "black", "south", "smsa", "smsa66"]
SETS = {"one": ["nearc4"], "two": ["nearc4", "nearc2"]}
WAYS = {"2sls": IV2SLS, "liml": IVLIML}


def _ends(accepted):
    """The ends of an accepted interval as it prints itself: "[low, high]"."""
    return [float(e) for e in str(accepted).strip("[]").split(",")]


def main(path: Path) -> None:
    d = pd.read_csv(path)
    regions = pd.get_dummies(d.region, prefix="region", dtype=float).iloc[:, 1:]
    x = pd.concat([d[CONTROLS].astype(float), regions], axis=1)
    out = {}
    for many, z in SETS.items():
        for way, cls in WAYS.items():
            model = cls(d.lwage, x.assign(const=1.0), d[["educ"]], d[z])
            for kind in ("unadjusted", "robust"):
                m = model.fit(cov_type=kind, debiased=True)
                out[f"{many} {way} {kind}"] = [m.params.educ, m.std_errors.educ]
            clusters = d.region.astype(int)
            m = model.fit(cov_type="clustered", clusters=clusters, debiased=False)
            out[f"{many} {way} region"] = [m.params.educ, m.std_errors.educ]
        same = {
            "Z": d[z].to_numpy(float), "X": d[["educ"]].to_numpy(float), "C": x.to_numpy(float),
            "y": d.lwage.to_numpy(), "fit_intercept": True, "alpha": 0.05,
        }  # fmt: skip
        accepted = inverse_anderson_rubin_test(**same, critical_values="f")
        out[f"{many} anderson-rubin"] = list(_ends(accepted))
        accepted = inverse_conditional_likelihood_ratio_test(**same)
        out[f"{many} conditional"] = list(_ends(accepted))
    basmann = IVLIML(d.lwage, x.assign(const=1.0), d[["educ"]], d[SETS["two"]]).fit().basmann_f
    out["two basmann"] = basmann.stat
    kept = {k: [float(e) for e in v] if isinstance(v, list) else float(v) for k, v in out.items()}
    (Path(__file__).parent / "linearmodels_card.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
