"""From a run that asks for production to the command that lets it in, with real servers."""

import io
import json
import time
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from mlflow import MlflowClient
from prefect import State, get_client
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL, temporary_settings

from configs.settings import ROOT, Settings, load_settings
from services.keys import NewKey, create_key
from services.ledger import Candidate, Ledger, open_ledger
from services.packages import write_package
from services.people import user
from tasks.tracking import CHAMPION, DIGEST, follow_ledger
from tests import tiny
from tests.flows.asking import DATASET, asking, verdict
from tests.flows.command import creditloop_here

WAIT_SECONDS = 90
MODEL = f"creditloop-{DATASET}"
OLD, NEW = (tiny.package(shift=shift) for shift in (-1.0, -1.1))


def settle(home: Path) -> Settings:
    settings = load_settings(home=home, dataset=DATASET)
    for package in (OLD, NEW):
        write_package(settings.packages, package)
    return settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    return settle(tmp_path)


@pytest.fixture
def ledger(settings) -> Ledger:
    return open_ledger(settings.ledger_uri)


@pytest.fixture
def bob(ledger) -> NewKey:
    return create_key(ledger, "bob", ("approve",))


def ask(ledger: Ledger, api_url: str | None = None):
    asks = Candidate(
        dataset=DATASET,
        digest=NEW.digest,
        uri=f"packages/{NEW.digest}",
        family="woe_logistic",
        run_id="1",
        requester="ana",
        reason="champion of training 1",
        champion=None,
        api_url=api_url,
    )
    return ledger.request(asks, verdict("unused").model_dump(mode="json"), "manual", 7)


@pytest.fixture
def command(settings, capfd, monkeypatch):
    """The command line in this process, without a Prefect server and with an MLflow of its own."""

    def run(*arguments: object, stdin: str = "", **variables: str):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        return creditloop_here(
            settings.home, "", capfd, *arguments, CREDITLOOP_DATASET=DATASET, **variables
        )

    return run


def put(ledger: Ledger, package) -> None:
    ledger.deploy(
        DATASET, package.digest, f"packages/{package.digest}", "woe_logistic", "ana", "why"
    )


# --- creditloop keys


def test_a_key_is_shown_once_and_listed_without_what_opens(command):
    made = command("keys", "create", "--owner", "bob", "--role", "approve", "--json")
    assert made.code == 0, made.err
    token, key = made.json["token"], made.json["key"]
    assert token.startswith(f"cl_{key['id']}_")
    assert (key["owner"], key["roles"], key["revoked_at"]) == ("bob", ["approve"], None)
    listed = command("keys", "list", "--json")
    assert listed.json == {"keys": [key]}
    revoked = command("keys", "revoke", key["id"], "--json")
    assert revoked.json["key"]["revoked_at"]
    for outcome in (listed, revoked, command("keys", "list")):
        assert token.split("_", 2)[2] not in outcome.out + outcome.err


def test_from_the_first_admin_key_on_keys_are_made_by_admins(command):
    made = command("keys", "create", "--owner", "eve", "--role", "admin", "--json")
    admin = made.json["token"]
    create = ("keys", "create", "--owner", "bob", "--role", "approve")
    assert command(*create).code == 2
    refused = command(*create, stdin="cl_wrong_key\n")
    assert (refused.code, len(refused.error_lines)) == (1, 1)
    bob = command(*create, "--json", stdin=f"{admin}\n").json
    assert command("keys", "revoke", bob["key"]["id"], CREDITLOOP_KEY=bob["token"]).code == 1
    assert command("keys", "revoke", bob["key"]["id"], CREDITLOOP_KEY=admin).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "--owner", "bob", "--role", "king"), "unknown role king; there are score"),
        (("create", "--owner", " ", "--role", "score"), "owner"),
        (("create", "--role", "score"), "--owner"),
        (("revoke",), "Missing argument"),
    ],
)
def test_keys_used_wrongly_say_so_in_one_line(command, arguments, words):
    outcome = command("keys", *arguments)
    assert outcome.code == 2
    assert words in outcome.error_lines[-1]
    assert len(outcome.error_lines) == 1


