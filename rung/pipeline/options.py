"""Names on the command line and in plans: the one place where text chooses code."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from .. import discovery, effects
from ..core.errors import InputError, unknown

WORDS = ("LiNGAM", "BDeu", "GRaSP", "RCoT", "FedDAG")  # their capitals begin no word


def command_name(name: str) -> str:
    """The command-line name of a class: FisherZ -> fisher-z, BOSS -> boss."""
    out = ""
    for word in WORDS:
        name = name.replace(word, word.capitalize())
    for i, c in enumerate(name):
        starts = c.isupper() and i and (name[i - 1].islower() or name[i + 1 : i + 2].islower())
        out += ("-" if starts else "") + c.lower()
    return out


def plugs(family: Any, method: str) -> dict[str, type]:
    """Command-line name to class, of every exported class of a family with `method`."""
    found = {}
    for name in family.__all__:
        item = getattr(family, name)
        if inspect.isclass(item) and callable(getattr(item, method, None)):
            found[command_name(name)] = item
    return found


def learners() -> dict[str, type]:
    """Structure learners by command-line name."""
    return plugs(discovery, "learn")


def estimators() -> dict[str, type]:
    """Effect estimators by command-line name: of adjustment, of other formulas, of single rows."""
    shapes = ("estimate", "reach", "by_instrument", "mediate", "conditional")
    return {name: plug for shape in shapes for name, plug in plugs(effects, shape).items()}


def make_learner(text: str) -> Any:
    """A learner from `name` or `name:option=value,...`; None for auto.

    `pc:alpha=0.05,test=g2` is `PC(alpha=0.05, test=G2())`.
    """
    if text in ("", "auto"):
        return None
    return made(text, learners(), "learner")


def exchanges() -> dict[str, type]:
    """Federated methods by command-line name."""
    return plugs(discovery, "begin")


def make_exchange(text: str) -> Any:
    """A federated method or a learner from `name` or `name:option=value,...`.

    `feddag:rounds=10` is `FedDAG(rounds=10)`, `pc:alpha=0.01` is `PC(alpha=0.01)`.
    """
    return made(text, {**learners(), **exchanges()}, "learner or federated method")


def make_test(text: str) -> Any:
    """A test of independence from `name` or `name:option=value,...`; None for the default."""
    if text in ("", "auto", "default"):
        return None
    tests = {n: c for n, c in plugs(discovery, "on").items() if "BIC" not in c.__name__}
    return made(text, {n: c for n, c in tests.items() if n != "bdeu"}, "test")


def make_estimator(text: str) -> Any:
    """An estimator from `name` or `name:option=value,...`; None for the default."""
    if text in ("", "auto", "default"):
        return None
    return made(text, estimators(), "estimator")


def made(text: str, known: Mapping[str, Callable[..., Any]], what: str, **given: Any) -> Any:
    """An object of `name` or `name:option=value,...`, with further arguments."""
    name, _, rest = text.partition(":")
    if name not in known:
        raise unknown(name, known, what)
    cls = known[name]
    options: dict[str, Any] = dict(given)
    names = {f.name: f for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else {}
    for piece in filter(None, rest.split(",")):
        key, eq, value = piece.partition("=")
        if key.strip() not in names:
            raise unknown(key.strip(), names, f"option of {name}")
        if not eq:
            raise InputError(f"{piece!r}: write option=value")
        options[key.strip()] = _value(value.strip())
    try:
        return cls(**options)
    except TypeError as error:
        raise InputError(f"{what} {text!r}: {error}") from None


def _value(text: str) -> Any:
    inner = {**plugs(discovery, "on"), **plugs(discovery, "client"), **learners()}
    if text in inner:
        return inner[text]()
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    return number_of(text)


def number_of(text: str) -> Any:
    """A number if the text is one, else the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
