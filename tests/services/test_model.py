import gc
import shutil
import weakref
from contextlib import closing

import pytest

from configs.settings import load_settings
from credit.package import PackageError
from credit.spec import Column
from services.keys import create_key
from services.ledger import Candidate, LedgerError, open_ledger
from services.ledger.challengers import challenge, stop_challenger
from services.model import CurrentModel, NoModelError, ServedModel, choose_package
from services.packages import write_package
from tests import tiny
from tests.services.conftest import deploy, in_process, settings_in
from tests.services.processes import wait_until


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path / "home")


def test_the_newest_deployed_package_is_chosen(settings):
    deploy(settings, tiny.package(shift=-1.0))
    newest = tiny.package(shift=-2.0)
    deploy(settings, newest)
    assert choose_package(settings).digest == newest.digest


def test_the_table_wins_over_the_embedded_package(settings, tmp_path, package):
    embedded = write_package(tmp_path, tiny.package(shift=-2.0))
    assert choose_package(settings, embedded).digest == embedded.name
    deploy(settings, package)
    assert choose_package(settings, embedded).digest == package.digest


def test_without_any_package_the_message_says_how_to_get_one(settings, tmp_path):
    with pytest.raises(NoModelError, match="run `creditloop train --dataset tiny-credit`"):
        choose_package(settings, tmp_path / "none")


def test_where_a_promotion_waits_the_message_points_to_it_until_it_is_decided(
    settings, tmp_path, package
):
    path = write_package(settings.packages, package)
    ledger = open_ledger(settings.ledger_uri)
    asked = Candidate(
        dataset=settings.dataset,
        digest=package.digest,
        uri=str(path.relative_to(settings.home)),
        family="xgboost",
        run_id="run-1",
        requester="ana",
        reason="first model",
        champion=None,
    )
    verdict = {"overall": "needs approval", "reason": "adverse-impact ratio: 0.7", "gates": []}
    promotion = ledger.request(asked, verdict, "auto", 7)
    with pytest.raises(NoModelError, match=r"deployed; one waits .*: see `creditloop promote`"):
        choose_package(settings, tmp_path / "none")
    ledger.reject(promotion.id, create_key(ledger, "bob", ("approve",)).key, "not fair enough")
    with pytest.raises(NoModelError, match="run `creditloop train --dataset tiny-credit`"):
        choose_package(settings, tmp_path / "none")


def test_an_embedded_package_of_another_data_set_is_not_served(tmp_path, package):
    embedded = write_package(tmp_path, package)
    settings = load_settings(home=tmp_path, dataset="other")
    with pytest.raises(NoModelError, match="set CREDITLOOP_DATASET=tiny-credit"):
        choose_package(settings, embedded)


def test_a_deployed_package_that_is_gone_or_changed_is_not_replaced_by_another(
    settings, tmp_path, package
):
    embedded = write_package(tmp_path, tiny.package(shift=-2.0))
    path = deploy(settings, package)
    (path / "model.onnx").write_bytes(b"changed")
    with pytest.raises(PackageError, match=r"model\.onnx does not match its sha256"):
        choose_package(settings, embedded)
    shutil.rmtree(path)
    with pytest.raises(PackageError, match="is not a folder"):
        choose_package(settings, embedded)


def test_a_package_deployed_under_another_digest_is_refused(settings, package):
    path = deploy(settings, package)
    other = write_package(settings.packages, tiny.package(shift=-2.0))
    shutil.rmtree(path)
    other.rename(path)
    with pytest.raises(PackageError, match=f"expected {package.digest}"):
        choose_package(settings)


def test_a_graph_that_does_not_load_is_refused(package):
    broken = type(package)({**package.files, "model.onnx": b"no graph"})
    with pytest.raises(PackageError, match="the graph does not load"):
        ServedModel(broken)


