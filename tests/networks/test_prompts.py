"""Prompts: read from JSON lines, spans in tokens, errors by row."""

import json

import numpy as np
import pytest

import rung
from rung.core.errors import FileProblem, InputError
from rung.networks import Activation, Prompts, network

from .tiny import llama

WORDS = [
    "when", "mary", "and", "john", "went", "to", "the", "store", ",", "gave", "a", "drink",
    "anna", "tom", "shop",
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    """Words as tokens; `shop` in two pieces, a leading space belonging to the word."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "<unk>": 1, "sh": 2, "##op": 3}
    vocabulary |= {word: i for i, word in enumerate(WORDS[:-1], 4)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", unk_token="<unk>")


ROWS = [
    {"clean": "mary and john went , john gave a drink to", "answer": "mary", "foil": "john",
     "corrupt": "mary and john went , mary gave a drink to",
     "spans": {"second": [[21, 25], [21, 25]], "names": "mary and john went"}},
    {"clean": "when anna and tom went to the store , tom gave a drink to", "answer": "anna",
     "corrupt": "when anna and tom went to the store , anna gave a drink to", "foil": "tom",
     "spans": {"second": [[38, 41], [38, 42]], "names": "anna and tom went"}},
]  # fmt: skip


def written(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", "utf-8")
    return path


def test_spans_are_tokens_of_each_row(tmp_path, tokenizer):
    prompts = Prompts.read(written(tmp_path / "pairs.jsonl", ROWS), tokenizer)
    clean, _ = prompts.pairs.batches
    assert clean.spans == ({"second": (5,), "names": (0, 1, 2, 3)},
                           {"second": (9,), "names": (1, 2, 3, 4)})  # fmt: skip
    assert clean.lengths.tolist() == [10, 14]
    assert clean.kwargs["attention_mask"].sum(dim=1).tolist() == [10, 14]
    outcome = prompts.outcome
    assert tokenizer.convert_ids_to_tokens(list(outcome.answer)) == ["mary", "anna"]
    net = network(llama(), sites={"s": Activation("layers.0", token="second"),
                                  "all": "layers.0"}, outcome=outcome)  # fmt: skip
    seen = net.values(prompts.pairs.clean)
    assert np.array_equal(seen["s"][:, 0], seen["all"][[0, 1], [5, 9]])
    effects = rung.effect(net, prompts.pairs, [rung.NIE(mediator="s"), rung.NIE(mediator="all")])
    assert effects[1].value == pytest.approx(effects.total, abs=1e-5)
    # the prompts differ at that span alone: where embedded, it carries everything
    first = rung.effect(net, prompts.pairs, rung.NIE(mediator=Activation("embed", token="second")))
    assert first.value == pytest.approx(effects.total, abs=1e-5)
    with pytest.raises(InputError, match="no span of that name; it has second, names"):
        rung.effect(net, prompts.pairs, rung.NIE(mediator=Activation("embed", token="third")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": "mary and"}, "row 1: answer 'mary and' is 2 tokens"),
        ({"foil": "shop"}, "row 1: foil 'shop' is 2 tokens"),
        ({"spans": {"s": "zebra"}}, "row 1: span 's': 'zebra' stands 0 times"),
        ({"spans": {"s": "tom"}}, "row 1: span 's': 'tom' stands 2 times in the clean"),
        ({"spans": {"s": [[0, 99], [0, 4]]}}, "outside the clean prompt"),
        ({"spans": {"s": 3}}, "expected a text"),
        ({"spans": {"s": ["anna and", "anna"]}}, "stands 2 times in the corrupt"),
        ({"spans": {"s": ["anna and", "and"]}}, "row 1: span 's' has 2 tokens in the clean"),
        ({"clean": 3}, "line 2: 'clean' is missing"),
        ({"spans": []}, "'spans' must map"),
    ],
)
def test_errors_name_the_row(tmp_path, tokenizer, change, said):
    with pytest.raises(InputError, match=said):
        Prompts.read(written(tmp_path / "p.jsonl", [ROWS[0], {**ROWS[1], **change}]), tokenizer)


def test_files_that_are_none(tmp_path, tokenizer):
    with pytest.raises(FileProblem, match=r"none\.jsonl"):
        Prompts.read(tmp_path / "none.jsonl", tokenizer)
    (tmp_path / "half.jsonl").write_text('{"clean": "a"', "utf-8")
    with pytest.raises(InputError, match="line 1: no JSON"):
        Prompts.read(tmp_path / "half.jsonl", tokenizer)
    (tmp_path / "empty.jsonl").write_text("\n", "utf-8")
    with pytest.raises(InputError, match="no prompts"):
        Prompts.read(tmp_path / "empty.jsonl", tokenizer)
    (tmp_path / "latin.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileProblem, match="UTF-8"):
        Prompts.read(tmp_path / "latin.jsonl", tokenizer)
    (tmp_path / "list.jsonl").write_text("[1]\n", "utf-8")
    with pytest.raises(InputError, match="expected an object"):
        Prompts.read(tmp_path / "list.jsonl", tokenizer)


def test_indirect_objects_differ_in_the_subject_alone(tokenizer):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from rung.networks.tasks import PLACES, TEMPLATES, THINGS, indirect_objects

    text = " ".join([*TEMPLATES, *PLACES, *THINGS]).replace("{place},", "").replace(",", " ,")
    words = sorted(set(text.split()) | {"Mary", "John", "Anna", ",", "Then"})
    vocabulary = {"<pad>": 0, "<unk>": 1} | {word: i for i, word in enumerate(words, 2)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    whole = PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", unk_token="<unk>")
    prompts = indirect_objects(whole, 12, seed=1)
    again = indirect_objects(whole, 12, seed=1)
    assert prompts.clean == again.clean
    clean, corrupt = prompts.pairs.batches
    for row in range(12):
        differ = (clean.kwargs["input_ids"] != corrupt.kwargs["input_ids"])[row].nonzero()
        assert differ.ravel().tolist() == list(clean.spans[row]["subject"])
        assert prompts.clean[row].count(prompts.answer[row].strip()) == 1
        assert prompts.corrupt[row].count(prompts.foil[row].strip()) == 1
        assert clean.spans[row]["end"] == (int(clean.lengths[row]) - 1,)
    with pytest.raises(InputError, match="names of one token"):
        indirect_objects(tokenizer, 0)
