"""`creditloop score` and `models`, on a hand-made package and on a trained one."""

import csv
import json

import httpx
import numpy as np
import pandas as pd
import pytest

from configs.settings import load_settings
from credit.features import from_frame
from credit.scoring import Scorer
from credit.validation import validate
from flows.commands.applicants import as_json
from services.ledger import open_ledger
from services.packages import write_package
from services.serve import running_service
from tests import tiny
from tests.flows.command import creditloop

ROWS = [
    {"status": 1, "duration": 12, "amount": 1000.5, "bureau score": -9, "purpose": "car",
     "applied": "2024-05-01", "opened": "2020-01-31"},
    {"status": 2, "duration": 72, "amount": "", "bureau score": "", "purpose": "", "applied": "",
     "opened": ""},
    {"status": 9, "duration": 200, "amount": 100, "bureau score": 1, "purpose": "car",
     "applied": "", "opened": ""},
]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("scoring")
    settings = load_settings(home=home, dataset=tiny.SCHEMA.name)
    package = tiny.package()
    path = write_package(settings.packages, package)
    uri = path.relative_to(home).as_posix()
    ledger = open_ledger(settings.ledger_uri)
    ledger.deploy(settings.dataset, package.digest, uri, "hand-made", "Ada", "first model")
    pd.DataFrame(ROWS).to_csv(home / "applications.csv", index=False)
    return home


@pytest.fixture
def score(here):
    def run(home, *arguments):
        return here(home, "score", *arguments, CREDITLOOP_DATASET=tiny.SCHEMA.name)

    return run


def test_same_numbers_as_the_service(home, score):
    outcome = score(home, "applications.csv", "--json")
    assert outcome.code == 0, outcome.err
    scores = outcome.json["scores"]
    rows = validate(pd.read_csv(home / "applications.csv"), tiny.SCHEMA, outcomes=False).rows
    settings = load_settings(home=home, dataset=tiny.SCHEMA.name)
    with running_service(settings) as url, httpx.Client(base_url=url, trust_env=False) as client:
        for position in range(2):
            request = {"features": as_json(rows.iloc[position], tiny.SCHEMA)}
            answer = client.post("/api/predict", json=request).json()
            found = scores[position]
            for name in ("probability_of_default", "score", "decision"):
                assert found[name] == answer[name]
            assert found["reasons"] == [reason["text"] for reason in answer["reasons"]]


def test_bad_rows_say_why_and_the_others_are_scored(home, score):
    outcome = score(home, "applications.csv", "--json").json
    assert (outcome["scored"], outcome["rejected"]) == (2, 1)
    good, _, bad = outcome["scores"]
    assert good["problem"] is None
    assert bad["row"] == 3
    assert bad["probability_of_default"] is None
    assert "duration: got 200, expected an integer from 4 to 72 months" in bad["problem"]


def test_parquet_scores_like_csv_and_output_has_every_row(home, tmp_path, score):
    frame = pd.DataFrame(ROWS[:1])
    frame.to_parquet(home / "applications.parquet")
    output = tmp_path / "new" / "scores.csv"
    parquet = score(home, "applications.parquet", "--json", "--output", output).json
    csv_scores = score(home, "applications.csv", "--json").json
    expected = csv_scores["scores"][0]["probability_of_default"]
    assert parquet["scores"][0]["probability_of_default"] == expected
    with output.open() as file:
        (line,) = csv.DictReader(file)
    assert float(line["probability_of_default"]) == expected


def test_nothing_scored_is_a_no(home, tmp_path, score):
    pd.DataFrame(ROWS[2:]).to_csv(tmp_path / "bad.csv", index=False)
    outcome = score(home, tmp_path / "bad.csv")
    assert outcome.code == 1
    assert "0 of 1 rows scored" in outcome.err


def test_models_lists_production_and_packages(home, here):
    outcome = here(home, "models", "--dataset", tiny.SCHEMA.name, "--json")
    assert outcome.code == 0
    models = json.loads(outcome.out)
    assert models["current"]["actor"] == "Ada"
    assert models["current"]["digest"] == models["packages"][0]["digest"]
    assert "first model" in here(home, "models", "--dataset", tiny.SCHEMA.name).out


def test_changed_package_is_refused_in_one_line(home, score, here):
    settings = load_settings(home=home)
    (path,) = settings.packages.iterdir()
    graph = path / "model.onnx"
    content = graph.read_bytes()
    try:
        graph.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        outcome = score(home, "applications.csv", "--json")
        listed = here(home, "models", "--json").json
    finally:
        graph.write_bytes(content)
    assert outcome.code == 1
    assert len(outcome.error_lines) == 1
    assert "does not match its sha256" in outcome.err
    assert outcome.json["error"]["kind"] == "PackageError"
    assert "does not match its sha256" in listed["packages"][0]["problem"]


def test_unknown_digest_is_refused(home, score):
    outcome = score(home, "applications.csv", "--digest", "ffff")
    assert outcome.code == 1
    assert "0 packages have a digest that begins with 'ffff'" in outcome.err


def test_without_a_model_the_remedy_is_named(tmp_path, score):
    outcome = score(tmp_path, "applications.csv")
    assert outcome.code == 1
    assert "run `creditloop train --dataset tiny-credit`" in outcome.err


def test_trained_package_scores_every_row_as_the_domain_does(trained):
    from configs.datasets import load_spec
    from services.model import choose_package
    from tasks.sources import read_rows

    spec = load_spec("german-credit")
    settings = load_settings(home=trained.home, dataset=spec.name)
    outcome = creditloop(
        trained.home, "score", spec.source.path, "--dataset", spec.name, "--json"
    ).json
    package = choose_package(settings)
    rows = validate(read_rows(spec.source, spec), spec).rows
    expected = Scorer(package.schema, package.graph).probabilities(from_frame(rows, package.schema))
    given = [score["probability_of_default"] for score in outcome["scores"]]
    np.testing.assert_array_equal(given, expected)


def test_package_of_another_data_set_is_not_evaluated(home):
    (path,) = load_settings(home=home).packages.iterdir()
    evaluate = ("evaluate", "--dataset", "german-credit", "--digest", path.name[:6])
    outcome = creditloop(home, *evaluate)
    assert outcome.code == 1
    assert len(outcome.error_lines) == 1
    assert f"package {path.name[:12]} is of tiny-credit, not of german-credit" in outcome.err
