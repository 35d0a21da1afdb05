"""Help, spec, doctor, evaluate and demo."""

import json
import re
import resource
import subprocess
import sys
from unittest.mock import patch

import pytest
import yaml
from mlflow import MlflowClient

from configs.settings import ROOT, load_settings
from credit.plan import FamilyName
from services.ledger import LedgerError
from tests.flows.command import creditloop, creditloop_here
from tests.flows.conftest import DATASET

COMMANDS = (
    *("train", "evaluate", "score", "serve", "models", "promote", "rollback", "shadow"),
    *("keys", "spec", "doctor", "demo", "up"),
)
LIGHT = ("flows.cli", "flows.commands.keys")
SLIM = tuple(f"flows.commands.{name}" for name in ("serve", "score", "promote", "rollback"))
HEAVY = ("prefect", "mlflow", "sklearn", "xgboost", "tensorflow", "pandas", "bentoml")


def test_help_lists_every_command_at_once(tmp_path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    outcome = creditloop(tmp_path, "--help")
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 2
    assert outcome.code == 0
    assert all(command in outcome.out for command in COMMANDS)


@pytest.mark.parametrize("module", [*LIGHT, *SLIM])
def test_nothing_heavy_is_loaded_before_it_is_needed(module):
    allowed = {"pandas", "bentoml"} if module not in LIGHT else set()
    script = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert set(json.loads(done.stdout.replace("'", '"'))) <= allowed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    from flows.cli import app

    with pytest.raises(SystemExit) as ended:
        app([command, "--help"])
    assert ended.value.code == 0
    assert "--help" in capsys.readouterr().out


def test_draft_of_a_spec_is_a_spec(tmp_path, here):
    data = ROOT / "data" / "german-credit.csv"
    draft = here(tmp_path, "spec", data)
    assert draft.code == 0
    assert yaml.safe_load(draft.out)["name"] == "german-credit"
    written = here(tmp_path, "spec", data, "--output", "draft.yaml")
    assert written.code == 0
    assert (tmp_path / "draft.yaml").read_text() == draft.out
    check = here(tmp_path, "spec", "draft.yaml", "--check")
    assert (check.code, len(check.error_lines)) == (1, 1)
    assert "no reason text" in check.err
    (tmp_path / "filled.yaml").write_text(draft.out.replace('reason: ""', "reason: It counted"))
    assert here(tmp_path, "spec", "filled.yaml", "--check").code == 0
    again = here(tmp_path, "spec", data, "--output", "draft.yaml")
    assert (again.code, len(again.error_lines)) == (2, 1)


def test_check_of_specs_names_each_that_is_wrong(tmp_path, here):
    (tmp_path / "wrong.yaml").write_text("name: Wrong\ncolumns: {}\n")
    outcome = here(tmp_path, "spec", "--check", "german-credit", "wrong.yaml", "--json")
    assert outcome.code == 1
    good, wrong = outcome.json["specs"]
    assert good == {"file": "german-credit", "problem": None}
    assert wrong["problem"].startswith("wrong.yaml: ")


def test_doctor_on_a_fresh_home(tmp_path):
    outcome = creditloop(tmp_path, "doctor", "--json")
    assert outcome.code == 0, outcome.out
    checks = {check["check"]: check for check in outcome.json["checks"]}
    assert checks["champion"]["state"] == "warning"
    assert checks["champion"]["remedy"] == "run `creditloop train --dataset taiwan-default`"
    assert checks["Prefect API"]["state"] == "ok"


def test_doctor_finds_what_is_wrong(tmp_path, here):
    outcome = here(
        tmp_path,
        "doctor",
        CREDITLOOP_LEDGER_URL="sqlite:////proc/none/ledger.db",
        CREDITLOOP_TRACKING_URL="http://ada:s3cret@127.0.0.1:9",
    )
    assert outcome.code == 1
    assert "s3cret" not in outcome.out + outcome.err
    failures = [line for line in outcome.out.splitlines() if line.startswith("✗")]
    assert [line.partition(":")[0] for line in failures] == [
        "✗ ledger",
        "✗ champion",
        "✗ MLflow store",
    ]


def test_evaluate_repeats_the_metrics_of_the_training(trained, up, api, capfd):
    """The package scores the test rows as the estimator did, to within rounding."""
    outcome = creditloop_here(
        trained.home, up.api, capfd, "evaluate", "--dataset", DATASET, "--json"
    )
    assert outcome.code == 0, outcome.err
    wanted = {"artifacts": {"flow_run_id": {"any_": [outcome.json["run_id"]]}}}
    keys = {found["key"] for found in api.post("/artifacts/filter", json=wanted).json()}
    assert {f"{DATASET}-evaluation", f"{DATASET}-evaluation-roc"} <= keys
    expected = trained.outcome.json["champion"]["metrics"]
    assert outcome.json["rows"] == trained.outcome.json["rows"]["test"]
    assert outcome.json["warnings"] == outcome.json["notes"] == []
    for name in ("auc", "ks", "brier"):
        assert outcome.json["metrics"][name]["value"] == pytest.approx(
            expected[name]["value"], abs=1e-5
        )


def test_evaluate_goes_by_the_package_when_the_spec_is_edited(trained, tmp_path, up, capfd):
    spec = yaml.safe_load((ROOT / "configs" / "datasets" / "german-credit.yaml").read_text())
    del spec["columns"]["duration_in_month"], spec["derived"], spec["rules"]
    spec["source"] = {"path": str(ROOT / "data" / "german-credit.csv")}
    (tmp_path / "edited.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    edited = ("evaluate", "--dataset", tmp_path / "edited.yaml", "--json")
    outcome = creditloop_here(trained.home, up.api, capfd, *edited)
    assert outcome.code == 0, outcome.err
    assert outcome.json["warnings"] == []
    changed = "The spec of german-credit has changed since"
    assert any(changed in note for note in outcome.json["notes"])
    auc = trained.outcome.json["champion"]["metrics"]["auc"]["value"]
    assert outcome.json["metrics"]["auc"]["value"] == pytest.approx(auc, abs=1e-5)


def test_evaluate_warns_of_rows_that_may_have_been_trained_on(trained, up, capfd):
    evaluate = ("evaluate", "--dataset", DATASET)
    same = (*evaluate, "--data", ROOT / "data" / "german-credit.csv", "--json")
    outcome = creditloop_here(trained.home, up.api, capfd, *same)
    (warning,) = outcome.json["warnings"]
    assert warning.endswith("the file holds the data of the training.")
    salt = {"CREDITLOOP_TRAINING__SPLITS__SALT": "other"}
    outcome = creditloop_here(trained.home, up.api, capfd, *evaluate, **salt)
    assert outcome.code == 0, outcome.err
    assert "Warning: These rows may have been trained on: the training settings" in outcome.out


def test_demo_goes_from_nothing_to_a_scored_application(tmp_path, up, capfd):
    outcome = creditloop_here(tmp_path, up.api, capfd, "demo", "--dataset", DATASET)
    assert outcome.code == 0, outcome.err
    for family in FamilyName.__args__:
        assert family in outcome.out
    for words in ("AUC", "KS", "Brier", "Champion:", "POST /api/predict", "200 OK"):
        assert words in outcome.out
    assert '"probability_of_default": 0.' in outcome.out
    assert "Where to look next" in outcome.out
    assert "Valid. is the AUC on validation, by which the champion is chosen" in outcome.out
    assert "This test part does not tell " in outcome.out  # 200 rows
    rows = next(line for line in outcome.out.splitlines() if line.startswith("Rows: "))
    assert re.fullmatch(
        r"Rows: train \d+ \(\d+\.\d% bad\), validation \d+ \(\d+\.\d% bad\), "
        r"test \d+ \(\d+\.\d% bad\); 0 rejected",
        rows,
    )


def test_training_without_promotion_deploys_nothing(tmp_path, up, capfd, here):
    train = ("train", "--dataset", DATASET, "--family", "woe_logistic", "--no-promote", "--json")
    outcome = creditloop_here(tmp_path, up.api, capfd, *train)
    assert outcome.code == 0, outcome.err
    assert outcome.json["deployed"] is False
    models = here(tmp_path, "models", "--dataset", DATASET, "--json").json
    assert models["current"] is None
    assert [kept["digest"] for kept in models["packages"]] == [outcome.json["package"]["digest"]]


def test_mlflow_follows_the_ledger_and_a_rerun_completes(tmp_path, up, capfd):
    train = ("train", "--dataset", DATASET, "--family", "woe_logistic", "--json")
    with patch("flows.promotion.request_promotion", side_effect=LedgerError("disk full")):
        failed = creditloop_here(tmp_path, up.api, capfd, *train)
    assert failed.json["error"] == {"kind": "LedgerError", "message": "disk full"}
    settings = load_settings(home=tmp_path)
    client = MlflowClient(settings.tracking_uri, settings.tracking_uri)
    assert client.get_registered_model(f"creditloop-{DATASET}").aliases == {}
    again = creditloop_here(tmp_path, up.api, capfd, *train)
    assert again.code == 0, again.err
    version = again.json["mlflow"]["model_version"]
    aliases = client.get_registered_model(f"creditloop-{DATASET}").aliases
    assert {name: str(named) for name, named in aliases.items()} == {"champion": version}
    attested = {path.name for path in settings.packages.glob("*.attestation.json")}
    assert len(attested) == 2  # each run has its own
    assert f"{again.json['package']['digest']}.{again.json['run_id']}.attestation.json" in attested


def test_unreachable_ledger_stops_a_training_before_it_fits(tmp_path, up, capfd):
    outcome = creditloop_here(
        tmp_path,
        up.api,
        capfd,
        *("train", "--dataset", DATASET, "--family", "woe_logistic", "--json"),
        CREDITLOOP_LEDGER_URL="sqlite:////proc/none/ledger.db",
    )
    assert outcome.code == 1
    assert outcome.json["error"]["kind"] == "LedgerError"
    assert not (tmp_path / "packages").exists()


def test_unreachable_mlflow_says_what_to_correct(tmp_path, up, capfd):
    outcome = creditloop_here(
        tmp_path,
        up.api,
        capfd,
        *("train", "--dataset", DATASET, "--family", "woe_logistic", "--json"),
        CREDITLOOP_TRACKING_URL="http://ada:s3cret@127.0.0.1:9",
    )
    assert outcome.code == 1
    assert "s3cret" not in outcome.out + outcome.err
    message = outcome.json["error"]["message"]
    assert message.startswith("MLflow does not answer at http://127.0.0.1:9 (")
    assert message.endswith("correct or unset CREDITLOOP_TRACKING_URL")
