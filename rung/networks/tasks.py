"""Tasks for language models whose answer is known: indirect objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import InputError
from .prompts import Prompts

NAMES = (
    "Mary", "John", "Anna", "Tom", "Paul", "Sarah", "David", "Emma", "James", "Lucy", "Peter",
    "Alice", "Mark", "Jane", "Michael", "Laura", "Robert", "Kate", "Daniel", "Lisa", "George",
    "Helen", "Henry", "Julia", "Martin", "Susan", "Simon", "Rachel", "Adam", "Claire",
)  # fmt: skip
PLACES = ("store", "park", "school", "station", "garden", "office", "library", "beach")
THINGS = ("drink", "book", "ball", "letter", "ring", "coat", "map", "key")
TEMPLATES = (
    "When {a} and {b} went to the {place}, {s} gave a {thing} to",
    "Then, {a} and {b} were at the {place}, and {s} handed a {thing} to",
    "After {a} and {b} came back from the {place}, {s} passed a {thing} to",
    "While {a} and {b} walked to the {place}, {s} offered a {thing} to",
)


def indirect_objects(
    tokenizer: Any, n: int = 64, *, seed: int = 0, templates: tuple[str, ...] = TEMPLATES
) -> Prompts:
    """Prompts whose next word is the name that was said once.

    "When Mary and John went to the store, John gave a drink to" goes on with " Mary"; the corrupt
    prompt has Mary give it, so that John is the answer there. Spans: "first" and "second" (the two
    names), "subject" (who gives), "end" (the last word).

    Parameters
    ----------
    tokenizer : a fast tokenizer of transformers
    n, seed : int
    templates : tuple of str
        With {a}, {b}, {s}, {place} and {thing}.

    Raises
    ------
    InputError
        Fewer than two of the names are a single token.

    Source: Wang, Variengien, Conmy, Shlegeris and Steinhardt (2023), section 2; the corrupt prompt
    swaps the subject as in their path patching.
    """
    said = {name: tokenizer(" " + name, add_special_tokens=False)["input_ids"] for name in NAMES}
    single = [k for k, ids in said.items() if len(ids) == 1 and ids[0] != tokenizer.unk_token_id]
    if n < 1 or len(single) < 2:
        raise InputError(
            f"indirect_objects: expected n >= 1 and names of one token; the tokenizer has "
            f"{len(single)}"
        )
    rng = np.random.default_rng(seed)
    rows: dict[str, list[Any]] = {k: [] for k in ("clean", "corrupt", "answer", "foil", "spans")}
    for _ in range(n):
        a, b = (single[i] for i in rng.choice(len(single), 2, replace=False))
        template = str(rng.choice(list(templates)))
        given = {"a": a, "b": b, "place": rng.choice(PLACES), "thing": rng.choice(THINGS)}
        texts, spans = [], []
        for subject in (b, a):
            text = template.format(**given, s=subject)
            where = text.rindex(subject)
            texts.append(text)
            spans.append({
                "first": [text.index(a), text.index(a) + len(a)],
                "second": [text.index(b), text.index(b) + len(b)],
                "subject": [where, where + len(subject)],
                "end": [text.rindex(" ") + 1, len(text)],
            })  # fmt: skip
        rows["clean"].append(texts[0])
        rows["corrupt"].append(texts[1])
        rows["answer"].append(" " + a)
        rows["foil"].append(" " + b)
        rows["spans"].append({name: [spans[0][name], spans[1][name]] for name in spans[0]})
    return Prompts(**{k: tuple(v) for k, v in rows.items()}, tokenizer=tokenizer)
