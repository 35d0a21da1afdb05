"""What every benchmark offers, and the options that they share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from credit.plan import PresetName

Result = dict[str, str | int | float]


@dataclass(frozen=True)
class Options:
    """How to measure.

    scratch: folder for what a run needs on disk.
    preset: the training preset; None leaves it to the benchmark.
    runs: how often each side is measured; None leaves it to the benchmark.
    jobs: how many processes compute at the same time, where a benchmark does not measure time.
    fresh: whether an interrupted run is started anew instead of resumed.
    quick: a short run that shows whether all works, where a benchmark has one.
    soak: also watch memory for ten minutes, where a benchmark serves.
    """

    scratch: Path
    console: Console
    preset: PresetName | None = None
    runs: int | None = None
    jobs: int = 1
    fresh: bool = False
    quick: bool = False
    soak: bool = False


@dataclass(frozen=True)
class Benchmark:
    """One measurement: how it is made, how its result is shown in Markdown, and drawn if it is."""

    name: str
    title: str
    measure: Callable[[Options], Result]
    show: Callable[[Result], str]
    draw: Callable[[Result, Path], None] | None = None


class BenchmarkError(RuntimeError):
    """A measurement cannot be made; the message says what to do."""
