"""A site: answers from its own file with what the method's `client` sends, and nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.data import Data
from ..core.errors import FileProblem, MissingCells
from ..core.variable import Kind, Variable
from .columns import SiteProblem, conform, tellable
from .records import (
    ABOUT,
    DONE,
    KEPT,
    REPLY,
    RUN,
    STATE,
    from_record,
    read_variables,
    to_record,
    write_variables,
)
from .settings import Settings

log = logging.getLogger(__name__)


def client_app() -> Any:
    """Flower's ClientApp of a site.

    The file and the site's name come from the site's own configuration (`data`, `site`), the
    method from the run's. What the method keeps lies in the context, which stays at the site.
    """
    from flwr.client.mod import secaggplus_mod
    from flwr.clientapp import ClientApp

    app = ClientApp()
    app.query("columns", mods=[discreet])(columns)
    app.train("clear", mods=[discreet])(clear)
    app.train(mods=[discreet, secaggplus_mod])(secure)
    return app


def discreet(message: Any, context: Any, call_next: Any) -> Any:
    """Answer an error by its kind: the text of an error may hold values of the data."""
    from flwr.app import Error, Message

    try:
        return call_next(message, context)
    except Exception as error:
        log.exception("the site cannot answer")
        reason = f"{type(error).__name__}; the text is in the log of the site"
        if isinstance(error, SiteProblem):
            reason = str(error)
        elif isinstance(error, FileProblem):
            reason = "the data file of the site cannot be read; see the log of the site"
        elif isinstance(error, MissingCells):
            reason = "cells are missing and no policy is declared: --missing complete-cases"
        return Message(Error(code=0, reason=reason), reply_to=message)


def settings_of(context: Any) -> Settings:
    """The settings in the run's configuration."""
    return Settings.of(str(context.run_config["settings"]))


def site_of(context: Any) -> str:
    """The site's name for itself."""
    return str(context.node_config.get("site", "a site"))


def table(context: Any, settled: Sequence[Variable] = ()) -> Data:
    """The site's data, without the columns that take no part.

    A column that the sites settled to be discrete is read so, even if it has one level here.

    Raises
    ------
    SiteProblem
        If the site's configuration names no file, or the file lacks a dropped column.
    """
    from ..io.readers import read
    from ..pipeline.prepare import POLICIES

    settings = settings_of(context)
    path = str(context.node_config.get("data", ""))
    if not path:
        raise SiteProblem('the site\'s --node-config names no file: data="/path/to/file.csv"')
    if not Path(path).exists():
        raise SiteProblem("the site's data file does not exist")
    kinds = {v.name: Kind.CATEGORICAL for v in settled if v.discrete}
    data = read(path, missing=POLICIES[settings.missing], kinds=kinds)
    return data.drop([name for name in settings.drop if name in data.names])


def columns(message: Any, context: Any) -> Any:
    """Names, kinds, levels and units of the site's columns."""
    from flwr.app import ConfigRecord, Message, RecordDict

    about = {"site": site_of(context), "variables": write_variables(tellable(table(context)))}
    return Message(RecordDict({ABOUT: ConfigRecord(about)}), reply_to=message)


def clear(message: Any, context: Any) -> Any:
    """The method's reply, as it is."""
    from flwr.app import ConfigRecord, Message, RecordDict

    asked = message.content
    reply = _reply(context, str(asked.config_records[ABOUT]["variables"]),
                   from_record(asked.array_records[STATE]))  # fmt: skip
    about = ConfigRecord({"site": site_of(context)})
    return Message(RecordDict({REPLY: to_record(reply), ABOUT: about}), reply_to=message)


def _reply(context: Any, variables: str, state: Any) -> Any:
    """Run the method's `client`; what it keeps goes into the context."""
    settled = read_variables(variables)
    data = conform(table(context, settled), settled)
    held = _of_this_run(context).array_records
    kept = from_record(held[KEPT]) if KEPT in held else {}
    reply, after = settings_of(context).method().client(state, data, kept)
    held[KEPT] = to_record(after)
    return reply


def _of_this_run(context: Any) -> Any:
    """The context's state, emptied of what another run left there."""
    from flwr.app import ConfigRecord

    held = context.state
    if RUN not in held.config_records or held.config_records[RUN]["run"] != str(context.run_id):
        held.array_records.pop(KEPT, None)
        held.config_records.pop(DONE, None)
        held.config_records[RUN] = ConfigRecord({"run": str(context.run_id)})
    return held


def secure(message: Any, context: Any) -> Any:
    """The words of the method's reply, for SecAgg+ to mask.

    An exchange that broke off is repeated with the same reply: the method is run once a round.
    """
    from flwr.app import ArrayRecord, ConfigRecord, Message
    from flwr.common import (
        Code,
        FitRes,
        Status,
        ndarrays_to_parameters,
        parameters_to_ndarrays,
    )
    from flwr.compat.common import recorddict_compat as compat

    fit = compat.recorddict_to_fitins(message.content, keep_input=True)
    round_ = str(fit.config["round"])
    held = _of_this_run(context)
    if DONE not in held.config_records or held.config_records[DONE]["round"] != round_:
        names = json.loads(str(fit.config["names"]))
        state = dict(zip(names, parameters_to_ndarrays(fit.parameters), strict=True))
        reply = _reply(context, str(fit.config["variables"]), state)
        held.array_records[REPLY] = ArrayRecord(list(words(reply, settings_of(context))))
        held.config_records[DONE] = ConfigRecord({"round": round_, "names": sorted(reply)})
    arrays = held.array_records[REPLY].to_numpy_ndarrays()
    names = {"names": json.dumps(list(held.config_records[DONE]["names"]))}
    out = FitRes(Status(Code.OK, ""), ndarrays_to_parameters(arrays), 1, names)
    return Message(compat.fitres_to_recorddict(out, keep_input=False), reply_to=message)


def words(reply: Any, settings: Settings) -> list[Any]:
    """All words of a reply, array after array in order of name.

    Raises
    ------
    SiteProblem
        If a number is not finite or beyond the public range.
    """
    numbers = settings.fixed_point()
    try:
        return [word for name in sorted(reply) for word in numbers.encode(reply[name])]
    except ValueError as error:
        raise SiteProblem(str(error)) from None
