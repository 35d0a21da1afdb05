from dataclasses import replace
from pathlib import Path

from configs.datasets import load_spec
from credit.metrics import Interval
from tasks.artifacts import data_text, metrics_table
from tasks.record import Data

DATA = Data(
    dataset=load_spec("german-credit"),
    fingerprint="0" * 64,
    rows={"train": 600, "test": 1200},
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
    assert data_text(DATA).strip() == "**Rows**: train 600, test 1,200; 0 rejected (0.00%)"


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
