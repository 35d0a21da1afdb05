"""verify, anchor, purge, hold and refer-all, as people run them."""

import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import delete, update

from services.ledger import open_ledger
from services.ledger.decisions import read_decisions
from services.ledger.referrals import current_referral
from services.ledger.tables import decisions
from services.people import user
from services.serve import running_service
from tests import tiny
from tests.flows.command import creditloop, environment
from tests.services.conftest import deploy, settings_in
from tests.services.deciding import decide

DATASET = tiny.SCHEMA.name
HEAVY = {"prefect", "mlflow", "evidently", "sklearn", "tensorflow", "matplotlib", "optuna"}


@pytest.fixture(scope="module")
def lender(tmp_path_factory):
    """A home whose service decided on 30 applications."""
    settings = settings_in(tmp_path_factory.mktemp("lender"))
    deploy(settings, tiny.package())
    with (
        running_service(settings) as base,
        httpx.Client(base_url=base, timeout=30, trust_env=False) as http,
    ):
        for duration in range(4, 34):
            application = {**tiny.APPLICATION, "duration": duration, "amount": 900.5 * duration}
            http.post("/api/predict", json={"features": application}).raise_for_status()
    return settings.home


@pytest.fixture
def ledger(lender):
    with closing(open_ledger(f"sqlite:///{lender / 'ledger.db'}")) as opened:
        yield opened


@pytest.fixture
def ids(ledger):
    return [each.id for each in next(read_decisions(ledger))]


@pytest.fixture
def home(tmp_path):
    return tmp_path


def change(ledger, id_, **values):
    with ledger.writing() as connection:
        connection.execute(update(decisions).where(decisions.c.id == id_).values(**values))


def test_what_the_service_decided_verifies(lender, ids):
    one = creditloop(lender, "verify", ids[0])
    assert (one.code, one.out) == (0, "1 decisions looked at: each comes out as stored\n"), one.err
    some = creditloop(lender, "verify", "--sample", 7, "--seed", 1, "--json")
    assert (some.code, some.json["looked_at"], some.json["ok"]) == (0, 7, True)
    everything = creditloop(lender, "verify", "--all", "--dataset", DATASET, "--json")
    assert everything.json == {
        "ok": True,
        "looked_at": 30,
        "purged": 0,
        "faults": [],
        "notes": [],
    }


def test_a_changed_decision_is_named(lender, ledger, ids):
    (stored,) = (each for rows in read_decisions(ledger) for each in rows if each.id == ids[3])
    change(ledger, ids[3], score=999)
    try:
        outcome = creditloop(lender, "verify", "--all")
        assert outcome.code == 1
        line, total = outcome.out.splitlines()
        assert line == (f"decision {ids[3]}: score: the row has 999, its payload {stored.score}")
        assert total == "30 decisions looked at: 1 with faults"
        chain = creditloop(lender, "verify", "--chain", "--json")
        assert (chain.code, chain.json["ok"]) == (1, False)
        assert chain.json["faults"] == [
            {
                "chain": str(stored.chain),
                "decision": str(ids[3]),
                "problems": ["it or its place in the chain was changed"],
            }
        ]
    finally:
        change(ledger, ids[3], score=stored.score)


def test_chains_verify_against_anchors(home):
    with closing(open_ledger(f"sqlite:///{home / 'ledger.db'}")) as ledger:
        first = decide(ledger)
        bare = creditloop(home, "verify", "--chain")
        assert (bare.code, bare.out) == (0, "1 decisions looked at: each stands in its chain\n")
        assert "there are no anchors at" in bare.err
        anchored = creditloop(home, "anchor", "--json")
        assert (anchored.json["chains"], anchored.json["decisions"]) == (1, 1)
        assert anchored.json["anchor"].startswith(str(home / "anchors"))
        with ledger.writing() as connection:
            connection.execute(delete(decisions).where(decisions.c.id == first))
    outcome = creditloop(home, "verify", "--chain")
    assert outcome.code == 1
    assert "1 decision is missing at its end" in outcome.out
    assert "decision 1, anchored on" in outcome.out


