"""Prompts: pairs of texts with answers and named spans, read from a file of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ..core.errors import FileProblem, InputError
from .inputs import Batch
from .outcomes import LogitDifference
from .pairs import Pairs

FIELDS = ("clean", "corrupt", "answer", "foil", "spans")
Ends = tuple[int, int]  # first character of a span, and the first behind it


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts as inputs of a language model, padded at the right.

    Parameters
    ----------
    texts : tuple of str
    tokenizer : a fast tokenizer of transformers
    spans : one mapping a text of name to (first character, first behind)
    """

    texts: tuple[str, ...]
    tokenizer: Any = field(repr=False)
    spans: tuple[Mapping[str, Ends], ...] = ()

    def batch(self) -> Batch:
        """Token numbers, attention mask, and the tokens of each span."""
        return self._batch

    @cached_property
    def _batch(self) -> Batch:
        made = self.tokenizer(
            list(self.texts), padding=True, padding_side="right", return_tensors="pt",
            return_offsets_mapping=True,
        )  # fmt: skip
        mask = made["attention_mask"]
        offsets = made["offset_mapping"].tolist()
        lengths = mask.sum(dim=1)
        spans = tuple(
            {name: _tokens(ends, offsets[row][: int(lengths[row])], name, row)
             for name, ends in named.items()}
            for row, named in enumerate(self.spans)
        )  # fmt: skip
        return Batch(
            (), {"input_ids": made["input_ids"], "attention_mask": mask}, len(self.texts),
            torch.zeros_like(lengths), lengths, spans or None, self,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, eq=False)
class Prompts:
    """Clean and corrupt prompts with the answer of the clean one and a foil.

    Parameters
    ----------
    clean, corrupt : tuple of str
    answer, foil : tuple of str
        One token each, with its leading space if it has one in the text.
    spans : one mapping a row of name to its places
        A text that stands once in both prompts; [text in the clean one, text in the corrupt one];
        or [[first, behind], [first, behind]] in characters.
    tokenizer : a fast tokenizer of transformers

    Raises
    ------
    InputError
        An answer is no single token; a span is not there, is there twice, or has another number of
        tokens in the corrupt prompt. The row is named.
    """

    clean: tuple[str, ...]
    corrupt: tuple[str, ...]
    answer: tuple[str, ...]
    foil: tuple[str, ...]
    tokenizer: Any = field(repr=False)
    spans: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name in FIELDS[:4]:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        n = len(self.clean)
        if not n or any(len(getattr(self, name)) != n for name in FIELDS[1:4]):
            raise InputError("Prompts: clean, corrupt, answer and foil need one text a row each")
        object.__setattr__(self, "spans", tuple(self.spans) or ({},) * n)
        clean, corrupt = self.pairs.batches
        for row in range(n):
            for name in self.spans[row]:
                a, b = (len((batch.spans or ({},))[row][name]) for batch in (clean, corrupt))
                if a != b:
                    raise InputError(
                        f"row {row}: span {name!r} has {a} tokens in the clean prompt and {b} in "
                        "the corrupt one; activations of the two cannot be exchanged"
                    )
        assert self.outcome

    @classmethod
    def read(cls, path: str | Path, tokenizer: Any) -> Prompts:
        """From a file of JSON lines {clean, corrupt, answer, foil, spans}; spans are optional.

        Raises
        ------
        FileProblem, InputError
            The file is not there; a line is no JSON or lacks a field. The line is named.
        """
        try:
            lines = Path(path).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise FileProblem(f"{path}: could not be read as UTF-8 text: {error}") from error
        rows = [_row(path, i, line) for i, line in enumerate(lines, 1) if line.strip()]
        if not rows:
            raise InputError(f"{path}: no prompts")
        columns = {name: tuple(row[name] for row in rows) for name in FIELDS[:4]}
        spans = tuple(row.get("spans", {}) for row in rows)
        return cls(**columns, tokenizer=tokenizer, spans=spans)

    @cached_property
    def pairs(self) -> Pairs:
        """The clean and the corrupt prompts."""
        where = [
            {name: _ends(said, row, name, self.clean[row], self.corrupt[row])
             for name, said in self.spans[row].items()}
            for row in range(len(self.clean))
        ]  # fmt: skip
        clean = Texts(self.clean, self.tokenizer, tuple({k: v[0] for k, v in w.items()}
                                                        for w in where))  # fmt: skip
        corrupt = Texts(self.corrupt, self.tokenizer, tuple({k: v[1] for k, v in w.items()}
                                                            for w in where))  # fmt: skip
        return Pairs(clean, corrupt)

    @cached_property
    def outcome(self) -> LogitDifference:
        """Logit of the answer minus logit of the foil behind the last token."""
        return LogitDifference(self._single("answer"), self._single("foil"))

    def _single(self, which: str) -> tuple[int, ...]:
        out = []
        for row, text in enumerate(getattr(self, which)):
            ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
            if len(ids) != 1:
                raise InputError(
                    f"row {row}: {which} {text!r} is {len(ids)} tokens; expected one, such as "
                    f"{' ' + text.strip().split()[0] if text.strip() else ' word'!r}"
                )
            out.append(int(ids[0]))
        return tuple(out)

    def __len__(self) -> int:
        return len(self.clean)


def _row(path: str | Path, line: int, text: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {line}: no JSON: {error}") from error
    if not isinstance(row, dict):
        raise InputError(f"{path}, line {line}: expected an object with {', '.join(FIELDS)}")
    for name in FIELDS[:4]:
        if not isinstance(row.get(name), str):
            raise InputError(f"{path}, line {line}: {name!r} is missing, or no text")
    if not isinstance(row.get("spans", {}), dict):
        raise InputError(f"{path}, line {line}: 'spans' must map names to places")
    return row


def _ends(said: Any, row: int, name: str, clean: str, corrupt: str) -> tuple[Ends, Ends]:
    """Characters of a span in the clean and in the corrupt prompt."""
    both = [said, said] if isinstance(said, str) else said
    if not isinstance(both, Sequence) or len(both) != 2:
        raise InputError(
            f"row {row}: span {name!r} is {said!r}; expected a text, or one place for each prompt"
        )
    first, second = (
        _found(each, row, name, text, which)
        for each, text, which in zip(both, (clean, corrupt), ("clean", "corrupt"))
    )
    return first, second


def _found(said: Any, row: int, name: str, text: str, which: str) -> Ends:
    if isinstance(said, str):
        times = text.count(said) if said else 0
        if times != 1:
            raise InputError(
                f"row {row}: span {name!r}: {said!r} stands {times} times in the {which} prompt; "
                "expected once, or [first character, first behind]"
            )
        start = text.index(said)
        return start, start + len(said)
    ends = tuple(int(e) for e in said)
    if len(ends) != 2 or not 0 <= ends[0] < ends[1] <= len(text):
        raise InputError(f"row {row}: span {name!r}: {said!r} lies outside the {which} prompt")
    return ends[0], ends[1]


def _tokens(ends: Ends, offsets: Sequence[Ends], name: str, row: int) -> tuple[int, ...]:
    """Tokens that share a character with a span."""
    found = tuple(i for i, (a, b) in enumerate(offsets) if a < ends[1] and b > ends[0])
    if not found:
        raise InputError(f"row {row}: span {name!r} covers no token")
    return found
