"""Timing single calls."""

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import TypeVar

import numpy as np

Argument = TypeVar("Argument")


def percentiles_of_calls(
    call: Callable[[Argument], object],
    arguments: Sequence[Argument],
    warm_up: int,
    percentiles: Sequence[int],
) -> list[float]:
    """Percentiles of the nanoseconds that one call takes, a call for each argument."""
    for argument in arguments[:warm_up]:
        call(argument)
    taken = np.empty(len(arguments))
    for position, argument in enumerate(arguments):
        started = perf_counter_ns()
        call(argument)
        taken[position] = perf_counter_ns() - started
    return [float(value) for value in np.percentile(taken, percentiles)]
