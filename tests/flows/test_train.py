"""`creditloop train`, and everything that one training leaves behind."""

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient

from configs.settings import load_settings
from services.ledger import open_ledger
from services.packages import read_package
from tasks.tracking import _url
from tests.flows.command import creditloop_here
from tests.flows.conftest import DATASET, FAMILIES, TRAIN

DOCUMENTS = ("model-card", "validation-report", "adverse-action")


@pytest.fixture(scope="session")
def result(trained):
    return trained.outcome.json


@pytest.fixture(scope="session")
def settings(trained):
    return load_settings(home=trained.home)


@pytest.fixture(scope="session")
def client(settings):
    return MlflowClient(settings.tracking_uri, settings.tracking_uri)


def children(client, experiment_id, run_id):
    return client.search_runs([experiment_id], f"tags.mlflow.parentRunId = '{run_id}'")


def test_json_has_what_scripts_read(result):
    champion = result["champion"]
    assert {line["family"] for line in result["leaderboard"]} == set(FAMILIES)
    assert champion["version"] == result["package"]["digest"][:12]
    assert result["quarantined"] == {"rows": 0, "share": 0.0, "path": None}
    for name in ("auc", "ks", "brier"):
        interval = champion["metrics"][name]
        assert interval["low"] < interval["value"] < interval["high"]
    assert sum(result["rows"].values()) == 1000


def test_champion_leads_the_leaderboard_by_validation_auc(result):
    values = [line["validation_auc"]["value"] for line in result["leaderboard"]]
    assert values == sorted(values, reverse=True)
    assert result["champion"]["family"] == result["leaderboard"][0]["family"]


def test_progress_of_every_trial_goes_to_stderr(trained):
    for family in FAMILIES:
        assert f"{family}: trial 2 of 2, AUC 0." in trained.outcome.err


def test_every_family_has_a_package_with_its_parity_within_the_gate(result, settings):
    for line in result["leaderboard"]:
        package = read_package(settings.packages / line["digest"], line["digest"])
        assert package.manifest.family == line["family"]
        assert line["parity"] <= 1e-5


def test_attestation_stands_beside_the_package(result, settings):
    name = f"{result['package']['digest']}.{result['run_id']}.attestation.json"
    path = settings.packages / name
    attestation = json.loads(path.read_bytes())
    assert attestation["run_id"] == result["run_id"]
    assert attestation["mlflow"]["run_id"] == result["mlflow"]["run_id"]
    assert [line["family"] for line in attestation["leaderboard"]] == [
        line["family"] for line in result["leaderboard"]
    ]


def test_ledger_says_who_put_the_champion_in_production_and_why(result, settings):
    deployment = open_ledger(settings.ledger_uri).current(DATASET)
    assert deployment.digest == result["package"]["digest"]
    assert deployment.run_id == result["run_id"]
    assert result["run_id"] in deployment.reason
    assert deployment.actor
    assert read_package(settings.home / deployment.uri, deployment.digest)


def test_every_fit_and_every_trial_is_a_nested_run(client, result):
    where = result["mlflow"]
    fits = children(client, where["experiment_id"], where["run_id"])
    assert {run.data.tags["family"] for run in fits} == set(FAMILIES)
    for fit in fits:
        kept = {file.path for file in client.list_artifacts(fit.info.run_id)}
        assert kept == {"package", "plots"}
        trials = children(client, where["experiment_id"], fit.info.run_id)
        assert len(trials) == 2
        assert all(trial.data.tags["pruned"] == "false" for trial in trials)
        assert all(trial.info.status == "FINISHED" for trial in trials)


def test_runs_have_metrics_with_bounds_and_the_fingerprint_of_the_data(client, result):
    run = client.get_run(result["mlflow"]["run_id"])
    auc = result["champion"]["metrics"]["auc"]
    assert run.data.metrics["test/auc"] == auc["value"]
    assert run.data.metrics["test/auc_low"] == auc["low"]
    package = result["package"]
    manifest = read_package(Path(package["path"]), package["digest"]).manifest
    assert run.data.tags["data"] == manifest.training_data
    plots = {file.path for file in client.list_artifacts(run.info.run_id, "plots")}
    assert {f"plots/{name}.png" for name in ("roc", "calibration", "ks", "profit")} <= plots


def test_documents_are_there_and_mlflow_keeps_the_same_bytes(client, result, settings, tmp_path):
    paths = {name: Path(path) for name, path in result["documents"].items()}
    assert tuple(paths) == DOCUMENTS
    kept = Path(client.download_artifacts(result["mlflow"]["run_id"], "documents", str(tmp_path)))
    assert len(list(kept.iterdir())) == 2 * len(DOCUMENTS)
    for path in paths.values():
        assert path.is_relative_to(settings.home / "documents")
        assert path.read_text().startswith("<!doctype html>")
        assert json.loads(path.with_suffix(".json").read_bytes())
        for file in (path, path.with_suffix(".json")):
            assert (kept / file.name).read_bytes() == file.read_bytes()


def test_report_and_attestation_give_the_verdict_that_the_command_printed(result, settings):
    verdict = result["verdict"]
    assert (verdict["overall"], result["promotion"]["state"]) == ("promote", "approved")
    report = Path(result["documents"]["validation-report"])
    assert json.loads(report.with_suffix(".json").read_bytes())["evidence"]["verdict"] == verdict
    name = f"{result['package']['digest']}.{result['run_id']}.attestation.json"
    assert json.loads((settings.packages / name).read_bytes())["verdict"] == verdict


def test_registered_champion_is_the_package_byte_for_byte(client, result, tmp_path):
    version = client.get_model_version_by_alias(f"creditloop-{DATASET}", "champion")
    assert str(version.version) == result["mlflow"]["model_version"]
    folder = Path(client.download_artifacts(version.run_id, "package", str(tmp_path)))
    assert read_package(folder).digest == result["package"]["digest"]


def test_bento_of_the_champion_is_built(result, settings):
    name, version = result["bento"].split(":")
    assert version.startswith(result["champion"]["version"] + "-")
    assert (settings.home / "bentoml" / "bentos" / name / version / "bento.yaml").is_file()


def test_same_again_gives_the_same_package_and_changes_nothing_in_production(
    trained, result, settings, client, up, capfd
):
    """Through another Prefect API, which must make no difference either."""
    again = creditloop_here(trained.home, up.api, capfd, *TRAIN)
    assert again.code == 0, again.err
    assert again.json["package"] == result["package"]
    assert again.json["run_id"] != result["run_id"]
    assert [line["digest"] for line in again.json["leaderboard"]] == [
        line["digest"] for line in result["leaderboard"]
    ]
    assert len(open_ledger(settings.ledger_uri).history(DATASET)) == 1
    assert len(client.search_model_versions(f"name = 'creditloop-{DATASET}'")) == 1


def test_link_to_mlflow_does_not_tell_the_password(settings):
    secured = settings.model_copy(update={"tracking_url": "https://ada:s3cret@mlflow.bank/"})
    assert _url(secured, "7", "abc") == "https://mlflow.bank/#/experiments/7/runs/abc"
