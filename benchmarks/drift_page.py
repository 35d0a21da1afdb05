"""The drift benchmark's part of the page, and its plot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Result
from benchmarks.drift_pools import SOURCES
from benchmarks.drift_speed import IN_MEMORY
from benchmarks.drift_windows import CLEAN, SHIFTS, SIZES
from benchmarks.report import table, verdict
from credit.intervals import wilson

JUDGES = {
    "ours": "Creditloop",
    "defaults_any": "Evidently's defaults, any column",
    "defaults_dataset": "Evidently's defaults, data set",
    "tests_any": "KS and chi-square at 5%, any column",
    "tests_dataset": "KS and chi-square at 5%, data set",
}
SIDES = {
    "ours": "Creditloop, reference as a profile",
    "ours_with_reference": "Creditloop, both sides raw",
    "scipy": "SciPy, column by column",
    "evidently_tests": "Evidently, the same tests",
    "evidently_defaults": "Evidently, its defaults",
}
LONG_SIDES = {
    "ours_in_parts": "Creditloop, from parquet in parts",
    "scipy_in_parts": "SciPy, column by column from parquet",
    "evidently_tests": "Evidently, the same tests",
}
MOST_CLEAN, LEAST_AT_1000, LEAST_AT_200, MOST_MOVE = 0.01, 0.95, 0.80, 0.05
LEAST_EVIDENTLY, LEAST_SCIPY, MOST_MEGABYTES, MOST_SLOWER = 15.0, 3.0, 1000, 1.15


def show(result: Result) -> str:
    parts = [_intro(result), "![alarms by size of window and seconds of a check](drift.svg)"]
    parts += [_windows_table(result, name) for name in _measured(result)]
    if "vintage_level" in result:
        parts.append(_vintage(result))
    return "\n\n".join([*parts, _speed_tables(result), _targets(result)])


def _measured(result: Result) -> list[str]:
    return [name for name in SOURCES if f"{name}_columns" in result]


def _sizes(result: Result, name: str) -> list[int]:
    return [rows for rows in SIZES if f"{name}_n{rows}_{CLEAN}_ours" in result]


def _intro(result: Result) -> str:
    windows = int(result["windows"])
    rates = [
        float(result[f"{name}_n{rows}_{CLEAN}_ours"])
        for name in _measured(result)
        for rows in _sizes(result, name)
    ]
    alarms, clean = round(sum(rates) * windows), windows * len(rates)
    return (
        f"Single windows of one pool of real rows, {windows:,} of each size: the "
        "reference is half of the pool, the window comes from the other half; where that has too "
        "few rows, both are drawn with replacement from the whole. So every alarm of a clean "
        "window is false, and the shifts are planted into the same windows: one of the three "
        "columns that matter most to the champion, in turn, moved upwards or downwards by tilting "
        "the shares of its bins, 10% of it missing, the second most frequent level of the leading "
        "category gone, or the bad rate doubled. An alarm is a single window at warning or above; "
        "the service wants two in a row, or a critical one. Evidently's own tests judge "
        f"{int(result['windows_beside'])} of the windows, with the tests that it chooses itself "
        "and with KS and chi-square: its alarm is any drifted column, or its verdict on the data "
        "set, which is half of the columns. In brackets how often the column aimed at was called "
        f"drifted. Of all {clean:,} clean windows {alarms} raised our alarm: a share of at most "
        f"{wilson(alarms, clean)[1]:.2%} with 95% confidence."
    )


def _windows_table(result: Result, name: str) -> str:
    rows = [
        [f"{rows:,}", title, *(_share(result, f"{name}_n{rows}_{shift}", each) for each in JUDGES)]
        for shift, title in {CLEAN: "clean", **SHIFTS}.items()
        for rows in _sizes(result, name)
    ]
    head = (
        f"### {SOURCES[name].title}\n\n{int(result[f'{name}_pool_rows']):,} rows, "
        f"{result[f'{name}_columns']} columns; leading columns {result[f'{name}_leading']}, "
        f"leading category {result[f'{name}_leading_category']}."
    )
    return f"{head}\n\n{table(('rows', 'window', *JUDGES.values()), rows)}"


def _share(result: Result, prefix: str, judge: str) -> str:
    share = f"{float(result[f'{prefix}_{judge}']):.1%}"
    column = result.get(f"{prefix}_{judge.removesuffix('_any')}_column")
    return share if column is None else f"{share} ({float(column):.0%})"


def _vintage(result: Result) -> str:
    return (
        "### LendingClub: loans until 2008, then 2009\n\n"
        f"{int(result['vintage_rows']):,} loans of 2009 against "
        f"{int(result['vintage_reference_rows']):,} before: "
        f"**{result['vintage_level']}**, score {float(result['vintage_score']):.2f}, "
        f"{result['vintage_drifted']} of {result['vintage_columns']} columns drifted, the worst "
        f"{result['vintage_worst']}. Of {result['vintage_months']} monthly windows "
        f"{result['vintage_months_not_calm']} are not calm. The champion of the loans until 2008 "
        f"expects {float(result['vintage_mean_pd']):.1%} to be charged off within 18 months and "
        f"{float(result['vintage_bad_rate']):.1%} were: observed to expected "
        f"{_interval(result, 'vintage')}, where its own test part has "
        f"{_interval(result, 'vintage_own')}; AUC {float(result['vintage_auc']):.3f}, on its own "
        f"test part {float(result['vintage_own_auc']):.3f}. The lender had approved all of them."
    )


def _interval(result: Result, prefix: str) -> str:
    value, low, high = (
        float(result[f"{prefix}_ratio_{bound}"]) for bound in ("value", "low", "high")
    )
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _speed_tables(result: Result) -> str:
    ours = float(result["ours_cpu_seconds"])
    short = [
        [
            SIDES[side],
            f"{float(result[f'{side}_seconds']):.2f}",
            f"{float(result[f'{side}_cpu_seconds']):.2f}",
            f"{float(result[f'{side}_cpu_seconds']) / ours:.1f}",
            f"{int(result[f'{side}_megabytes']):,}",
        ]
        for side in IN_MEMORY
    ]
    long = [
        [
            title,
            f"{rows:,}",
            f"{float(result[f'{side}_{rows}_rows_seconds']):.1f}",
            f"{float(result[f'{side}_{rows}_rows_cpu_seconds']):.1f}",
            f"{float(result[f'{side}_{rows}_rows_cpu_seconds']) / rows * 1e6:.2f}",
            f"{int(result[f'{side}_{rows}_rows_megabytes']):,}",
        ]
        for side, title in LONG_SIDES.items()
        for rows in _long(result, side)
    ]
    rows = int(result["speed_rows"])
    return (
        f"### Speed and memory\n\n{rows:,} rows of 23 columns against {rows:,}, 14 numbers and 9 "
        f"categories, each check alone in a fresh process, median of {result['speed_runs']}; "
        "seconds without imports and reading, "
        "times ours is by CPU seconds, which a busy machine moves least, and "
        "memory is the peak of the process, data included. Creditloop finds PSI, Wasserstein or "
        "Jensen-Shannon, missing values, new levels and intervals beside the tests. The longer "
        "windows stand in a parquet file, and reading them counts.\n\n"
        + table(("check", "s", "CPU s", "times ours", "peak MB"), short)
        + "\n\n"
        + table(("long window", "rows", "s", "CPU s", "CPU µs a row", "peak MB"), long)
    )


def _long(result: Result, side: str) -> list[int]:
    """The lengths that a side was measured at."""
    start, end = f"{side}_", "_rows_cpu_seconds"
    between = (
        key.removeprefix(start).removesuffix(end)
        for key in result
        if key.startswith(start) and key.endswith(end)
    )
    return sorted(int(text) for text in between if text.isdigit())


def _worst(result: Result, figure: str, sizes: Sequence[int], most: bool) -> float:
    found = [
        float(result[f"{name}_n{rows}_{figure}"])
        for name in _measured(result)
        for rows in sizes
        if f"{name}_n{rows}_{figure}" in result
    ]
    return max(found) if most else min(found)


def _move(result: Result, figure: str) -> float:
    """How far a mean score moves over the sizes of windows, in the pool where it moves most."""
    scores = [
        [float(result[f"{name}_n{rows}_{figure}"]) for rows in _sizes(result, name)]
        for name in _measured(result)
    ]
    return max(max(each) - min(each) for each in scores)


def _targets(result: Result) -> str:
    ours, long = float(result["ours_cpu_seconds"]), _long(result, "ours_in_parts")
    pace = [float(result[f"ours_in_parts_{rows}_rows_cpu_seconds"]) / rows for rows in long]
    memory = int(result[f"ours_in_parts_{long[-1]}_rows_megabytes"])
    clean = _worst(result, f"{CLEAN}_ours", SIZES, most=True)
    rows = [
        _target("clean windows at warning, the worst cell", clean, "at most", MOST_CLEAN, "{:.1%}"),
        *(
            _target(
                f"PSI 0.25 found in a window of {size:,}, the worst pool",
                _worst(result, "psi25_ours", [size], most=False),
                "at least",
                least,
                "{:.1%}",
            )
            for size, least in ((1_000, LEAST_AT_1000), (200, LEAST_AT_200))
        ),
        *(
            _target(
                f"mean score at {title}: largest move over sizes",
                _move(result, f"{shift}_ours_score"),
                "at most",
                MOST_MOVE,
                "{:.3f}",
            )
            for shift, title in (("psi10", "PSI 0.10"), ("psi25", "PSI 0.25"))
        ),
        *_vintage_targets(result),
        _target(
            "times faster than Evidently with the same tests",
            float(result["evidently_tests_cpu_seconds"]) / ours,
            "at least",
            LEAST_EVIDENTLY,
            "{:.1f}",
        ),
        _target(
            "times faster than SciPy column by column",
            float(result["scipy_cpu_seconds"]) / ours,
            "at least",
            LEAST_SCIPY,
            "{:.1f}",
        ),
        _target(f"peak MB at {long[-1]:,} rows", memory, "at most", MOST_MEGABYTES, "{:,.0f}"),
        _target(
            f"time of a row at {long[-1]:,} rows against {long[0]:,}",
            pace[-1] / pace[0],
            "at most",
            MOST_SLOWER,
            "{:.2f}",
        ),
    ]
    return table(("target", "bound", "measured", ""), rows)


def _target(text: str, value: float, side: str, bound: float, form: str) -> list[str]:
    reached = value <= bound if side == "at most" else value >= bound
    return [text, f"{side} {form.format(bound)}", form.format(value), verdict(reached)]


def _vintage_targets(result: Result) -> list[list[str]]:
    if "vintage_level" not in result:
        return []
    level, high = str(result["vintage_level"]), float(result["vintage_ratio_high"])
    return [
        ["LendingClub 2009 is called drifted", "not calm", level, verdict(level != "calm")],
        _target("its over-prediction: upper bound of O to E", high, "at most", 1.0, "{:.2f}"),
    ]


def draw(result: Result, path: Path) -> None:
    """Alarms by size of window, clean and at a PSI of 0.25, for each pool; then seconds."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = _measured(result)
    with mpl.rc_context({"svg.hashsalt": "drift"}):
        figure = Figure(figsize=(9, 8), layout="constrained")
        mosaic = [[f"{shift} {name}" for name in names] for shift in (CLEAN, "psi25")] + [
            ["seconds"] * len(names)
        ]
        axes = figure.subplot_mosaic(mosaic)
        for name in names:
            for shift, title in ((CLEAN, "clean"), ("psi25", "PSI 0.25")):
                _draw_alarms(axes[f"{shift} {name}"], result, name, shift)
                axes[f"{shift} {name}"].set_title(f"{SOURCES[name].title}, {title}")
        axes[f"{CLEAN} {names[0]}"].set_ylabel("windows that alarm")
        axes[f"psi25 {names[0]}"].set_ylabel("windows that alarm")
        axes[f"psi25 {names[0]}"].legend(fontsize="small")
        _draw_seconds(axes["seconds"], result)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _draw_alarms(axes: Any, result: Result, name: str, shift: str) -> None:
    sizes = _sizes(result, name)
    styles: Mapping[str, tuple[str, str]] = {
        "ours": ("#1f77b4", "Creditloop"),
        "defaults_any": ("#ff7f0e", "Evidently's defaults"),
        "tests_any": ("#7f7f7f", "KS and chi-square"),
    }
    for judge, (colour, title) in styles.items():
        shares = [float(result[f"{name}_n{rows}_{shift}_{judge}"]) for rows in sizes]
        axes.plot(sizes, shares, marker="o", color=colour, label=title)
    axes.set_xscale("log")
    axes.set_ylim(-0.04, 1.04)
    axes.set_xlabel("rows of the window")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_seconds(axes: Any, result: Result) -> None:
    sides = list(reversed(IN_MEMORY))
    seconds = [float(result[f"{side}_cpu_seconds"]) for side in sides]
    colours = ["#1f77b4" if side.startswith("ours") else "#b0b0b0" for side in sides]
    bars = axes.barh([SIDES[side] for side in sides], seconds, color=colours)
    axes.bar_label(bars, [f"{each:.2f} s" for each in seconds], padding=3)
    axes.set_xlabel(
        f"seconds of processors to check {int(result['speed_rows']):,} rows of 23 columns"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
