"""Known architectures: stable names of places, and how a run is resumed half way.

A table, one line an architecture, checked against the module before it is used: an architecture
that changed its modules is refused by name instead of being read wrongly.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..core.errors import InputError, NotSupported, unknown
from .activation import Activation
from .running import Place, submodule

Named = tuple[str, str]  # path below a layer, and side


@dataclass(frozen=True)
class Architecture:
    """Where things are in a family of decoders.

    Parameters
    ----------
    name : str
    layers : str
        The list of layers.
    embed : str
    parts : mapping of stable name to (path below a layer, side)
        "" is the layer itself.
    head : path below a layer
        The module whose input is the heads' outputs side by side.
    base, unembed : str
        The decoder without its output head, and that head.
    resumes : bool
        Whether `Resumed` knows how to go on from a layer: positions enter in every layer alone.
    """

    name: str
    layers: str
    embed: str
    parts: tuple[tuple[str, Named], ...]
    head: str
    base: str
    unembed: str
    resumes: bool


def _named(attention: str, mlp: str, down: str) -> tuple[tuple[str, Named], ...]:
    """Stable names, from the attention, the MLP, and the module that takes the MLP's neurons."""
    return (
        ("", ("", "output")),
        ("input", ("", "input")),
        ("attention", (attention, "output")),
        ("mlp", (mlp, "output")),
        ("mlp.neurons", (down, "input")),
    )


_LLAMA = _named("self_attn", "mlp", "mlp.down_proj")
_GPT2 = _named("attn", "mlp", "mlp.c_proj")
_NEOX = _named("attention", "mlp", "mlp.dense_4h_to_h")
_LLAMA_LIKE = {
    name: Architecture(name, "model.layers", "model.embed_tokens", _LLAMA, "self_attn.o_proj",
                       "model", "lm_head", True)
    for name in ("llama", "mistral", "qwen2", "qwen3")
}  # fmt: skip
TABLE = {
    **_LLAMA_LIKE,
    "gpt2": Architecture("gpt2", "transformer.h", "transformer.wte", _GPT2, "attn.c_proj",
                         "transformer", "lm_head", False),
    "gpt_neox": Architecture("gpt_neox", "gpt_neox.layers", "gpt_neox.embed_in", _NEOX,
                             "attention.dense", "gpt_neox", "embed_out", False),
}  # fmt: skip

_LENS = {  # TransformerLens name below "blocks.N." -> stable name below "layers.N"
    "hook_resid_pre": "input",
    "hook_resid_post": "",
    "hook_attn_out": "attention",
    "hook_mlp_out": "mlp",
    "mlp.hook_post": "mlp.neurons",
    "attn.hook_z": "attention.heads",
}


def architecture_of(module: nn.Module) -> Architecture | None:
    """The line of the table for a module; None if it has no `config.model_type` of the table.

    Raises
    ------
    NotSupported
        The module says it is of a known architecture, but a module of the table is not there.
    """
    kind = getattr(getattr(module, "config", None), "model_type", None)
    found = TABLE.get(str(kind))
    if found is None:
        return None
    names = {name for name, _ in module.named_modules(remove_duplicate=False)}
    below = [f"{found.layers}.0.{path}" for _, (path, _) in found.parts if path]
    for path in (found.layers, found.embed, found.base, f"{found.layers}.0.{found.head}", *below):
        if path not in names:
            raise NotSupported(
                f"a {found.name} network with a module {path!r} was expected, and this one has "
                "none: its modules were renamed; use the names of named_modules()"
            )
    return found


def located(module: nn.Module, site: Activation) -> tuple[Place, ...]:
    """The places that a site means: several where its path has a `*`."""
    known = architecture_of(module)
    modules = dict(module.named_modules(remove_duplicate=False))
    names = _stable(module, known, modules) if known else {}
    paths = [_translated(site.path)]
    if "*" in site.path:
        pattern = re.compile(re.escape(paths[0]).replace(r"\*", r"(\d+)") + r"\Z")
        every = [*names, *modules]
        hits = [n for n in every if pattern.match(n)]
        paths = sorted(set(hits), key=lambda n: [int(g) for g in re.findall(r"\d+", n)])
    out = []
    for path in paths:
        if path in names:
            real, side, columns = names[path]
            if site.side != "output":
                raise InputError(f"{site!r}: a stable name says its side itself; leave side out")
            out.append(Place(site.at(path), real, side, columns))
        elif path in modules and path:
            out.append(Place(site.at(path), path, site.side))
        else:
            raise unknown(site.path, [*names, *(m for m in modules if m)], "module")
    if not out:
        raise unknown(site.path, [*names, *(m for m in modules if m)], "module")
    return tuple(out)


