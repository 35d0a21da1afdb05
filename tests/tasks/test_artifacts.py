from dataclasses import replace
from pathlib import Path

from configs.datasets import load_spec
from credit.intervals import Interval
from tasks.artifacts import data_text, evaluated_text, metrics_table
from tasks.record import Data, Evaluation

DATA = Data(
    dataset=load_spec("german-credit"),
    fingerprint="0" * 64,
    rows={"train": 600, "test": 1200, "gap": 3},
    bad_rates={"train": 0.25, "test": 0.301},
    rejected=0,
    rejected_share=0.0,
    quarantine=None,
    warnings=(),
    notes=(),
)


def test_metrics_have_their_bounds():
    (line,) = metrics_table({"auc": Interval(0.78, 0.76, 0.8)})
    assert line == {"Metric": "AUC", "Value": "0.7800", "Low": "0.7600", "High": "0.8000"}


def test_clean_data_is_one_line():
    assert data_text(DATA).strip() == (
        "**Rows**: train 600 (25.0% bad), test 1,200 (30.1% bad), gap 3; 0 rejected (0.00%)"
    )


def test_warnings_and_quarantine_are_listed():
    data = replace(
        DATA,
        rejected=18,
        rejected_share=0.01,
        quarantine=Path("/home/q.csv"),
        warnings=("It leaks.",),
        notes=("It moved.",),
    )
    lines = data_text(data).splitlines()
    assert lines[0].endswith("18 rejected (1.00%)")
    assert "- Rejected rows with their reasons: `/home/q.csv`" in lines
    assert lines[-2:] == ["- **Warning**: It leaks.", "- It moved."]


def test_doubts_about_an_evaluation_are_listed():
    record = Evaluation(
        run_id="run",
        dataset="german-credit",
        family="xgboost",
        digest="1" * 64,
        fingerprint="0" * 64,
        rejected=0,
        rejected_share=0.0,
        quarantine=None,
        rows_from="test part",
        rows=1200,
        bad_rate=0.3,
        metrics={},
        warnings=("Trained on.",),
        notes=(),
    )
    assert evaluated_text(record).splitlines() == [
        "**Rows**: test part 1,200 (30.0% bad); 0 rejected (0.00%)",
        "",
        "- **Warning**: Trained on.",
    ]
