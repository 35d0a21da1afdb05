"""Prefect, MLflow, worker and scorer as `creditloop up` runs them, through their own APIs."""

import json
import re
import time
from base64 import b64decode

import httpx
import pytest

from configs.datasets import spec_names
from credit.plan import FamilyName, PresetName
from flows.dispatch import dispatch
from flows.evaluation import evaluation
from flows.performance import performance
from flows.retraining import retraining
from flows.training import training
from tests.flows.conftest import DATASET, FAMILIES

FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
RUN_SECONDS = 150


def deployment(api, name):
    return api.get(f"/deployments/name/{name}/{name}").raise_for_status().json()


def create_run(api, name, parameters):
    return api.post(
        f"/deployments/{deployment(api, name)['id']}/create_flow_run",
        json={"parameters": parameters},
    )


def run_deployment(api, name, parameters):
    created = create_run(api, name, parameters)
    run_id = created.raise_for_status().json()["id"]
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        run = api.get(f"/flow_runs/{run_id}").json()
        if run["state_type"] in FINAL:
            return run
        time.sleep(0.5)
    raise AssertionError(f"{name} is still {run['state_type']}")


@pytest.fixture(scope="session")
def training_run(api, up):
    run = run_deployment(api, "training", {"dataset": DATASET, "families": list(FAMILIES)})
    assert run["state_type"] == "COMPLETED", (up.home / "logs" / "worker.log").read_text()
    return run


@pytest.fixture(scope="session")
def artifacts(api, training_run):
    wanted = {"artifacts": {"flow_run_id": {"any_": [training_run["id"]]}}}
    found = api.post("/artifacts/filter", json=wanted).raise_for_status().json()
    return {artifact["key"]: artifact for artifact in found}


def test_urls_are_printed(up):
    for url in (up.prefect, up.mlflow, up.scorer):
        assert url in up.printed


def test_prefects_pages_ask_the_server_that_they_came_from(up):
    settings = httpx.get(f"{up.prefect}/ui-settings", timeout=30).json()
    assert settings["api_url"] == f"{up.prefect}/api"


def test_deployments_have_their_schedules(api):
    assert deployment(api, "training")["schedules"] == []  # retraining takes its place
    (weekly,) = deployment(api, "retraining")["schedules"]
    assert weekly["active"]
    assert weekly["schedule"]["cron"] == "0 3 * * 0"
    assert weekly["parameters"] == {"trigger": "weekly"}
    (often,) = deployment(api, "dispatch")["schedules"]
    assert (often["active"], often["schedule"]["cron"]) == (True, "*/5 * * * *")
    (weekly,) = deployment(api, "performance")["schedules"]
    assert (weekly["active"], weekly["schedule"]["cron"]) == (True, "0 6 * * 1")
    assert deployment(api, "evaluation")["schedules"] == []
    # They follow the settings' data set.
    for name in ("training", "evaluation", "performance", "retraining", "dispatch"):
        assert "dataset" not in deployment(api, name)["parameters"]


def test_run_form_shows_names_descriptions_defaults_and_allowed_values(api):
    form = deployment(api, "training")["parameter_openapi_schema"]["properties"]
    assert form["preset"]["enum"] == list(PresetName.__args__)
    assert form["families"]["anyOf"][0]["items"]["enum"] == list(FamilyName.__args__)
    assert form["dataset"].get("default") is None
    assert "the data set of the settings unless given" in form["dataset"]["description"]
    assert form["promote"]["default"] is True
    assert all(field["description"] for field in form.values())


@pytest.mark.parametrize("flow", [training, evaluation, performance, retraining, dispatch])
def test_description_names_the_data_sets_there_are(flow):
    description = flow.fn.__doc__.partition("dataset: ")[2].partition("\n")[0]
    assert description.startswith(", ".join(spec_names()))


def test_worker_trains_the_same_package_as_the_command_line(training_run, trained, up):
    digest = trained.outcome.json["package"]["digest"]
    assert (up.home / "packages" / digest).is_dir()
    assert training_run["name"] == f"train {DATASET} quick"


def test_tasks_have_names_that_people_read(api, training_run):
    wanted = {"task_runs": {"flow_run_id": {"any_": [training_run["id"]]}}}
    runs = api.post("/task_runs/filter", json=wanted).raise_for_status().json()
    names = {run["name"] for run in runs}
    assert {f"fit {family}" for family in FAMILIES} <= names
    assert {f"read {DATASET}", f"check {DATASET}", f"track {DATASET} in MLflow"} <= names


def test_leaderboard_is_a_table_artifact(artifacts):
    leaderboard = artifacts[f"{DATASET}-leaderboard"]
    assert leaderboard["type"] == "table"
    assert "Validation AUC" in str(leaderboard["data"])


def test_verdict_is_a_table_artifact_with_a_reason_for_each_gate(artifacts):
    verdict = artifacts[f"{DATASET}-verdict"]
    assert verdict["type"] == "table"
    assert verdict["description"].startswith("**promote** — version ")
    gates = json.loads(verdict["data"])
    assert {"AUC", "calibration slope", "documents"} <= {gate["Gate"] for gate in gates}
    assert all(gate["Passed"] == "yes" and gate["Reason"] for gate in gates)


def test_documents_are_linked_to_mlflow_which_has_them(artifacts, up):
    links = artifacts[f"{DATASET}-documents"]["data"]
    for name in ("model-card", "validation-report", "adverse-action"):
        (link,) = re.findall(rf"\[{name}\]\((.*)\)", links)
        assert link.startswith(f"{up.mlflow}/#/experiments/")
        run_id, _, path = link.partition("/runs/")[2].partition("/artifacts/")
        wanted = {"run_uuid": run_id, "path": path}
        answer = httpx.get(f"{up.mlflow}/get-artifact", params=wanted, trust_env=False)
        assert answer.text.startswith("<!doctype html>\n<html")
        assert "German" in answer.text or DATASET in answer.text


@pytest.mark.parametrize("plot", ["roc", "calibration"])
def test_plots_are_images_that_need_no_file_server(artifacts, plot):
    image = artifacts[f"{DATASET}-{plot}"]
    assert image["type"] == "image"
    kind, _, content = image["data"].partition(",")
    assert kind == "data:image/png;base64"
    assert b64decode(content).startswith(b"\x89PNG")


def test_link_leads_to_the_run_in_mlflow(artifacts, up):
    link = artifacts[f"{DATASET}-mlflow"]["data"]
    assert f"({up.mlflow}/#/experiments/" in link
    run_id = link.rpartition("/runs/")[2].rstrip(")")
    answer = httpx.get(f"{up.mlflow}/api/2.0/mlflow/runs/get", params={"run_id": run_id})
    assert answer.json()["run"]["info"]["status"] == "FINISHED"


def test_wrong_parameters_are_refused_before_anything_runs(api):
    answer = api.post(
        f"/deployments/{deployment(api, 'training')['id']}/create_flow_run",
        json={"parameters": {"preset": "fast"}, "enforce_parameter_schema": True},
    )
    assert answer.status_code == 409
    assert "'fast' is not one of" in answer.text
