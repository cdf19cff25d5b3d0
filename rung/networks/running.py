"""One run of a module in which values are read and written at places, by hooks alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..core.errors import InputError, NotSupported, unknown
from .activation import Activation, Lens
from .inputs import Batch

Change = Callable[[Tensor], Any]
"""The value at a place without the intervention, to the one with it."""


@dataclass(frozen=True, eq=False)
class Place:
    """An Activation whose path is a module of the network.

    Parameters
    ----------
    site : Activation
        As it was asked for; its path may be a stable name.
    path, side : str
        The module, and whether its output or its input is meant.
    columns : slice, optional
        Units that the stable name means (those of a head, say); the site's own `unit` and `basis`
        are within them.
    """

    site: Activation
    path: str
    side: str
    columns: slice | None = None

    def lens(self, values: Tensor, batch: Batch, start: int = 0) -> Lens:
        """The lens on values that begin at token `start`."""
        tokens = None
        if self.site.token is not None and values.ndim == 3:
            tokens = batch.tokens(self.site, values.shape[1] + start)
            assert tokens is not None
            tokens = tokens - start
        return Lens(self.site, values, tokens, self.columns)


class Work:
    """What one run reads and writes; counts which places were reached."""

    def __init__(
        self, batch: Batch, writes: Sequence[tuple[Place, Change]] = (),
        reads: Sequence[Place] = (), start: int = 0,
    ) -> None:  # fmt: skip
        self.batch, self.start = batch, start
        self.items: dict[tuple[str, str], tuple[list[tuple[Place, Change]], list[Place]]] = {}
        for place, change in writes:
            self.items.setdefault((place.path, place.side), ([], []))[0].append((place, change))
        for place in reads:
            self.items.setdefault((place.path, place.side), ([], []))[1].append(place)
        self.seen: dict[int, Tensor] = {}
        self.calls: dict[tuple[str, str], int] = {}

    def pass_through(self, key: tuple[str, str], value: Any) -> Any:
        """What a module gives or takes, after the interventions there."""
        self.calls[key] = self.calls.get(key, 0) + 1
        if self.calls[key] > 1:
            raise NotSupported(
                f"module {key[0]!r} is called more than once in a run, so that {key[0]!r} names no "
                "single value; choose a place that is passed once"
            )
        tensor, put = _first(value, key)
        new = self.changed(key, tensor)
        for place in self.items[key][1]:
            self.seen[id(place)] = place.lens(new, self.batch, self.start).read(new)
        return value if new is tensor else put(new)

    def changed(self, key: tuple[str, str], tensor: Tensor) -> Tensor:
        """The value of a module after the interventions there; itself if there is none."""
        for place, change in self.items[key][0]:
            lens = place.lens(tensor, self.batch, self.start)
            tensor = lens.write(tensor, change(lens.read(tensor)))
        return tensor

    def check(self) -> None:
        """Raise if a place was never reached."""
        for key in self.items:
            if not self.calls.get(key):
                raise InputError(
                    f"{key[0]!r} was never reached in this run: nothing was read or written there"
                )


def _first(value: Any, key: tuple[str, str]) -> tuple[Tensor, Callable[[Tensor], Any]]:
    """The first tensor of a value, and how to put another in its place."""
    if isinstance(value, Tensor):
        return value, lambda new: new
    if isinstance(value, tuple) and value and isinstance(value[0], Tensor):
        return value[0], lambda new: (new, *value[1:])
    raise NotSupported(
        f"the {key[1]} of {key[0]!r} is a {type(value).__name__}, not a tensor nor a tuple that "
        "begins with one; choose a module inside it"
    )


@contextmanager
def hooked(module: nn.Module, work: Work) -> Iterator[None]:
    """Hooks for the length of one run; taken off again whatever happens."""
    handles = []
    try:
        for key in work.items:
            part = submodule(module, key[0])
            if key[1] == "output":

                def after(_: Any, __: Any, out: Any, key: tuple[str, str] = key) -> Any:
                    return work.pass_through(key, out)

                handles.append(part.register_forward_hook(after))
            else:

                def before(
                    _: Any, args: Any, kwargs: Any, key: tuple[str, str] = key
                ) -> tuple[Any, Any]:
                    if args:
                        return (work.pass_through(key, args[0]), *args[1:]), kwargs
                    name = next(iter(kwargs))  # keyword calls: the first is the value
                    return args, {**kwargs, name: work.pass_through(key, kwargs[name])}

                handles.append(part.register_forward_pre_hook(before, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def submodule(module: nn.Module, path: str) -> nn.Module:
    """The module at a dotted name; the nearest names if there is none."""
    try:
        return module.get_submodule(path)
    except AttributeError:
        names = [name for name, _ in module.named_modules(remove_duplicate=False) if name]
        raise unknown(path, names, "module") from None


def run(
    module: nn.Module, batch: Batch, writes: Sequence[tuple[Place, Change]] = (),
    reads: Sequence[Place] = (),
) -> tuple[Any, list[Tensor]]:  # fmt: skip
    """The module's output, and the values at `reads` (after what is written there)."""
    if not writes and not reads:
        return module(*batch.args, **batch.kwargs), []
    work = Work(batch, writes, reads)
    with hooked(module, work):
        out = module(*batch.args, **batch.kwargs)
    work.check()
    return out, [work.seen[id(place)] for place in reads]