def _translated(path: str) -> str:
    """A TransformerLens name as a stable one; other names as they are."""
    if path == "hook_embed":
        return "embed"
    match = re.match(r"blocks\.(\d+|\*)\.(.+)\Z", path)
    if match is None or match[2] not in _LENS:
        return path
    below = _LENS[match[2]]
    return f"layers.{match[1]}" + (f".{below}" if below else "")


def _stable(
    module: nn.Module, known: Architecture, modules: dict[str, nn.Module]
) -> dict[str, tuple[str, str, slice | None]]:
    """Stable name -> (module, side, units)."""
    config: Any = module.config
    heads = int(config.num_attention_heads)
    out: dict[str, tuple[str, str, slice | None]] = {"embed": (known.embed, "output", None)}
    for i in range(len(list(modules[known.layers].children()))):
        layer = f"{known.layers}.{i}"
        for name, (path, side) in known.parts:
            out[f"layers.{i}" + (f".{name}" if name else "")] = (
                f"{layer}.{path}" if path else layer, side, None,
            )  # fmt: skip
        joined = f"{layer}.{known.head}"
        weight: Any = modules[joined].weight
        # Conv1D of GPT-2 stores (in, out), Linear (out, in)
        width = weight.shape[0] if known.name == "gpt2" else weight.shape[1]
        size = width // heads
        out[f"layers.{i}.attention.heads"] = (joined, "input", None)
        for h in range(heads):
            out[f"layers.{i}.attention.head.{h}"] = (
                joined, "input", slice(h * size, (h + 1) * size),
            )  # fmt: skip
    return out


def layer_of(known: Architecture, place: Place) -> tuple[int, bool] | None:
    """(layer, whether it is that layer's output); None for a place outside the layers."""
    match = re.match(re.escape(known.layers) + r"\.(\d+)(\.|\Z)", place.path)
    if match is None:
        return None
    whole = place.path == f"{known.layers}.{match[1]}" and place.side == "output"
    return int(match[1]), whole


class Decoder:
    """A decoder whose run can begin at a layer and a token, given what lies before them."""

    def __init__(self, module: nn.Module, known: Architecture) -> None:
        self.module, self.known = module, known
        self.base: Any = submodule(module, known.base)
        self.layers: Any = submodule(module, known.layers)
        self.name = known.layers.rpartition(".")[2]
        taken = inspect.signature(self.base.forward).parameters
        self.keyword = "cache" if "cache" in taken else "past_key_values"

    def record(self, kwargs: dict[str, Any]) -> tuple[list[Tensor], list[tuple[Tensor, Tensor]]]:
        """What each layer takes (and the last one gives), and its keys and values."""
        states: list[Tensor] = []

        def keep(_: Any, args: Any, named: Any) -> None:
            states.append(args[0] if args else named["hidden_states"])

        handles = [layer.register_forward_pre_hook(keep, with_kwargs=True) for layer in self.layers]
        last = self.layers[-1].register_forward_hook(
            lambda _, __, out: states.append(out[0] if isinstance(out, tuple) else out)
        )
        try:
            out = self.base(**kwargs, use_cache=True)
        finally:
            for handle in (*handles, last):
                handle.remove()
        stored = getattr(out, self.keyword)
        return states, [(layer.keys, layer.values) for layer in stored.layers]

    def resume(
        self, hidden: Tensor, layer: int, start: int, mask: Tensor, positions: Tensor,
        before: list[tuple[Tensor, Tensor]],
    ) -> Tensor:  # fmt: skip
        """The base's last hidden states from token `start` on.

        Parameters
        ----------
        hidden : (n, tokens - start, units)
            What `layer` takes.
        layer : int
        start : int
        mask : (n, tokens)
        positions : (1 or n, tokens)
        before : keys and values (n, heads, start, size) of every layer from `layer` on
        """
        from transformers import DynamicCache

        if layer >= len(self.layers):
            return self.base.norm(hidden)
        cache = DynamicCache()
        if start:
            for i in range(layer):  # the first layer says how long the past is
                keys, values = before[0] if i == 0 else (before[0][0][:, :, :0],) * 2
                cache.update(keys, values, i)
            for i, (keys, values) in enumerate(before, start=layer):
                cache.update(keys, values, i)
        given: dict[str, Any] = {
            "inputs_embeds": hidden, "attention_mask": mask, "use_cache": bool(start),
            "position_ids": positions[:, start:],
        }  # fmt: skip
        if start:
            given[self.keyword] = cache
        with self._from(layer):
            return self.base(**given).last_hidden_state

    @contextmanager
    def _from(self, layer: int) -> Iterator[None]:
        """The base with its first layers left out."""
        holder = self.base
        setattr(holder, self.name, nn.ModuleList(list(self.layers)[layer:]))
        try:
            yield
        finally:
            setattr(holder, self.name, self.layers)
