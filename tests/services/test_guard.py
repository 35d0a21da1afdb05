"""Who may ask what, and how much of it."""

import asyncio
import re
from contextlib import closing
from itertools import product

import httpx
import pytest

from configs.settings import ROOT, Settings, load_settings
from services.guard import ACCESS, Guard
from services.keys import create_key
from services.ledger import OWN_KEYS, ROLES, Ledger, open_ledger
from services.serve import running_service
from services.worker import Worker
from tests import tiny
from tests.services.conftest import deploy, in_process
from tests.services.processes import wait_until
from tests.services.test_http import PREDICT, assert_problem

LOOPBACK = "127.0.0.1"
BODY = {"features": tiny.APPLICATION}
NOBODY = "01890a5d-ac96-774b-bcce-b302099a8057"
PUBLIC = ("/", "/livez", "/readyz", "/health", "/docs", "/openapi.json", "/docs/start.js")


@pytest.fixture(scope="module")
def settings(tmp_path_factory, package):
    home = tmp_path_factory.mktemp("guarded")
    settings = load_settings(home=home, dataset=tiny.SCHEMA.name)
    deploy(settings, package)
    return settings


@pytest.fixture(scope="module")
def ledger(settings):
    with closing(open_ledger(settings.ledger_uri)) as opened:
        yield opened


@pytest.fixture(scope="module")
def tokens(ledger):
    """A token for each role."""
    return {role: create_key(ledger, f"the {role}", (role,)).token for role in ROLES}


@pytest.fixture(scope="module")
def guarded(settings, tokens):
    with (
        running_service(settings) as url,
        httpx.Client(base_url=url, timeout=30, trust_env=False) as client,
    ):
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def ask_each(client: httpx.Client, headers: dict[str, str]) -> dict[str, int]:
    """The status of every route that wants a role."""
    filled = {
        path: path.format(decision_id=NOBODY, promotion_id=NOBODY, request_id=NOBODY)
        for path, roles in ACCESS.items()
        if roles
    }
    gets = (
        "/metrics",
        "/api/model",
        "/api/monitoring/status",
        "/api/decisions",
        "/api/retrain/",
    )
    return {
        path: client.request(
            "GET" if path.startswith(gets) else "POST", filled[path], headers=headers
        ).status_code
        for path in filled
    }


def test_every_route_has_its_role(http):
    paths = http.get("/openapi.json").json()["paths"]
    assert set(paths) <= set(ACCESS)


def test_the_manual_names_what_each_role_opens():
    manual = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    opened = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", manual, re.MULTILINE))
    for role in set(ROLES) - {"admin"}:
        for path in (path for path, roles in ACCESS.items() if role in roles):
            words = [word for word in path.split("/") if word and not word.startswith("{")]
            assert words[-1] in opened[role], (role, path)


@pytest.mark.parametrize("role", ROLES)
def test_a_key_opens_the_routes_of_its_role_and_no_other(guarded, tokens, role):
    for path, status in ask_each(guarded, bearer(tokens[role])).items():
        wanted = ACCESS[path]
        opens = role in wanted or (role == "admin" and not OWN_KEYS.intersection(wanted))
        assert (status not in (401, 403)) == opens, (path, status)


def test_without_a_key_only_the_public_routes_answer(guarded):
    assert {guarded.get(path).status_code for path in PUBLIC} == {200}
    assert set(ask_each(guarded, {}).values()) == {401}
    assert guarded.get("/nothing").status_code == 401
    assert guarded.get("/schema.json").status_code == 401


def test_keys_come_in_either_header(guarded, tokens):
    for headers in (
        bearer(tokens["score"]),
        {"Authorization": f"bearer  {tokens['score']}"},
        {"X-API-Key": tokens["score"]},
    ):
        assert guarded.post(PREDICT, json=BODY, headers=headers).status_code == 200