def test_anchors_lie_where_the_settings_say(home, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    outcome = creditloop(home, "anchor", CREDITLOOP_LEDGER_ANCHORS=str(elsewhere))
    assert outcome.code == 0
    assert [path.name.endswith(".anchor.json") for path in elsewhere.iterdir()] == [True]


def test_a_purge_counts_asks_and_erases(home):
    old = datetime.now(UTC) - timedelta(days=800)
    with closing(open_ledger(f"sqlite:///{home / 'ledger.db'}")) as ledger:
        held, _, _ = (decide(ledger, at=at) for at in (old, old, datetime.now(UTC)))
    kept = creditloop(home, "hold", held, "--why", "lawsuit 7", "--json")
    assert (kept.json["is_on"], kept.json["actor"], kept.json["reason"]) == (
        True,
        user(),
        "lawsuit 7",
    )
    counted = creditloop(home, "purge", "--dry-run")
    assert counted.out.endswith("would be erased, 1 are under a legal hold\n")
    assert counted.out.startswith("1 decisions before ")
    unsure = creditloop(home, "purge")
    assert (unsure.code, unsure.error_lines) == (
        2,
        ["creditloop: a purge cannot be undone: --yes does it, --dry-run counts"],
    )
    done = creditloop(home, "purge", "--yes", "--json")
    assert (done.json["erased"], done.json["held"]) == (1, 1)
    lifted = creditloop(home, "hold", held, "--why", "settled", "--lift")
    assert lifted.out == f"Decision {held} may be purged again\n"
    assert creditloop(home, "purge", "--yes", "--json").json["erased"] == 1
    assert creditloop(home, "purge", "--yes", "--json", "--months", 1).json["erased"] == 0
    chain = creditloop(home, "verify", "--chain", "--json")
    assert (chain.code, chain.json["looked_at"]) == (0, 3)


def test_the_kill_switch_is_moved_with_a_reason_and_shown(home):
    shown = creditloop(home, "refer-all", "--dataset", DATASET)
    assert shown.out == f"The model decides on applications of {DATASET}; it was always so\n"
    on = creditloop(home, "refer-all", "on", "--why", "drift", "--dataset", DATASET)
    assert f"All applications go to a person since {datetime.now(UTC):%Y-%m-%d}" in on.out
    assert on.out.endswith(f"by {user()}: drift\n")
    with closing(open_ledger(f"sqlite:///{home / 'ledger.db'}")) as ledger:
        assert current_referral(ledger, DATASET).is_on
    off = creditloop(home, "refer-all", "off", "--why", "mended", "--dataset", DATASET, "--json")
    assert off.json["referral"]["is_on"] is False
    assert creditloop(home, "refer-all", "--dataset", DATASET, "--json").json == off.json


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["verify"], 2, "say what to verify: a decision's ID, --sample N, --all or --chain"),
        (["verify", "--all", "--chain"], 2, "say what to verify"),
        (["verify", "x"], 2, "'x' is no decision's id"),
        (["verify", str(uuid4())], 1, "the ledger has no decision"),
        (["hold", str(uuid4()), "--why", "lawsuit"], 1, "the ledger has no decision"),
        (["hold", str(uuid4()), "--why", " "], 2, "a hold needs its reason"),
        (["refer-all", "on"], 2, "a change needs on or off and its reason"),
        (["refer-all", "--why", "drift"], 2, "a change needs on or off and its reason"),
        (["refer-all", "maybe", "--why", "drift"], 2, "the switch is on or off, not 'maybe'"),
    ],
)
def test_misuse_gives_one_line(home, arguments, code, line):
    outcome = creditloop(home, *arguments)
    assert outcome.code == code
    assert len(outcome.error_lines) == 1
    assert line in outcome.err


def test_the_commands_run_without_what_training_needs(lender, ids):
    """They are in the slim image too."""
    code = (
        "import sys\n"
        "from flows import cli\n"
        "for line in sys.argv[1].split(';'):\n"
        "    sys.argv = ['creditloop', *line.split()]\n"
        "    assert cli._run() == 0, line\n"
        f"print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    lines = (
        f"verify {ids[0]} --json;verify --chain --json;anchor --json;purge --dry-run --json;"
        f"hold {ids[0]} --why lawsuit --json;refer-all --json"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, lines],
        env=environment(lender),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "[]"
    assert json.loads(done.stdout[done.stdout.rindex("\n{") :])["referral"] is None