def test_a_ledger_out_of_reach_is_an_error_not_an_empty_table(tmp_path, package):
    embedded = write_package(tmp_path, package)
    settings = load_settings(
        home=tmp_path, dataset="tiny-credit", ledger_url="postgresql://u@127.0.0.1:1/x"
    )
    with pytest.raises(LedgerError, match=r"127\.0\.0\.1"):
        choose_package(settings, embedded)


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({}, "no model of taiwan-default is deployed"),
        ({"CREDITLOOP_SERVING__PORT": "x"}, "serving.port"),
        ({"CREDITLOOP_LEDGER_URL": "nonsense"}, "expected sqlite:////FULL/PATH"),
    ],
)
def test_a_service_that_cannot_load_keeps_the_reason(tmp_path, monkeypatch, variables, problem):
    for name, value in {"CREDITLOOP_HOME": str(tmp_path), **variables}.items():
        monkeypatch.setenv(name, value)
    current = CurrentModel()
    current.refresh()
    assert current.model is None
    assert problem in current.problem
    assert "\n" not in current.problem


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def current(settings, clock, monkeypatch):
    monkeypatch.setenv("CREDITLOOP_HOME", str(settings.home))
    monkeypatch.setenv("CREDITLOOP_DATASET", settings.dataset)
    model = CurrentModel(clock)
    yield model
    model.close()


def test_a_new_deployment_is_served_at_the_next_look(settings, current, package):
    current.refresh()
    assert (current.model, current.problem.partition(";")[0]) == (
        None,
        "no model of tiny-credit is deployed",
    )
    for deployed in (package, tiny.package(shift=-2.0)):
        deploy(settings, deployed)
        current.refresh()
        assert (current.model.digest, current.problem) == (deployed.digest, "")
        served = current.model
        current.refresh()
        assert current.model is served


def test_what_cannot_be_served_leaves_the_old_model_and_is_logged_once(
    settings, current, clock, package, caplog
):
    swaps = []
    current.on_swap = lambda result, version: swaps.append((result, version))
    deploy(settings, package)
    current.refresh()
    spoilt = deploy(settings, tiny.package(shift=-2.0))
    graph = (spoilt / "model.onnx").read_bytes()
    (spoilt / "model.onnx").write_bytes(b"changed")
    for _ in range(100):
        current.refresh()
        clock.now += 2
    assert current.model.digest == package.digest
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.startswith(f"version {package.digest[:12]} goes on: package {spoilt}: model.onnx")
    (spoilt / "model.onnx").write_bytes(graph)
    clock.now += 60
    current.refresh()
    assert (current.model.digest, current.problem) == (spoilt.name, "")
    # At 0, 2, 6, 14, 30, 62 s and then each minute; and once when it was mended.
    refused = [("refused", spoilt.name[:12])] * 8
    assert swaps == [*refused, ("served", spoilt.name[:12])]


def test_a_rollback_ends_what_was_refused(settings, current, clock, package, caplog):
    deploy(settings, package)
    current.refresh()
    served = current.model
    deploy(settings, tiny.package(shift=-2.0)).joinpath("model.onnx").write_bytes(b"changed")
    current.refresh()
    assert "does not match its sha256" in current.problem
    ledger = open_ledger(settings.ledger_uri)
    leaving = ledger.current(settings.dataset)
    ledger.roll_back(leaving, ledger.rollback_target(settings.dataset), "ana", "it is damaged")
    current.refresh()
    assert (current.model, current.problem) == (served, "")
    assert len(caplog.records) == 1


def test_an_old_model_is_let_go_of_at_once(settings, current):
    gc.disable()  # what only the garbage collector can free stays for long in a service
    try:
        scorers = weakref.WeakSet()
        for number in range(6):
            deploy(settings, tiny.package(shift=-1.0 - number))
            current.refresh()
            scorers.add(current.model.underwriter)
        assert list(scorers) == [current.model.underwriter]
    finally:
        gc.enable()


def current_digest(settings):
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        return ledger.current(settings.dataset).digest