def test_what_is_no_key_is_refused_alike(guarded, tokens):
    key_id = tokens["score"].split("_")[1]
    wrong = ["", "cl_", "cl__", f"cl_{key_id}_", f"cl_{key_id}_secret", "x" * 9000, b"cl_\xff_\xfe"]
    wrong += [tokens["score"][:-1], tokens["score"] + "x", "sk" + tokens["score"][2:]]
    answers = [guarded.post(PREDICT, json=BODY, headers={"X-API-Key": token}) for token in wrong]
    answers.append(guarded.post(PREDICT, json=BODY, headers={"Authorization": "Basic Y2w6eA=="}))
    assert len({answer.content for answer in answers}) == 1
    assert_problem(answers[0], 401)
    assert answers[0].headers["www-authenticate"].startswith("Bearer")


def test_a_key_of_another_role_is_told_what_it_lacks(guarded, tokens):
    refused = guarded.get("/api/model", headers=bearer(tokens["score"]))
    assert "but this needs monitor" in assert_problem(refused, 403).detail
    assert 'scope="monitor"' in refused.headers["www-authenticate"]


def test_protected_attributes_are_read_with_their_own_role(guarded, tokens):
    body = {**BODY, "protected": {"sex": "f", "age": 30}}
    decision = guarded.post(PREDICT, json=body, headers=bearer(tokens["score"])).json()
    path = f"/api/decisions/{decision['id']}/protected"
    found = guarded.get(path, headers=bearer(tokens["fairness"])).json()
    assert found == {"decision_id": decision["id"], "attributes": {"sex": "f", "age": 30.0}}
    other = guarded.post(PREDICT, json=BODY, headers=bearer(tokens["score"])).json()["id"]
    missing = f"/api/decisions/{other}/protected"
    assert_problem(guarded.get(missing, headers=bearer(tokens["fairness"])), 404)


def test_the_same_word_of_two_keys_means_two_requests(guarded, tokens, ledger):
    headers = {"Idempotency-Key": "one"}
    other = create_key(ledger, "another shop", ("score",)).token
    wait_until(lambda: guarded.post(PREDICT, json=BODY, headers=bearer(other)).status_code == 200)
    answers = [
        guarded.post(PREDICT, json=BODY, headers={**headers, **bearer(token)}).json()["id"]
        for token in (tokens["score"], other, tokens["score"])
    ]
    assert answers[0] == answers[2] != answers[1]


def test_a_review_is_its_key_owners(guarded, tokens):
    decision = guarded.post(PREDICT, json=BODY, headers=bearer(tokens["score"])).json()
    review = {"decision_id": decision["id"], "decision": "decline", "reason": "as the model"}
    stored = guarded.post("/api/reviews", json=review, headers=bearer(tokens["review"])).json()
    assert stored["reviewer"] == "the review"
    assert stored["key_id"] == tokens["review"].split("_")[1]


def test_a_revoked_key_stops_to_work(guarded, ledger):
    new = create_key(ledger, "leaver", ("score",))

    def is_answered(status: int) -> bool:
        answer = guarded.post(PREDICT, json=BODY, headers=bearer(new.token))
        return answer.status_code == status

    wait_until(lambda: is_answered(200))
    ledger.revoke_key(new.key.id)
    wait_until(lambda: is_answered(401))


