"""StringDiagram: an arrow of the free CDU category that boxes generate (syntax without numbers).

CDU: objects can be copied, discarded, and have a uniform state (Jacobs, Kissinger and Zanasi 2018,
"Causal inference by string diagram surgery", section 2). A diagram is held as boxes and wires: a
wire that is used twice is copied, one that is not used is discarded, wires that change places are
swapped. So diagrams that the equations of copy, discard and swap make equal are equal here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rung.core.errors import InputError, unknown
from rung.core.graph import Graph
from rung.core.result import digest, late


@dataclass(frozen=True)
class Box:
    """A box of a diagram.

    Parameters
    ----------
    name : what the box is called; the name of the object for a uniform state
    inputs : wires it takes, in order
    outputs : objects it makes, in order
    uniform : whether it is the uniform state of its one output
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[str, ...]
    uniform: bool = False


@dataclass(frozen=True)
class StringDiagram:
    """Boxes joined by wires, from `inputs` to `outputs`.

    Wires are numbered: first the inputs, then the outputs of each box in turn. Boxes stand in an
    order in which no box takes a wire of a later one; on construction they are put into a canonical
    order, so that equal diagrams compare equal.

    Parameters
    ----------
    inputs : object of each open wire at the top
    boxes : the boxes
    outputs : wires that leave at the bottom, in order

    Raises
    ------
    InputError
        A wire that does not exist, or is taken before it is made.
    """

    inputs: tuple[str, ...]
    boxes: tuple[Box, ...]
    outputs: tuple[int, ...]

    def __post_init__(self) -> None:
        made = len(self.inputs)
        for box in self.boxes:
            if any(not 0 <= w < made for w in box.inputs):
                raise InputError(f"box {box.name!r} takes a wire that no earlier box makes")
            made += len(box.outputs)
        if any(not 0 <= w < made for w in self.outputs):
            raise InputError(f"output wires {self.outputs}: there are wires 0 to {made - 1}")
        order, wires = _canonical(self)
        boxes = [
            replace(self.boxes[k], inputs=tuple(wires[w] for w in self.boxes[k].inputs))
            for k in order
        ]
        object.__setattr__(self, "boxes", tuple(boxes))
        object.__setattr__(self, "outputs", tuple(wires[w] for w in self.outputs))

    @classmethod
    def of_graph(cls, graph: Graph, latents: Iterable[str] = ()) -> StringDiagram:
        """The state that a DAG generates: one box a node, copies of each observed node outside.

        Outputs are the nodes that are not in `latents`, in the order of the graph.

        Raises
        ------
        InputError, UnknownName
            The graph is no DAG, or a latent is not a node.
        """
        hidden = set(latents)
        for name in hidden:
            if name not in graph.names:
                raise unknown(name, graph.names, "node of the graph")
        if not graph.is_dag():
            raise InputError("a string diagram needs a DAG: draw hidden common causes as nodes")
        order = graph.topological_order()
        at = {name: k for k, name in enumerate(order)}
        boxes = tuple(Box(n, tuple(at[p] for p in graph.parents(n)), (n,)) for n in order)
        return cls((), boxes, tuple(at[n] for n in graph.names if n not in hidden))

    @classmethod
    def identity(cls, *objects: str) -> StringDiagram:
        """Wires that pass; without objects the empty diagram."""
        return cls(objects, (), tuple(range(len(objects))))

    @classmethod
    def copy(cls, obj: str) -> StringDiagram:
        """One wire in, two out."""
        return cls((obj,), (), (0, 0))

    @classmethod
    def discard(cls, obj: str) -> StringDiagram:
        """One wire in, none out."""
        return cls((obj,), (), ())

    @classmethod
    def uniform(cls, obj: str) -> StringDiagram:
        """The uniform state."""
        return cls((), (Box(obj, (), (obj,), True),), (0,))

    @classmethod
    def swap(cls, a: str, b: str) -> StringDiagram:
        """Two wires crossed."""
        return cls((a, b), (), (1, 0))

    @classmethod
    def box(cls, name: str, inputs: Sequence[str], outputs: Sequence[str]) -> StringDiagram:
        """One box with all its wires open."""
        n = len(inputs)
        one = Box(name, tuple(range(n)), tuple(outputs))
        return cls(tuple(inputs), (one,), tuple(range(n, n + len(outputs))))

    @property
    def wires(self) -> tuple[str, ...]:
        """Object of each wire."""
        return (*self.inputs, *(o for box in self.boxes for o in box.outputs))

    @property
    def made(self) -> tuple[str, ...]:
        """Object of each output."""
        wires = self.wires
        return tuple(wires[w] for w in self.outputs)

    def __rshift__(self, then: StringDiagram) -> StringDiagram:
        """This diagram, then another on its outputs.

        Raises
        ------
        InputError
            The objects do not fit.
        """
        if self.made != then.inputs:
            raise InputError(
                f"cannot compose: the first makes ({', '.join(self.made)}), the second takes "
                f"({', '.join(then.inputs)}); swap, copy or discard wires between them"
            )
        start = len(self.wires)
        to = [*self.outputs, *range(start, start + len(then.wires) - len(then.inputs))]
        return StringDiagram(
            self.inputs, (*self.boxes, *_renamed(then.boxes, to)),
            tuple(to[w] for w in then.outputs),
        )  # fmt: skip

    def __matmul__(self, beside: StringDiagram) -> StringDiagram:
        """Both side by side (tensor)."""
        n, m = len(self.inputs), len(beside.inputs)
        left = [*range(n), *range(n + m, m + len(self.wires))]
        start = m + len(self.wires)
        right = [*range(n, n + m), *range(start, start + len(beside.wires) - m)]
        return StringDiagram(
            self.inputs + beside.inputs,
            (*_renamed(self.boxes, left), *_renamed(beside.boxes, right)),
            (*(left[w] for w in self.outputs), *(right[w] for w in beside.outputs)),
        )

    def cut(self, *names: str) -> StringDiagram:
        """Surgery: each box that makes an object named discards its inputs and is uniform.

        An endofunctor on syntax: all else stays (section 4 of the paper). No box is tidied away.

        Raises
        ------
        UnknownName
            No box makes such an object.
        """
        known = [o for box in self.boxes for o in box.outputs]
        for name in names:
            if name not in known:
                raise unknown(name, known, "object that a box makes")
        gone = set(names)
        boxes, to, at = [], list(range(len(self.inputs))), len(self.inputs)
        for box in self.boxes:
            hit = [o for o in box.outputs if o in gone]
            if hit and len(box.outputs) > 1:
                raise InputError(f"box {box.name!r} makes several objects: split it before a cut")
            own = tuple(to[w] for w in box.inputs)
            boxes.append(Box(hit[0], (), box.outputs, True) if hit else replace(box, inputs=own))
            to += range(at, at + len(box.outputs))
            at += len(box.outputs)
        return StringDiagram(self.inputs, tuple(boxes), tuple(to[w] for w in self.outputs))

    def keep(self, names: Iterable[str]) -> StringDiagram:
        """All outputs discarded but these, in their order here, then tidied."""
        wanted, wires = set(names), self.wires
        return self._tidied(tuple(w for w in self.outputs if wires[w] in wanted))

    def tidy(self) -> StringDiagram:
        """Without boxes whose outputs are all discarded: a channel then discarded is discarding.

        It holds of stochastic matrices (columns sum to 1), so an interpretation does not change.
        """
        return self._tidied(self.outputs)

    def _tidied(self, outputs: tuple[int, ...]) -> StringDiagram:
        """The boxes that these outputs need."""
        needed, keep, first = set(outputs), [], len(self.wires)
        for k in reversed(range(len(self.boxes))):
            box = self.boxes[k]
            first -= len(box.outputs)
            if needed & set(range(first, first + len(box.outputs))):
                keep.append((first, box))
                needed |= set(box.inputs)
        to, boxes = {w: w for w in range(len(self.inputs))}, []
        for first, box in reversed(keep):
            boxes.append(replace(box, inputs=tuple(to[w] for w in box.inputs)))
            to |= {first + i: len(to) + i for i in range(len(box.outputs))}
        return StringDiagram(self.inputs, tuple(boxes), tuple(to[w] for w in outputs))

    def plot(self) -> Any:
        """The diagram as an SVG picture."""
        return late("rung.report.diagram_svg", "diagram_svg")(self)

    def __str__(self) -> str:
        wires, lines = self.wires, []
        for box in self.boxes:
            name = "uniform" if box.uniform else box.name
            taken = ", ".join(wires[w] for w in box.inputs)
            lines.append(f"{name}: ({taken}) -> ({', '.join(box.outputs)})")
        return "; ".join([*lines, f"out ({', '.join(self.made)})"])