# --- creditloop promote


def test_what_waits_is_listed(command, ledger):
    assert command("promote", "--json").json == {"waiting": []}
    promotion = ask(ledger)
    (waiting,) = command("promote", "--json").json["waiting"]
    assert (waiting["id"], waiting["state"]) == (str(promotion.id), "waiting")
    assert waiting["verdict"]["gates"][0]["name"] == "AUC"
    table = command("promote").out
    assert str(promotion.id) in table
    shown = command("models").out
    assert "one waits for a person's decision: see `creditloop promote`" in shown


def test_a_person_with_an_approve_key_lets_it_in(command, ledger, bob):
    promotion = ask(ledger)
    done = command(
        "promote", promotion.id, "--why", "looked at it", "--json", CREDITLOOP_KEY=bob.token
    )
    assert done.code == 0, done.err
    assert done.json["promotion"]["state"] == "approved"
    assert done.json["promotion"]["decision"]["key_id"] == bob.key.id
    deployment = done.json["deployment"]
    assert (deployment["digest"], deployment["approver"]) == (NEW.digest, "bob")
    assert ledger.current(DATASET).reason == "looked at it"
    again = command("promote", promotion.id, "--why", "again", "--json", CREDITLOOP_KEY=bob.token)
    assert again.json["deployment"] == deployment
    assert len(ledger.history(DATASET)) == 1
    models = command("models", "--json").json
    assert models["current"]["approver"] == "bob"
    assert models["promotions"][0]["decision"]["reason"] == "looked at it"
    shown = command("models").out
    assert "bob" in shown


def test_a_key_comes_by_stdin_too(command, ledger, bob):
    promotion = ask(ledger)
    done = command("promote", promotion.id, "--why", "fine", stdin=f"{bob.token}\n")
    assert done.code == 0, done.err
    assert "is in production; decided by bob: fine" in " ".join(done.out.split())


def test_a_rejected_one_stays_out(command, ledger, bob):
    promotion = ask(ledger)
    done = command(
        "promote", str(promotion.id)[:20], "--reject", "--why", "no", CREDITLOOP_KEY=bob.token
    )
    assert done.code == 0, done.err
    assert ledger.current(DATASET) is None
    late = command("promote", promotion.id, "--why", "yes", "--json", CREDITLOOP_KEY=bob.token)
    assert late.code == 1
    assert late.json["error"]["kind"] == "PromotionError"


def test_the_requesters_own_key_is_refused_unless_the_settings_allow_it(command, ledger):
    own = create_key(ledger, "ana", ("approve",)).token
    promotion = ask(ledger)
    refused = command("promote", promotion.id, "--why", "mine", CREDITLOOP_KEY=own)
    assert (refused.code, len(refused.error_lines)) == (1, 1)
    assert "another person must decide" in refused.err
    assert ledger.current(DATASET) is None
    allowed = command(
        "promote",
        promotion.id,
        "--why",
        "mine",
        CREDITLOOP_KEY=own,
        CREDITLOOP_PROMOTION__REQUESTER_MAY_APPROVE="true",
    )
    assert allowed.code == 0, allowed.err


def test_keys_of_other_roles_and_no_key_are_refused(command, ledger):
    promotion = ask(ledger)
    scorer = create_key(ledger, "carl", ("score",)).token
    approve = ("promote", promotion.id, "--why", "x")
    assert command(*approve, CREDITLOOP_KEY=scorer).code == 1
    assert command(*approve, CREDITLOOP_KEY="nonsense").code == 1
    missing = command(*approve)
    assert missing.code == 2
    assert "no key; set CREDITLOOP_KEY" in missing.err
    assert command("promote", promotion.id, CREDITLOOP_KEY=scorer).code == 2
    unknown = command("promote", "ffff", "--why", "x", "--json")
    assert (unknown.code, unknown.json["error"]["kind"]) == (2, "UsageError")


