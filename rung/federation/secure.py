"""The sum of the replies by Flower's SecAgg+: the server adds masked integers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from .fixed_point import BITS
from .settings import Settings
from .wire import Wire

TRIES = 3


class _Ask:
    """The part of a strategy that the SecAgg+ workflow calls: whom to ask, and the average."""

    def __init__(self, wire: Wire, nodes: Sequence[int], config: dict[str, Any]) -> None:
        self._wire, self._nodes, self._config = wire, nodes, config
        self.average: list[NDArray[np.float64]] | None = None
        self.names: list[str] = []
        self.there: list[int] = []

    def configure_fit(self, server_round: int, parameters: Any, client_manager: Any) -> Any:
        """The instructions of each site."""
        from flwr.common import FitIns
        from flwr.server.compat.grid_client_proxy import GridClientProxy

        del server_round, client_manager
        fit = FitIns(parameters, self._config)
        return [(GridClientProxy(node, self._wire, 0), fit) for node in self._nodes]

    def aggregate_fit(self, server_round: int, results: Any, failures: Any) -> Any:
        """Keep the average, which stands in every result, and whose it is."""
        from flwr.common import parameters_to_ndarrays

        del server_round, failures
        names = {str(fit.metrics["names"]) for _, fit in results}
        if len(names) > 1:
            raise InputError("two sites replied with different arrays; do they run the same rung?")
        self.names = list(json.loads(names.pop()))
        self.there = [proxy.node_id for proxy, _ in results]
        self.average = parameters_to_ndarrays(results[0][1].parameters)
        return None, {}


class _Available:
    """The part of a client manager that the workflow calls."""

    def __init__(self, count: int) -> None:
        self._count = count

    def num_available(self) -> int:
        """Number of sites."""
        return self._count


def secure_sum(
    wire: Wire,
    context: Any,
    settings: Settings,
    round_: int,
    state: Mapping[str, NDArray[Any]],
    variables: str,
    nodes: Sequence[int],
) -> tuple[dict[str, NDArray[np.float64]], list[int]]:
    """The sum of the replies of `nodes`, and which of them it is of.

    Each site's weight in Flower's weighted average is 1, so the average times their number is the
    sum. A site that goes after it has shared its keys is tolerated while `minimum` remain; if one
    goes before, the exchange of keys is repeated with those that answered, and they send the
    reply that they have made already.

    Raises
    ------
    InputError
        If fewer than `minimum` sites take part to the end.
    """
    numbers = settings.fixed_point()
    for _ in range(TRIES):
        if len(nodes) < settings.minimum:
            break
        ask = _attempt(wire, context, settings, round_, state, variables, nodes)
        if ask.average is not None:
            sums = [np.asarray(a, dtype=np.float64) * len(ask.there) for a in ask.average]
            per, total = numbers.words, {}
            for i, name in enumerate(ask.names):
                total[name] = numbers.decode(sums[i * per : (i + 1) * per])
            return total, ask.there
        nodes = [node for node in nodes if node not in wire.away]
    raise InputError(
        f"the secure sum of round {round_} failed: {settings.minimum} of {settings.sites} sites "
        f"must take part to the end.{wire.complaints()}"
    )


def _attempt(
    wire: Wire, context: Any, settings: Settings, round_: int,
    state: Mapping[str, NDArray[Any]], variables: str, nodes: Sequence[int],
) -> _Ask:  # fmt: skip
    """One run of Flower's workflow over `nodes`."""
    from flwr.app import ConfigRecord, Context, RecordDict
    from flwr.common import ndarrays_to_parameters
    from flwr.compat.common.recorddict_compat import parameters_to_arrayrecord
    from flwr.server.compat.legacy_context import LegacyContext
    from flwr.server.workflow import SecAggPlusWorkflow
    from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD, Key

    names = sorted(state)
    ask = _Ask(wire, nodes, {"round": str(round_), "names": json.dumps(names),
                             "variables": variables})  # fmt: skip
    parameters = ndarrays_to_parameters([np.asarray(state[name]) for name in names])
    records = RecordDict({
        MAIN_CONFIGS_RECORD: ConfigRecord({Key.CURRENT_ROUND: round_}),
        MAIN_PARAMS_RECORD: parameters_to_arrayrecord(parameters, keep_input=True),
    })  # fmt: skip
    inner = Context(context.run_id, context.node_id, context.node_config, records,
                    context.run_config, context.series_id)  # fmt: skip
    legacy = LegacyContext(inner, strategy=ask, client_manager=_Available(len(nodes)))
    workflow = SecAggPlusWorkflow(
        1.0, settings.minimum, max_weight=1.0, clipping_range=1.0,
        quantization_range=2 ** (BITS + 1), modulus_range=2**40, timeout=settings.timeout,
    )  # fmt: skip
    workflow(wire, legacy)
    return ask
