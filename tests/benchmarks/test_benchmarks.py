"""Each benchmark on the German data, as small as it goes; nothing here judges a time."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
import typer
from rich.console import Console

from benchmarks import latency, open_loop, orchestration, quality, reasons, serving
from benchmarks.__main__ import BENCHMARKS, run
from benchmarks.benchmark import Benchmark, BenchmarkError, Options, Result
from benchmarks.development import develop, package_of, train
from benchmarks.machine import circumstances
from benchmarks.report import DOCS, RESULTS, read_results, render, write_result
from credit.training import fit_family
from credit.underwriting import Underwriter

DATASET = "german-credit"
FAMILY = "woe_logistic"


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(tmp_path / "scratch", Console(quiet=True), preset="quick", runs=1)


def check(benchmark: Benchmark, result: Result, folder: Path) -> str:
    """The result survives a flat file, and the page shows it."""
    write_result(folder, benchmark.name, result)
    read = read_results(folder)
    assert read == {benchmark.name: result}
    assert all(type(value) in (str, int, float) for value in result.values())
    assert {"date", "commit", "cores", "cpu", "version_python"} <= result.keys()
    page = render(BENCHMARKS, read)
    assert f"## {benchmark.title}" in page
    return page


def test_quality_measures_each_outer_fold_once(options: Options, tmp_path: Path) -> None:
    result = quality.measure(options, [DATASET], [FAMILY])
    page = check(quality.BENCHMARK, result, tmp_path / "results")
    folds = [result[f"german_credit_{FAMILY}_auc_fold_{fold}"] for fold in range(1, 6)]
    assert result[f"german_credit_{FAMILY}_auc"] == pytest.approx(sum(folds) / 5, abs=1e-6)
    assert 0.7 < result[f"german_credit_{FAMILY}_auc"] < 0.85
    assert f"{result[f'german_credit_{FAMILY}_auc']:.4f} ±" in page


def test_quality_resumes_an_interrupted_run(options: Options) -> None:
    rows, plan = quality.load_rows(DATASET), quality.load_settings().training
    options.scratch.joinpath("quality").mkdir(parents=True)
    for fold in range(1, 6):
        cell = quality.Cell(DATASET, FAMILY, fold, "quick")
        done = dict.fromkeys((*quality.METRICS, "seconds"), fold / 10)
        path = options.scratch / "quality" / f"{quality._key(cell, rows, plan)}.json"
        path.write_text(json.dumps(done))
    result = quality.measure(options, [DATASET], [FAMILY])
    assert result[f"german_credit_{FAMILY}_auc"] == 0.3
    assert not (options.scratch / "quality").exists(), "a finished run must not feed the next"


def test_quality_never_learns_from_the_outer_test_part(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, plan = quality.load_rows(DATASET), quality.load_settings().training
    fitted, held_out = quality._outer_folds(rows.bad)[0]
    fits: list[int] = []

    def counted(*arguments: object) -> object:
        fits.append(len(arguments[3]))
        return fit_family(*arguments)

    monkeypatch.setattr(quality, "fit_family", counted)
    quality.measure_cell(quality.Cell(DATASET, FAMILY, 1, "quick"), rows, plan)
    assert fits == [800]
    assert set(fitted) | set(held_out) == set(range(1000))
    assert not set(fitted) & set(held_out)


def test_latency_times_single_calls_and_batches(options: Options, tmp_path: Path) -> None:
    result = latency.measure(options, DATASET, [FAMILY], calls=20)
    check(latency.BENCHMARK, result, tmp_path / "results")
    p50, p99 = (result[f"{FAMILY}_{p}_microseconds"] for p in ("p50", "p99"))
    assert 0 < p50 <= p99


def test_reasons_times_single_calls_and_a_batch(options: Options, tmp_path: Path) -> None:
    result = reasons.measure(options, DATASET, [FAMILY], calls=20)
    check(reasons.BENCHMARK, result, tmp_path / "results")
    p50, p99 = (result[f"{FAMILY}_{p}_milliseconds"] for p in ("p50", "p99"))
    assert 0 < p50 <= p99
    assert result[f"{FAMILY}_repeats"] == 1


def test_script_and_flow_make_the_same_models(tmp_path: Path) -> None:
    bare = orchestration._bare(DATASET, "quick", [FAMILY], tmp_path / "home")
    with orchestration._prefect_server(tmp_path / "home") as server:
        flow = orchestration._flow(DATASET, "quick", [FAMILY], tmp_path / "home", server)
    orchestration._check_same(bare, flow)
    assert bare.aucs.keys() == {FAMILY}
    assert bare.rest == bare.seconds > 0
    assert 0 < flow.assessment < flow.seconds


def test_orchestration_takes_medians_of_rounds(tmp_path: Path) -> None:
    run = orchestration.Run
    rounds = [
        orchestration.Round(run(bare, {}), run(flow, {}, assessment), run(flow + 3, {}, assessment))
        for bare, flow, assessment in ((10.0, 15.0, 4.0), (20.0, 65.0, 45.0), (40.0, 91.0, 41.0))
    ]
    medians = {
        "bare_seconds": 20.0,
        "flow_seconds": 65.0,
        "alone_seconds": 68.0,
        "assessment_seconds": 41.0,
        "difference_seconds": 1.0,
        "alone_difference_seconds": 4.0,
        "ratio": 1.1,
        "alone_ratio": 1.325,
    }
    summaries = {preset: orchestration._summary(preset, rounds) for preset in ("quick", "full")}
    for preset, summary in summaries.items():
        assert summary == {f"{preset}_{name}": value for name, value in medians.items()}
    facts = {**circumstances("prefect"), "dataset": DATASET, "runs": 3}
    first = {"first_flow_in_a_new_home_quick_seconds": 30.0}
    result = {**facts, **first, **summaries["quick"], **summaries["full"]}
    page = check(orchestration.BENCHMARK, result, tmp_path)
    assert "| `quick` | 20.0 | 65.0 | 41.0 | 1.0 | 1.100 | 4.0 | 1.325 |" in page
    assert "ratio in `full` at most 1.05: **missed**" in page
    assert "difference in `quick`, alone, at most 20 s: reached" in page
    assert "assessment in `quick` at most 40 s: **missed**" in page


def test_orchestration_refuses_to_compare_different_models() -> None:
    bare, flow = (orchestration.Run(1.0, {FAMILY: auc}) for auc in (0.7, 0.8))
    with pytest.raises(BenchmarkError, match=r"different models.*0\.7.*0\.8"):
        orchestration._check_same(bare, flow)


@pytest.mark.stack
def test_serving_loads_every_side(options: Options, tmp_path: Path) -> None:
    quick = replace(options, quick=True, soak=True)
    result = serving.measure(quick, DATASET, FAMILY, FAMILY)
    page = check(serving.BENCHMARK, result, tmp_path / "results")
    for name, title in serving.TITLES.items():
        assert result[f"{name}_requests_per_second"] > 0
        assert result[f"{name}_rss_megabytes"] > 10
        assert f"| {title} |" in page
    assert result[f"{serving.FULL}_open_failed"] == result["soak_failed"] == 0


def test_serving_says_what_to_install(
    options: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchmarkError, match="apt-get install wrk"):
        serving.measure(options, DATASET)


def test_the_benchmarks_package_refuses_thirty_in_a_hundred() -> None:
    development = develop(DATASET)
    package = package_of(train(FAMILY, "quick", development), development)
    judged = Underwriter(package).judge(development.test.applications)
    refused = [judgement for judgement in judged if judgement.decision != "approve"]
    assert len(refused) == round(0.3 * len(judged))
    assert all(judgement.reasons for judgement in refused)


def test_an_open_loop_counts_from_when_a_request_was_due() -> None:
    answers = iter([("200 OK", 0.3), ("503 Service Unavailable", 0), *[("200 OK", 0)] * 3])
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        Thread(target=_accept, args=(server, answers), daemon=True).start()
        port = server.getsockname()[1]
        seen = open_loop.load("127.0.0.1", port, [b"GET / HTTP/1.1\r\n\r\n"], 10, 0.5)
    assert (len(seen.latencies), seen.failed) == (4, 1)
    assert max(seen.latencies) >= 0.3


def _accept(server: socket.socket, answers: Iterator[tuple[str, float]]) -> None:
    with suppress(OSError):  # closed at the end of the test
        while True:
            connection, _ = server.accept()
            Thread(target=_answer, args=(connection, answers), daemon=True).start()


def _answer(connection: socket.socket, answers: Iterator[tuple[str, float]]) -> None:
    while connection.recv(4096):
        status, seconds = next(answers)
        time.sleep(seconds)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}".encode())


def test_a_result_must_be_flat(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="folds: expected a number or text"):
        write_result(tmp_path, "quality", {"auc": 0.7, "folds": [0.7]})  # type: ignore[dict-item]
    assert not list(tmp_path.iterdir())


def test_results_are_flat_and_name_no_machine() -> None:
    results = read_results(RESULTS)
    assert results.keys() <= {each.name for each in BENCHMARKS}
    for name, result in results.items():
        for key, value in result.items():
            assert type(value) in (str, int, float), f"{name}: {key}"
            assert not isinstance(value, str) or "/" not in value, f"{name}: {key}: {value}"


def test_the_page_is_made_from_the_results() -> None:
    assert DOCS.read_text() == render(BENCHMARKS, read_results(RESULTS)), (
        "docs/benchmarks.md is out of step; run .venv/bin/python -m benchmarks --page"
    )


def test_the_command_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    run(list_only=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [each.name for each in BENCHMARKS]


def test_the_command_refuses_what_there_is_not() -> None:
    with pytest.raises(typer.BadParameter, match="no benchmark speed; there is quality"):
        run(["speed"])
