"""The benchmark of estimates: nothing is known too early, and its page adds up."""

from statistics import mean

import pandas as pd
import pytest
from rich.console import Console

from benchmarks import estimation
from benchmarks.benchmark import BenchmarkError, Options
from benchmarks.report import RESULTS, read_results

RESULT = read_results(RESULTS)["estimation"]


def test_only_what_had_matured_when_the_quarter_began_is_known():
    issued = pd.Series(pd.to_datetime(["2008-06-01", "2008-07-01", "2008-08-01", "2010-01-01"]))
    assert estimation.known_before(issued, 18, "2010Q1").tolist() == [True, True, False, False]


@pytest.mark.parametrize("family", estimation.TRAINED)
def test_the_errors_are_those_of_the_quarters(family):
    quarters = estimation.quarters_of(RESULT, family)
    assert quarters == list(estimation.QUARTERS)

    def errors(name: str) -> list[float]:
        prefixes = [f"{family}_{quarter}" for quarter in quarters]
        return [RESULT[f"{each}_{name}"] - RESULT[f"{each}_realised"] for each in prefixes]

    for name, key in (("estimated", "estimate"), ("test", "test_auc")):
        found = errors(name)
        assert RESULT[f"{family}_error_of_{key}"] == pytest.approx(mean(map(abs, found)), abs=2e-6)
        assert RESULT[f"{family}_bias_of_{key}"] == pytest.approx(mean(found), abs=2e-6)
    closer = sum(abs(a) < abs(b) for a, b in zip(errors("estimated"), errors("test"), strict=True))
    assert RESULT[f"{family}_quarters_closer"] == closer
    page = estimation.show(RESULT)
    assert f"{RESULT[f'{family}_error_of_estimate']:.3f} for the estimate" in page


def test_without_the_file_it_says_what_to_set(monkeypatch, tmp_path):
    monkeypatch.delenv("CREDITLOOP_LENDINGCLUB", raising=False)
    with pytest.raises(BenchmarkError, match="CREDITLOOP_LENDINGCLUB"):
        estimation.measure(Options(tmp_path, Console(quiet=True)))


@pytest.mark.lendingclub
def test_a_quarter_is_measured_as_it_was_published(tmp_path):
    found = estimation.measure(
        Options(tmp_path, Console(quiet=True)), quarters=("2009Q4",), families=("woe_logistic",)
    )
    prefix = "woe_logistic_2009Q4"
    same = {name: RESULT[name] for name in RESULT if name.startswith(prefix)}
    assert {name: found[name] for name in same} == pytest.approx(same, abs=1e-6)