def _renamed(boxes: Sequence[Box], to: Sequence[int]) -> list[Box]:
    return [replace(box, inputs=tuple(to[w] for w in box.inputs)) for box in boxes]


def _canonical(diagram: StringDiagram) -> tuple[list[int], dict[int, int]]:
    """An order of the boxes that depends on the wiring only, and the new number of each wire.

    Boxes are visited from the outputs upwards, left to right; then those from which nothing leads
    outside, by name and by what they take.
    """
    n, boxes = len(diagram.inputs), diagram.boxes
    first = n + np.cumsum([0, *(len(box.outputs) for box in boxes)])
    maker = {first[k] + j: (k, j) for k, box in enumerate(boxes) for j in range(len(box.outputs))}
    used = {w for box in boxes for w in box.inputs}
    ends = [k for k in range(len(boxes)) if not used & set(range(first[k], first[k + 1]))]
    looks: list[str] = []
    for box in boxes:
        taken = [(looks[maker[w][0]], maker[w][1]) if w in maker else w for w in box.inputs]
        looks.append(digest(box.name, box.outputs, box.uniform, taken))
    order: list[int] = []
    tops = [maker[w][0] for w in diagram.outputs if w in maker]
    stack = [*sorted(ends, key=lambda k: looks[k]), *reversed(tops)]
    seen: set[int] = set()
    while stack:  # depth first: a box is placed once all that it takes is placed
        k = stack[-1]
        above = [maker[w][0] for w in boxes[k].inputs if w in maker]
        left = [a for a in above if a not in seen]
        if k in seen or not left:
            stack.pop()
            if k not in seen:
                seen.add(k)
                order.append(k)
        else:
            stack.append(left[0])
    to = {w: w for w in range(n)}
    for k in order:
        to |= {int(first[k]) + j: len(to) + j for j in range(len(boxes[k].outputs))}
    return order, to
