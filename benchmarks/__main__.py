"""`python -m benchmarks [NAME...]`: measure, write results and the page made from them."""

from typing import Annotated

import typer
from rich.console import Console

from benchmarks import drift, estimation, latency, orchestration, quality, reasons, serving
from benchmarks.benchmark import Benchmark, BenchmarkError, Options
from benchmarks.report import RESULTS, write_page, write_result
from configs.settings import load_settings
from credit.plan import PresetName

BENCHMARKS: tuple[Benchmark, ...] = (
    quality.BENCHMARK,
    orchestration.BENCHMARK,
    latency.BENCHMARK,
    reasons.BENCHMARK,
    serving.BENCHMARK,
    drift.BENCHMARK,
    estimation.BENCHMARK,
)


def run(
    names: Annotated[list[str] | None, typer.Argument(help="What to measure; all if none.")] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Only list what there is.")] = False,
    page_only: Annotated[
        bool, typer.Option("--page", help="Only make docs/benchmarks.md from the results.")
    ] = False,
    preset: Annotated[PresetName | None, typer.Option(help="The preset of trainings.")] = None,
    runs: Annotated[int | None, typer.Option(min=1, help="Runs of each timed side.")] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Processes at a time, in quality and drift.")
    ] = 1,
    fresh: Annotated[bool, typer.Option(help="Forget an interrupted run of quality.")] = False,
    quick: Annotated[bool, typer.Option(help="A short run of serving or drift.")] = False,
    soak: Annotated[bool, typer.Option(help="Ten minutes more of serving, for memory.")] = False,
) -> None:
    """Measure, write benchmarks/results/NAME.json, and make docs/benchmarks.md from all results."""
    console = Console(stderr=True)
    known = {each.name: each for each in BENCHMARKS}
    unknown = sorted(set(names or ()) - known.keys())
    if unknown:
        raise typer.BadParameter(f"no benchmark {', '.join(unknown)}; there is {', '.join(known)}")
    if list_only:
        for each in BENCHMARKS:
            print(f"{each.name:15} {each.title}")
        return
    if page_only:
        write_page(BENCHMARKS)
        return
    scratch = load_settings().home / "benchmarks"
    options = Options(scratch, console, preset, runs, jobs, fresh, quick, soak)
    for name in names or known:
        console.rule(known[name].title)
        try:
            result = known[name].measure(options)
        except BenchmarkError as error:
            console.print(f"{name}: {error}", style="red")
            raise typer.Exit(1) from None
        write_result(RESULTS, name, result)
        write_page(BENCHMARKS)
        print(known[name].show(result))


if __name__ == "__main__":
    typer.run(run)