def test_a_damaged_package_is_not_let_in(command, ledger, settings, bob):
    promotion = ask(ledger)
    (settings.packages / NEW.digest / "schema.json").write_bytes(b"{}")
    refused = command("promote", promotion.id, "--why", "x", CREDITLOOP_KEY=bob.token)
    assert (refused.code, len(refused.error_lines)) == (1, 1)
    assert ledger.promotion_of_run("1").decision is None


# --- creditloop rollback


def test_rollback_is_one_command_and_the_alias_follows(command, ledger, settings):
    """With a real store of MLflow in which both versions are registered."""
    put(ledger, OLD)
    put(ledger, NEW)
    client = MlflowClient(settings.tracking_uri, settings.tracking_uri)
    client.create_registered_model(MODEL)
    versions = {
        package.digest: client.create_model_version(
            MODEL, "packages", tags={DIGEST: package.digest}
        ).version
        for package in (OLD, NEW)
    }
    assert follow_ledger(DATASET, NEW.digest, settings) == str(versions[NEW.digest])
    done = command("rollback", "--why", "it declines everybody", "--json")
    assert done.code == 0, done.err
    assert done.json["notes"] == []
    row = ledger.current(DATASET)
    assert (row.digest, row.action, row.actor) == (OLD.digest, "rollback", user())
    assert row.reason == "it declines everybody"
    alias = client.get_model_version_by_alias(MODEL, CHAMPION)
    assert alias.version == versions[OLD.digest]
    nothing = command("rollback", "--why", "again")
    assert (nothing.code, len(nothing.error_lines)) == (1, 1)
    assert "no earlier model to go back to" in nothing.err
    forward = command("rollback", "--why", "was not it", "--to", NEW.digest[:12])
    assert forward.code == 0, forward.err
    assert ledger.current(DATASET).digest == NEW.digest
    assert [each["action"] for each in command("models", "--json").json["history"]] == [
        "rollback",
        "rollback",
        "deploy",
        "deploy",
    ]


def test_rollback_to_a_damaged_package_changes_nothing(command, ledger, settings):
    put(ledger, OLD)
    put(ledger, NEW)
    (settings.packages / OLD.digest / "schema.json").unlink()
    refused = command("rollback", "--why", "x", "--json")
    assert (refused.code, refused.json["error"]["kind"]) == (1, "PackageError")
    assert ledger.current(DATASET).digest == NEW.digest


def test_rollback_needs_a_reason(command, ledger):
    assert command("rollback").code == 2
    assert command("rollback", "--why", " ").code == 2


# --- a run that waits


def until(api: httpx.Client, run_id: str, *states: str) -> dict:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        run = api.get(f"/flow_runs/{run_id}").raise_for_status().json()
        if run["state_name"] in (*states, "Failed", "Crashed"):
            assert run["state_name"] in states, run["state"]["message"]
            return run
        time.sleep(0.3)
    raise AssertionError(f"{run['state_name']}: {run['state']['message']}")


def deploy(api: httpx.Client, name: str, **more: object) -> str:
    flow_id = api.post("/flows/", json={"name": asking.name}).raise_for_status().json()["id"]
    deployment = {"name": name, "flow_id": flow_id, **more}
    return api.post("/deployments/", json=deployment).raise_for_status().json()["id"]


def start(api: httpx.Client, deployment: str, home: Path, **parameters: object) -> str:
    parameters = {"home": str(home), "digest": NEW.digest, **parameters}
    path = f"/deployments/{deployment}/create_flow_run"
    answer = api.post(path, json={"parameters": parameters})
    return answer.raise_for_status().json()["id"]


@pytest.fixture(scope="module")
def worked(api, up) -> str:
    """A deployment whose runs the worker starts."""
    return deploy(
        api,
        "worked",
        work_pool_name="creditloop",
        entrypoint="tests.flows.asking.asking",
        path=str(ROOT),
        job_variables={"working_dir": str(ROOT)},
    )


@pytest.fixture(scope="module")
def here(api, up) -> str:
    """A deployment whose runs start in this process, which saves the time of a process each."""
    return deploy(api, "here")


def go_on(up, run_id: str) -> State:
    """What a worker's process does with a run."""
    with temporary_settings({PREFECT_API_URL: up.api}), get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(run_id))
        return run_flow(asking, run, parameters=run.parameters, return_type="state")


