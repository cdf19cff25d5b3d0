"""The extended search of XGES: trials of deletions, made by two copies of a search at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..core.budget import Run
from .threads import threads

if TYPE_CHECKING:
    from .equivalence import ClassSearch

SPAN = 16  # trials of each copy before the two are compared


def extend(search: ClassSearch, kinds: int, run: Run) -> bool:
    """Take each edge away in turn, go on without it, keep what ends higher, until none does.

    Few trials are kept. So two copies of a compiled search make the next ones from the same class,
    as many as `SPAN` each; those after one that is kept are made again from there. Both copies are
    there on any machine, so the number of threads changes nothing but the time. False if the run
    was spent before the search was through.
    """
    team = [search, search.copy()] if search.compiled else [search]
    with ThreadPoolExecutor(min(len(team), threads())) as pool:
        while True:
            plan, worth = search.deletions()
            for one in team[1:]:
                one.become(search)
            at, kept = 0, False
            while at < len(worth):
                at, winner, fine = _round(team, kinds, plan, worth, at, run, pool)
                kept |= winner
                if not fine:
                    return False
                run.tick(0.5, f"trial {at} of {len(worth)}")
            if not kept:
                return True


def _round(
    team: list[ClassSearch],
    kinds: int,
    plan: Any,
    worth: Any,
    at: int,
    run: Run,
    pool: ThreadPoolExecutor,
) -> tuple[int, bool, bool]:
    """Where the next round begins, whether a trial was kept, and whether the run is not spent."""
    k = team[0].kernels
    counted = [k.TRIED, k.APPLIED, k.CUT]
    before, kept = team[0].z[counted], int(team[0].z[k.ACCEPTED])
    total = before.copy()
    span = SPAN if len(team) > 1 else len(worth)
    ends = [min(at + (i + 1) * span, len(worth)) for i in range(len(team))]
    begins = [at, *ends[:-1]]

    def work(i: int) -> bool:
        return team[i].trials(kinds, plan, worth, begins[i], ends[i], run)

    fine, best, at = all(pool.map(work, range(len(team)))), None, ends[-1]
    for one in team:
        total += one.z[counted] - before
        if one.z[k.ACCEPTED] > kept:
            best, at = one, int(one.z[k.AT])
            break
    for one in team:
        if best is not None and one is not best:
            one.become(best)
        one.z[counted] = total
    return at, best is not None, fine
