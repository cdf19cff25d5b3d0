"""Hedge: the structure that makes an effect unidentifiable."""

from __future__ import annotations

from dataclasses import dataclass

from rung.core.graph import Graph

from .admg import Admg
from .query import Interventional


@dataclass(frozen=True, eq=False)
class Hedge:
    """Two C-forests that block the identification of P(outcomes | do(treatments)).

    Shpitser and Pearl (2006), definition 6 and theorem 4: `forest` contains a treatment, `core`
    does not, both are districts (c-components) with the same roots, which are ancestors of the
    outcomes once the arrows into the treatments are removed.

    Parameters
    ----------
    asked : what was to be identified
    forest : the subgraph on the larger C-forest
    core : nodes of the smaller one
    roots : its nodes without children in it
    treatments : the treatments in the forest
    """

    asked: Interventional
    forest: Graph
    core: tuple[str, ...]
    roots: tuple[str, ...]
    treatments: tuple[str, ...]

    @property
    def words(self) -> str:
        """The hedge in a sentence."""
        chain = "; ".join(f"{a} {mark} {b}" for a, mark, b in self.forest.edges())
        return (
            f"hidden common causes tie {_listed(self.treatments)} to {_listed(self.core)} in one "
            f"district ({chain}), so that two models with the same observed distribution can give "
            f"{self.asked} different values"
        )

    def __repr__(self) -> str:
        return f"Hedge(forest={{{', '.join(self.forest.names)}}}, core={{{', '.join(self.core)}}})"


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def hedge_of(graph: Admg, asked: Interventional, forest: int, core: int) -> Hedge:
    """The hedge from line 5 of ID: `forest` is the whole district, `core` a district without x."""
    drawn = graph.graph(forest)
    inner = graph.graph(core)
    roots = tuple(n for n in inner.names if not inner.children(n))
    named = graph.named(forest & ~core)
    return Hedge(asked, drawn, graph.named(core), roots, named)