def test_a_waiting_run_goes_on_after_the_approvers_command(
    worked, api, up, command, settings, ledger, bob
):
    run_id = start(api, worked, settings.home)
    until(api, run_id, "Suspended")
    promotion = ledger.promotion_of_run(run_id)
    assert promotion.requester == f"{user()} (worked deployment)"
    assert promotion.api_url == up.api
    assert ledger.current(DATASET) is None

    own = create_key(ledger, user(), ("approve",)).token
    approve = ("promote", promotion.id, "--why", "looked at it", "--json")
    assert command(*approve, CREDITLOOP_KEY=own).code == 1
    done = command(*approve, CREDITLOOP_KEY=bob.token)
    assert done.code == 0, done.err
    assert ledger.current(DATASET).approver == "bob"

    ended = until(api, run_id, "Approved")
    assert ended["state_type"] == "COMPLETED"
    assert "is in production, approved by bob: looked at it" in ended["state"]["message"]
    assert len(ledger.history(DATASET)) == 1
    assert (settings.home / "worked").read_text() == "x"


def test_resuming_without_a_decision_promotes_nothing_and_waits_again(
    here, api, up, command, settings, ledger, bob
):
    run_id = start(api, here, settings.home)
    with pytest.raises(Pause):
        go_on(up, run_id)
    until(api, run_id, "Suspended")

    api.post(f"/flow_runs/{run_id}/resume").raise_for_status()
    until(api, run_id, "Resuming")
    with pytest.raises(Pause):
        go_on(up, run_id)
    until(api, run_id, "Suspended")
    assert ledger.current(DATASET) is None

    promotion = ledger.promotion_of_run(run_id)
    done = command("promote", promotion.id, "--reject", "--why", "no", CREDITLOOP_KEY=bob.token)
    assert done.code == 0, done.err
    until(api, run_id, "Resuming")
    assert go_on(up, run_id).is_completed()
    ended = until(api, run_id, "Rejected")
    assert "was rejected by bob: no" in ended["state"]["message"]
    assert ledger.current(DATASET) is None
    assert (settings.home / "worked").read_text() == "x"


def test_a_run_whose_promotion_lapsed_ends_and_says_so(here, api, up, settings, ledger):
    run_id = start(api, here, settings.home)
    with pytest.raises(Pause):
        go_on(up, run_id)
    put(ledger, OLD)
    api.post(f"/flow_runs/{run_id}/resume").raise_for_status()
    assert go_on(up, run_id).is_completed()
    ended = until(api, run_id, "Lapsed")
    assert "but version" in ended["state"]["message"]
    assert ledger.current(DATASET).digest == OLD.digest


def test_the_gates_alone_let_it_in_and_the_verdict_shows_in_prefect(
    here, api, up, settings, ledger
):
    run_id = start(api, here, settings.home, approval="auto")
    assert go_on(up, run_id).is_completed()
    assert ledger.current(DATASET).run_id == run_id
    wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    (artifact,) = api.post("/artifacts/filter", json=wanted).raise_for_status().json()
    assert artifact["key"] == f"{DATASET}-verdict"
    assert "promote" in artifact["description"]
    gates = json.loads(artifact["data"])
    assert {gate["Passed"] for gate in gates} == {"yes"}


def test_a_run_without_a_deployment_ends_and_leaves_it_waiting(settings, ledger, up):
    with temporary_settings({PREFECT_API_URL: up.api}):
        result = asking(str(settings.home), NEW.digest)
    assert result.state == "waiting"
    (promotion,) = ledger.promotions()
    assert promotion.api_url is None


def test_an_approval_stands_when_prefect_is_gone(command, ledger, bob):
    promotion = ask(ledger, api_url="http://127.0.0.1:9/api")
    done = command("promote", promotion.id, "--why", "x", "--json", CREDITLOOP_KEY=bob.token)
    assert done.code == 0, done.err
    assert ledger.current(DATASET).approver == "bob"
    assert any("press Resume in Prefect's page" in note for note in done.json["notes"])
