"""Small networks with random weights, built without any file."""

import torch


def llama(layers: int = 3, seed: int = 0):
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=50, hidden_size=24, intermediate_size=40, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.3,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def gpt2(layers: int = 2, seed: int = 0):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    config = GPT2Config(vocab_size=50, n_embd=24, n_layer=layers, n_head=4, n_positions=32,
                        bos_token_id=1, eos_token_id=2, initializer_range=0.3)  # fmt: skip
    return GPT2LMHeadModel(config).eval()


def tokens(n: int = 4, length: int = 7, seed: int = 1, padded: str = ""):
    made = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 50, (n, length), generator=made)
    mask = torch.ones_like(ids)
    if padded == "left":
        mask[1, :2] = 0
        mask[2, :1] = 0
    if padded == "right":
        mask[1, -2:] = 0
        mask[2, -1:] = 0
    return {"input_ids": ids * mask, "attention_mask": mask}