def test_answers_carry_security_headers_and_are_kept_nowhere(guarded, tokens):
    answers = [
        guarded.post(PREDICT, json=BODY, headers=bearer(tokens["score"])),
        guarded.post(PREDICT),
        guarded.get("/docs"),
        guarded.get("/livez"),
        guarded.get("/"),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
    assert guarded.get("/docs/start.js").headers["cache-control"] == "max-age=86400"


def test_no_token_is_in_the_logs(guarded, settings, tokens):
    ask_each(guarded, bearer(tokens["score"]))
    guarded.post(PREDICT, headers={"X-API-Key": "cl_typed_wrong"})
    text = "".join(path.read_text() for path in (settings.home / "logs").iterdir())
    key_id, secret = tokens["score"].split("_", 2)[1:]
    assert f'"key":"{key_id}"' in text
    assert secret not in text
    assert "typed_wrong" not in text


def limited(settings: Settings, **serving: object) -> Settings:
    return settings.model_copy(update={"serving": settings.serving.model_copy(update=serving)})


@pytest.fixture
def quick(settings, monkeypatch, tokens):
    """In process, where a test can hold the clock and the settings."""
    with in_process(settings, monkeypatch) as (client, worker):
        yield client, worker


def test_a_key_over_its_rate_waits_and_others_do_not(quick, settings, tokens, monkeypatch):
    client, worker = quick
    worker.settings = limited(settings, requests_per_second=5)
    now = 1000.0
    monkeypatch.setattr("services.guard.monotonic", lambda: now)
    score, monitor = bearer(tokens["score"]), bearer(tokens["monitor"])
    statuses = [client.post(PREDICT, json=BODY, headers=score).status_code for _ in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    refused = client.post(PREDICT, json=BODY, headers=score)
    assert_problem(refused, 429)
    assert refused.headers["retry-after"] == "1"
    assert client.get("/api/model", headers=monitor).status_code == 200
    now += 0.5
    statuses = [client.post(PREDICT, json=BODY, headers=score).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_too_many_at_once_are_sent_away_but_monitoring_goes_on(quick, settings, tokens):
    client, worker = quick
    worker.settings = limited(settings, most_requests=0)
    refused = client.post(PREDICT, json=BODY, headers=bearer(tokens["score"]))
    assert assert_problem(refused, 503).type.endswith("overload")
    assert refused.headers["retry-after"] == "1"
    for path in ("/metrics", "/api/model"):
        assert client.get(path, headers=bearer(tokens["monitor"])).status_code == 200
    assert client.get("/health").status_code == 200


def test_a_full_journal_and_a_lost_ledger_say_when_to_come_back(quick, tokens, monkeypatch):
    client, worker = quick
    score = bearer(tokens["score"])
    monkeypatch.setattr(type(worker.journal), "depth", property(lambda _: 100_000))
    refused = client.post(PREDICT, json=BODY, headers=score)
    assert assert_problem(refused, 503).type.endswith("overload")
    monkeypatch.undo()
    assert client.get("/health").status_code == 200
    with worker.ledger.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE chains RENAME TO gone")
    try:
        refused = client.post(PREDICT, json=BODY, headers=score)
        problem = assert_problem(refused, 503)
        assert problem.type.endswith("ledger")
        assert "the same application_id or Idempotency-Key" in problem.detail
        assert "chains" not in problem.detail
        assert refused.headers["retry-after"] == "1"
        assert_problem(client.get("/health"), 503)
    finally:
        with worker.ledger.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE gone RENAME TO chains")
    wait_until(lambda: client.get("/health").status_code == 200)
    assert client.post(PREDICT, json=BODY, headers=score).status_code == 200


def test_while_the_keys_are_not_known_nobody_is_let_in(settings):
    worker = Worker()
    statuses = {
        (path, server): status_of(worker, path, server)
        for path, server in product(("/livez", PREDICT), (LOOPBACK, "192.168.1.5"))
    }
    assert {status for (path, _), status in statuses.items() if path == PREDICT} == {503}


@pytest.mark.parametrize(
    ("server", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("192.168.1.5", False),
        ("::", False),
        ("/run/scorer.sock", False),
        (None, False),
    ],
)
def test_without_keys_where_a_connection_arrived_decides(server, allowed, tmp_path):
    worker = Worker()
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        worker.keys.refresh(ledger)
    assert status_of(worker, "/health", server) == (200 if allowed else 403)


def status_of(worker: Worker, path: str, server: str | None) -> int:
    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    sent: list[dict[str, object]] = []
    address = (server, 80) if server else None
    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "server": address, "path": path, "headers": headers}
    asyncio.run(Guard(app, worker)({**scope, "client": (LOOPBACK, 1)}, None, send))
    return sent[0]["status"]


def test_a_service_opens_up_again_when_its_last_key_is_revoked(tmp_path, monkeypatch, package):
    settings = load_settings(home=tmp_path, dataset=tiny.SCHEMA.name)
    deploy(settings, package)
    ledger: Ledger
    with (
        in_process(settings, monkeypatch) as (client, worker),
        closing(open_ledger(settings.ledger_uri)) as ledger,
    ):
        assert client.post(PREDICT, json=BODY).status_code == 200
        key = create_key(ledger, "demo committee", ("approve",)).key
        worker.refresh()
        assert client.post(PREDICT, json=BODY).status_code == 401
        ledger.revoke_key(key.id)
        worker.refresh()
        assert client.post(PREDICT, json=BODY).status_code == 200
