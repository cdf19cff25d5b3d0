"""Clique-picking: counting and drawing the acyclic moral orientations of a chordal graph.

Wienoebst, Bannach and Liskiewicz (2023), Polynomial-time algorithms for counting and sampling
Markov equivalent DAGs with applications, JMLR 24(213).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from math import factorial

import numpy as np

from rung.core.graph_checks import components
from rung.graphs.ancestry import Bool
from rung.graphs.orientation import meek


@cache
def admissible(k: int, sizes: tuple[int, ...]) -> int:
    """Permutations of k things without a prefix among nested sets of these sizes (prop. 9)."""
    bad = (factorial(k - s) * admissible(s, sizes[:i]) for i, s in enumerate(sizes))
    return factorial(k) - sum(bad)


def clique_tree(joined: Bool) -> tuple[list[list[int]], list[int]]:
    """Maximal cliques of a connected chordal graph, and the parent of each in a clique tree.

    Maximum cardinality search (Blair and Peyton 1993, algorithm 4.1): parents come first.
    """
    d = len(joined)
    weight = np.zeros(d, dtype=np.intp)
    before = np.zeros(d, dtype=bool)
    home = np.full(d, -1)
    place = np.zeros(d, dtype=np.intp)
    cliques: list[list[int]] = []
    parent: list[int] = []
    last = -1
    for step in range(d):
        node = int(np.argmax(np.where(before, -1, weight)))
        earlier = np.nonzero(joined[node] & before)[0]
        if len(earlier) <= last or not cliques:
            cliques.append(earlier.tolist())
            latest = earlier[np.argmax(place[earlier])] if len(earlier) else -1
            parent.append(int(home[latest]) if len(earlier) else -1)
        cliques[-1].append(node)
        home[node] = len(cliques) - 1
        last = len(earlier)
        before[node] = True
        place[node] = step
        weight[joined[node]] += 1
    return cliques, parent


@dataclass(frozen=True, eq=False)
class Choice:
    """One clique K to start from: its ways, the sets no prefix may be, what remains."""

    clique: tuple[int, ...]
    forbidden: tuple[frozenset[int], ...]
    ways: int
    arrows: tuple[tuple[int, int], ...]
    rest: tuple[tuple[int, ...], ...]


@dataclass(eq=False)
class Picker:
    """Acyclic orientations without v-structures of a chordal graph, (d, d) bool symmetric."""

    joined: Bool
    _known: dict[tuple[int, ...], list[Choice]] = field(default_factory=dict)

    def _pieces(self) -> list[tuple[int, ...]]:
        label = components(self.joined)
        groups = [np.nonzero(label == k)[0] for k in range(int(label.max(initial=-1)) + 1)]
        return [tuple(group.tolist()) for group in groups]

    def count(self) -> int:
        """Number of orientations."""
        out = 1
        for piece in self._pieces():
            out *= self._count(piece)
        return out

    def _count(self, piece: tuple[int, ...]) -> int:
        return sum(choice.ways for choice in self._choices(piece)) if len(piece) > 1 else 1

    def _choices(self, piece: tuple[int, ...]) -> list[Choice]:
        if piece not in self._known:
            joined = self.joined[np.ix_(piece, piece)]
            cliques, parent = clique_tree(joined)
            self._known[piece] = [
                self._choice(piece, joined, k, cliques, parent) for k in range(len(cliques))
            ]
        return self._known[piece]

    def _choice(
        self,
        piece: tuple[int, ...],
        joined: Bool,
        k: int,
        cliques: list[list[int]],
        parent: list[int],
    ) -> Choice:
        clique = set(cliques[k])
        banned = set()
        node = k
        while parent[node] >= 0:
            shared = frozenset(cliques[node]) & frozenset(cliques[parent[node]])
            if shared <= clique:
                banned.add(shared)
            node = parent[node]
        nested = sorted(banned, key=len)
        arrows, rest = self._after(joined, cliques[k])
        ways = admissible(len(clique), tuple(len(s) for s in nested))
        left = tuple(tuple(piece[i] for i in group) for group in rest)
        for group in left:
            ways *= self._count(group)
        return Choice(
            tuple(piece[i] for i in cliques[k]),
            tuple(frozenset(piece[i] for i in s) for s in nested),
            ways,
            tuple((piece[i], piece[j]) for i, j in arrows),
            left,
        )

    @staticmethod
    def _after(joined: Bool, clique: list[int]) -> tuple[list[tuple[int, int]], list[list[int]]]:
        """Arrows common to all orientations that begin with `clique`, and what they leave open."""
        inside = np.zeros(len(joined), dtype=bool)
        inside[clique] = True
        directed = joined & inside[:, None] & ~inside
        loose = joined & ~directed & ~directed.T
        meek(directed, loose)
        loose &= ~inside & ~inside[:, None]
        label = components(loose)
        groups = [np.nonzero(label == c)[0].tolist() for c in range(int(label.max()) + 1)]
        arrows = [(i, j) for i, j in np.argwhere(directed).tolist()]
        return arrows, [group for group in groups if len(group) > 1]

    def sample(self, rng: np.random.Generator) -> Bool:
        """One orientation, uniformly: (d, d) bool, [i, j] for i -> j."""
        out = np.zeros_like(self.joined)
        stack = [piece for piece in self._pieces() if len(piece) > 1]
        while stack:
            choices = self._choices(stack.pop())
            ticket = randbelow(rng, sum(choice.ways for choice in choices))
            for choice in choices:
                if ticket < choice.ways:
                    break
                ticket -= choice.ways
            order = _permutation(choice, rng)
            for i, a in enumerate(order):
                out[a, order[i + 1 :]] = True
            for a, b in choice.arrows:
                out[a, b] = True
            stack += choice.rest
        return out


def _permutation(choice: Choice, rng: np.random.Generator) -> list[int]:
    """Uniform among admissible permutations, by rejection; at least half are admissible."""
    sizes = {len(s): s for s in choice.forbidden}
    while True:
        order: list[int] = rng.permutation(np.array(choice.clique)).tolist()
        if not any(frozenset(order[:k]) == s for k, s in sizes.items()):
            return order


def randbelow(rng: np.random.Generator, n: int) -> int:
    """Uniform integer in [0, n) for n of any size."""
    bits = n.bit_length()
    while True:
        drawn = int.from_bytes(rng.bytes((bits + 7) // 8), "little") >> (-bits % 8)
        if drawn < n:
            return drawn
