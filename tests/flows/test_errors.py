"""What goes wrong gives one clear line, the right exit code, and leaves nothing half-written."""

import socket
import subprocess
import sys
from unittest.mock import patch

import pandas as pd
import pytest
import yaml

from configs.settings import ROOT, load_settings
from flows.local.prefect_server import PrefectApi
from flows.local.processes import ProcessError
from tests.flows.command import creditloop, environment

GERMAN = ROOT / "data" / "german-credit.csv"

# Loading what a training needs takes seconds, so one process runs several commands.
RUN_ALL = """
import sys
from flows import cli
for dataset in sys.argv[1:]:
    sys.argv = ["creditloop", "train", "--dataset", dataset, "--family", "woe_logistic"]
    code = cli._run()
    print(f"exit code {code}", file=sys.stderr)
"""


def german(**changes):
    spec = yaml.safe_load((ROOT / "configs" / "datasets" / "german-credit.yaml").read_text())
    return {**spec, **changes}


def write_spec(folder, name, frame=None, **changes):
    data = folder / f"{name}.csv"
    if frame is not None:
        frame.to_csv(data, index=False)
    path = folder / f"{name}.yaml"
    spec = german(source={"path": str(data)}, **changes)
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path


def left_behind(home):
    return [path for folder in ("packages", "bentoml", "mlartifacts") for path in home.glob(folder)]


@pytest.fixture(scope="module")
def rows():
    return pd.read_csv(GERMAN, dtype=str)


def test_spec_with_an_unknown_key(tmp_path):
    path = write_spec(tmp_path, "unknown", colour="blue")
    outcome = creditloop(tmp_path, "train", "--dataset", path, "--json")
    assert outcome.code == 2
    assert len(outcome.error_lines) == 1
    assert "colour: unknown key; remove it or correct its spelling" in outcome.err
    assert outcome.json == {
        "error": {
            "kind": "SpecError",
            "message": outcome.err.strip().removeprefix("creditloop: "),
        }
    }
    assert not left_behind(tmp_path)


def test_missing_file(tmp_path, here):
    outcome = here(tmp_path, "train", "--dataset", "german-credit", "--data", "no.csv")
    assert outcome.code == 2
    assert len(outcome.error_lines) == 1
    assert "no.csv does not exist" in outcome.err
    assert outcome.out == ""


def test_unknown_data_set_names_those_there_are(tmp_path, here):
    outcome = here(tmp_path, "train", "--dataset", "french-credit")
    assert outcome.code == 2
    assert "german-credit" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bogus"], "No such option: --bogus"),
        (["--preset", "fast"], "'fast' is not one of 'quick', 'full'"),
        (["--family", "oracle"], "'oracle' is not one of woe_logistic"),
    ],
)
def test_wrong_options(tmp_path, here, arguments, message):
    outcome = here(tmp_path, "train", *arguments)
    assert outcome.code == 2
    assert len(outcome.error_lines) == 1
    assert message in outcome.err


def test_wrong_setting(tmp_path, here):
    outcome = here(tmp_path, "models", CREDITLOOP_SERVING__PORT="many")
    assert outcome.code == 2
    assert len(outcome.error_lines) == 1
    assert "serving.port" in outcome.err


@pytest.mark.parametrize(
    ("name", "value"), [("CREDITLOOP_CONFIG", "list.yaml"), ("CREDITLOOP_TRAINING", "{bad")]
)
def test_settings_that_cannot_be_read(tmp_path, here, name, value):
    (tmp_path / "list.yaml").write_text("- dataset")
    outcome = here(tmp_path, "models", "--json", **{name: value})
    assert outcome.code == 2
    assert len(outcome.error_lines) == 1
    assert outcome.json["error"]["kind"] == "SettingsError"


def test_output_that_cannot_be_written(tmp_path, here):
    (tmp_path / "taken").touch()
    outcome = here(tmp_path, "spec", GERMAN, "--output", "taken/x.yaml", "--json")
    assert outcome.code == 2
    assert outcome.error_lines == ["creditloop: taken: File exists"]
    assert outcome.json["error"]["message"] == "taken: File exists"
    assert here(tmp_path, "spec", GERMAN, "--output", "no/such/x.yaml").code == 0
    assert [path.name for path in (tmp_path / "no" / "such").iterdir()] == ["x.yaml"]


def test_a_day_that_does_not_exist_in_a_spec(tmp_path, here):
    (tmp_path / "spec.yaml").write_text("name: tiny\nversion: 2024-13-45\n")
    outcome = here(tmp_path, "spec", "--check", "spec.yaml")
    assert outcome.code == 1
    assert "cannot be read as YAML: line 2: month must be in 1..12" in outcome.err


def test_data_that_cannot_be_trained_on(tmp_path, rows, up):
    """The flow itself fails over these, and the line is as clear as before it started."""
    all_empty = rows.assign(duration_in_month="")
    columns = german()["columns"]
    columns["duration_in_month"]["missing_allowed"] = True
    all_bad = rows.head(200).assign(target="1")
    durations = ["many"] * 100 + rows["duration_in_month"].tolist()[100:]
    crooked = rows.assign(duration_in_month=durations)
    wordless = german()["columns"]
    wordless["housing"]["reason"] = ""
    (tmp_path / "empty.csv").touch()
    specs = [
        write_spec(tmp_path, "empty"),
        write_spec(tmp_path, "one-class", all_bad),
        write_spec(tmp_path, "all-missing", all_empty, columns=columns),
        write_spec(tmp_path, "crooked", crooked),
        write_spec(tmp_path, "wordless", rows, columns=wordless),
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL, *map(str, specs)],
        env=environment(tmp_path, PREFECT_API_URL=up.api),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith(("creditloop", "exit"))]
    assert lines[1::2] == ["exit code 2"] * 5, done.stderr
    empty, one_class, all_missing, rejected, no_text = lines[::2]
    assert "empty.csv is empty" in empty
    assert "rows are bad" in one_class
    assert "all values are missing" in all_missing
    assert "100 of 1,000 rows (10.0%) were rejected, more than 5.0%" in rejected
    assert "housing: no reason text, which a declined applicant would be owed" in no_text
    assert "searching" not in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not left_behind(tmp_path)
    (quarantine,) = (tmp_path / "quarantine").iterdir()
    assert len(pd.read_csv(quarantine)) == 100


def test_prefect_out_of_reach(tmp_path):
    with patch.dict("os.environ", {"PREFECT_API_URL": "http://127.0.0.1:9/api"}):
        api = PrefectApi(load_settings(home=tmp_path))
        with pytest.raises(ProcessError, match="start it with `creditloop up`, or unset"):
            api.wait_until_up()


def test_port_that_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = creditloop(tmp_path, "up", "--mlflow-port", port)
    assert outcome.code == 1
    assert f"port {port} is taken" in outcome.error_lines[-1]