def test_no_route_keeps_an_old_model(settings, monkeypatch):
    used = weakref.WeakSet()
    deploy(settings, tiny.package())
    with in_process(settings, monkeypatch) as (client, worker):
        for number in range(3):
            deploy(settings, tiny.package(shift=-1.0 - number))
            wait_until(lambda: worker.current.model.digest == current_digest(settings))
            wait_until(lambda: not used)
            used.add(worker.current.model.underwriter)
            decided = client.post("/api/predict", json={"features": tiny.APPLICATION}).json()
            asked = {"decision_id": decided["id"]}
            assert client.post("/api/explain", json=asked).is_success
            for path in ("/", "/openapi.json", "/api/model", f"/api/decisions/{decided['id']}"):
                assert client.get(path).is_success, path


def start_challenger(settings, package):
    path = write_package(settings.packages, package)
    challenge(
        open_ledger(settings.ledger_uri),
        settings.dataset,
        package.digest,
        str(path.relative_to(settings.home)),
        package.manifest.family,
        actor="ana",
        reason="it may be better",
    )
    return path


def test_the_challenger_follows_the_ledger_beside_the_champion(settings, current, package):
    ledger = open_ledger(settings.ledger_uri)
    first, second = tiny.package(shift=-2.0), tiny.package(shift=-3.0)
    start_challenger(settings, first)
    current.refresh()
    assert current.challenger is None  # there is no champion
    deploy(settings, package)
    for challenger in (first, second):
        start_challenger(settings, challenger)
        current.refresh()
        assert current.challenger.digest == challenger.digest
    deploy(settings, second)
    current.refresh()
    assert (current.model.digest, current.challenger) == (second.digest, None)
    deploy(settings, package)
    current.refresh()
    assert current.challenger.digest == second.digest
    stop_challenger(ledger, settings.dataset, "ana", "seen enough")
    current.refresh()
    assert (current.model.digest, current.challenger) == (package.digest, None)


def test_a_bad_challenger_does_not_touch_the_champion(settings, current, clock, package, caplog):
    deploy(settings, package)
    path = start_challenger(settings, tiny.package(shift=-2.0))
    path.joinpath("model.onnx").write_bytes(b"changed")
    for _ in range(10):
        current.refresh()
        clock.now += 10
    assert (current.model.digest, current.challenger, current.problem) == (
        package.digest,
        None,
        "",
    )
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"no challenger: package {path}: model.onnx does not match")


def test_a_challenger_that_reads_other_fields_is_refused(settings, current, package, caplog):
    columns = {
        **tiny.SCHEMA.columns,
        "income": Column(type="number"),
        "amount": Column(type="category"),
    }
    deploy(settings, package)
    start_challenger(settings, tiny.package(tiny.SCHEMA.model_copy(update={"columns": columns})))
    current.refresh()
    assert current.challenger is None
    assert "reads amount, income, which the applications to the champion do not have" in caplog.text


def test_a_ledger_out_of_reach_leaves_the_old_model(settings, current, package, caplog):
    deploy(settings, package)
    current.refresh()
    ledger = settings.home / "ledger.db"
    content = ledger.read_bytes()
    current.close()
    for file in settings.home.glob("ledger.db*"):
        file.unlink()
    ledger.write_bytes(b"not a database" * 1000)
    current.refresh()
    assert current.model.digest == package.digest
    assert "not a database" in caplog.text
    ledger.write_bytes(content)
    deploy(settings, tiny.package(shift=-2.0))
    current.refresh()
    assert current.model.digest != package.digest


def test_a_graph_that_loads_but_does_not_run_is_refused(package):
    graph = package.files["model.onnx"].replace(b"numbers", b"numberz")
    broken = type(package)({**package.files, "model.onnx": graph})
    with pytest.raises(
        PackageError, match=f"package {broken.digest[:12]} does not score: .*numberz"
    ):
        ServedModel(broken)
