"""What looks wrong in a table but is not acted on: the user confirms or declares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.data import Data
from .notes import parse_suspicions, suspicion

NINES = tuple(float(v) for k in range(2, 7) for v in (10**k - 1, -(10**k - 1)))
CODES = (*NINES, -9.0, -1.0, -88.0, 888.0, -888.0, 8888.0, -8888.0, -98.0, 998.0)


def sentinels(name: str, values: NDArray[np.float64]) -> list[str]:
    """Suspicions about numbers such as -99 that may stand for a missing cell.

    A number is suspected if it is one of the customary codes, an extreme of the column, and
    either of a sign that no other value has, or further from the next value than all the others
    are apart, or repeated while the next value is well away.
    """
    found: list[str] = []
    x = values[~np.isnan(values)]
    while len(x) and len(found) < 4:
        extremes = [float(x.min()), float(x.max())]
        code = next((v for v in extremes if v in CODES and _strange(v, x)), None)
        if code is None:
            break
        count = int((x == code).sum())
        shown = int(code)
        found.append(
            suspicion(
                "missing code",
                name,
                shown,
                count,
                f'declare it with missing_codes={{"{name}": [{shown}]}} '
                f"(--code {name}={shown}), or confirm that it is a value",
            )
        )
        x = x[x != code]
    return found


def _strange(code: float, x: NDArray[np.float64]) -> bool:
    rest = x[x != code]
    if len(rest) < 3:
        return False
    low, high = float(rest.min()), float(rest.max())
    if code < 0 <= low:
        return True
    gap = low - code if code < low else code - high
    if high == low or gap > high - low:
        return high != low
    count = int((x == code).sum())
    return count >= 3 and gap > 0.1 * (high - low) and count > 3 * len(x) / len(np.unique(x))


def suspicions(data: Data) -> list[dict[str, Any]]:
    """{column, what, value, count, suggestion} of what reading the data suspected.

    Nothing of it was applied; a plan asks the user to confirm each.
    """
    found = parse_suspicions(data.origin.decisions)
    told = {(item["column"], str(item["value"])) for item in found}
    for v in data.variables:
        if v.shape:
            continue
        if not v.discrete:
            found += [
                item
                for item in parse_suspicions(sentinels(v.name, np.asarray(data.column(v.name))))
                if (v.name, str(item["value"])) not in told
            ]
    return [item for item in found if item["column"] in data.names]
