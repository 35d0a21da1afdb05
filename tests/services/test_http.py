import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from credit.scoring import Scorer
from services.bodies import LARGEST_BODY
from services.contract import Decided, Problem
from services.request_model import ApplicationReader
from tests import tiny

JSON = {"Content-Type": "application/json"}
PREDICT = "/api/predict"


def predict(http, **changes):
    return http.post(PREDICT, json={"features": {**tiny.APPLICATION, **changes}})


def assert_problem(response: httpx.Response, status: int) -> Problem:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(response.content, strict=True)
    assert problem.status == status
    assert "\n" not in problem.detail
    return problem


def test_an_application_is_scored(http, package):
    response = http.post(PREDICT, json={"features": tiny.APPLICATION, "application_id": "A-1"})
    assert response.status_code == 200
    answer = response.json()
    Decided.model_validate_json(response.content, strict=True)
    assert answer["probability_of_default"] == 0.486516
    assert answer["application_id"] == "A-1"
    assert uuid.UUID(answer["id"]).version == 7
    assert answer["model"] == {
        "dataset": "tiny-credit",
        "family": "woe_logistic",
        "version": package.digest[:12],
        "digest": package.digest,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": 1, "duration": 4},
        {"amount": None, "bureau score": None, "purpose": None},
        {"bureau score": -9, "purpose": "a level that training never saw"},
        {"amount": 1e12, "applied": "2030-12-31"},
    ],
)
def test_a_row_scores_the_same_over_http_as_in_process(http, package, changes):
    features = {**tiny.APPLICATION, **changes}
    fields = ApplicationReader(package.schema).read({"features": features}).fields
    answer = predict(http, **changes).json()
    assert answer["probability_of_default"] == Scorer(package.schema, package.graph).probability(
        fields
    )


def test_every_bad_field_is_named(http):
    problem = assert_problem(predict(http, status="9", duration="24", mood=1, sex="f"), 422)
    assert problem.type == "urn:problem-type:creditloop:invalid-application"
    assert {error.field for error in problem.errors} == {"status", "duration", "mood", "sex"}
    duration = next(error for error in problem.errors if error.field == "duration")
    assert duration.got == '"24"'
    assert duration.expected == "an integer from 4 to 72 months (missing is not allowed)"


def body(**changes: str) -> str:
    fields = {name: json.dumps(value) for name, value in tiny.APPLICATION.items()} | changes
    return '{"features": {' + ", ".join(f"{json.dumps(k)}: {v}" for k, v in fields.items()) + "}}"


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"features=1", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b'{"features": {"purpose": "\xff"}}', 400, "not JSON"),
        (b'{"features": {"purpose": "\\ud800"}}', 400, "not JSON"),
        (body(amount="NaN"), 400, "not JSON"),
        (body(amount="-Infinity"), 400, "not JSON"),
        (body(amount="1e400"), 400, "not JSON"),
        (b"[" * 100_000, 400, "not JSON"),
        (body(amount="[" * 2000 + "]" * 2000), 400, "not JSON"),
        (body(amount="[" * 900 + "]" * 900), 422, "1 field is wrong"),
        (body(duration="1" + "0" * 300), 422, "1 field is wrong"),
        (body(duration="1" + "0" * 400), 400, "not JSON"),
        (body(amount='{"a": ' * 500 + "1" + "}" * 500), 422, "1 field is wrong"),
        (b"null", 422, "1 field is wrong"),
        (b"[]", 422, "1 field is wrong"),
        (b"{}", 422, "1 field is wrong"),
        (b'{"features": {}}', 422, "2 fields are wrong"),
        (
            json.dumps({"features": {f"x{i}": i for i in range(10_000)}}),
            422,
            "10002 fields are wrong",
        ),
        (b" " * (LARGEST_BODY + 1), 413, "over 1048576 bytes"),
    ],
)
def test_bad_bodies(http, content, status, words):
    assert words in assert_problem(http.post(PREDICT, content=content, headers=JSON), status).detail


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_bodies_of_another_content_type(http, kind):
    response = http.post(PREDICT, content=body(), headers={"Content-Type": kind})
    assert "expected application/json" in assert_problem(response, 415).detail


def test_a_body_in_pieces_is_read_and_stopped_when_it_grows_too_large(http):
    pieces = [piece.encode() for piece in re.findall(".{1,20}", body())]
    assert http.post(PREDICT, content=iter(pieces), headers=JSON).status_code == 200
    endless = (b" " * 65536 for _ in range(40))
    assert_problem(http.post(PREDICT, content=endless, headers=JSON), 413)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_by_any_of_its_names(http, content_type):
    response = http.post(PREDICT, content=body(), headers={"Content-Type": content_type})
    assert response.status_code == 200


def test_unknown_routes_and_methods(http):
    assert_problem(http.get("/nothing/here"), 404)
    assert_problem(http.get("/docs/../../etc/passwd"), 404)
    assert_problem(http.get("/docs/favicon.ico"), 404)
    refused = http.get(PREDICT)
    assert_problem(refused, 405)
    assert refused.headers["allow"] == "POST"
    assert_problem(http.request("PROPFIND", "/health"), 405)


def test_health_and_probes(http, package):
    health = http.get("/health").json()
    assert health["status"] == "ok"
    assert health["model"]["digest"] == package.digest
    assert http.get("/livez").status_code == 200
    assert http.get("/readyz").status_code == 200


def test_the_openapi_page_needs_nothing_from_elsewhere(http):
    page = http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"""(https?:)?//[\w.]""", page.text.replace("// ", ""))
    files = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
    assert len(files) == 4
    for file in files:
        answer = http.get(f"/{file}")
        assert answer.status_code == 200, file
        assert len(answer.content) > 50
    assert "SwaggerUIBundle" in http.get("/docs/swagger-ui-bundle.js").text
    assert http.get("/openapi.json").status_code == 200


def samples(http) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(http.get("/metrics").text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_metrics_count_over_both_workers(http, url, package):
    def score(_number: int) -> int:
        return httpx.post(url + PREDICT, content=body(), headers=JSON, timeout=30).status_code

    before = samples(http)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(score, range(80))) == {200}
    predict(http, status="9")
    http.get("/one/of/many/paths")
    http.get("/another")
    after = samples(http)

    def grown(name: str, **labels: str) -> float:
        key = name, frozenset(labels.items())
        return after[key] - before.get(key, 0)

    scored = {"route": PREDICT, "method": "POST", "status": "200"}
    version = package.digest[:12]
    assert grown("http_requests_total", **scored) == 80
    assert grown("http_request_duration_seconds_count", **scored) == 80
    assert 0 < grown("http_request_duration_seconds_sum", **scored) < 80 * 30
    assert grown("http_requests_total", **{**scored, "status": "422"}) == 1
    unknown = {"route": "other", "method": "GET", "status": "404"}
    assert grown("http_requests_total", **unknown) == 2
    assert grown("predictions_total", decision="decline", version=version) == 80
    assert grown("prediction_duration_seconds_count") == 80
    info = {"dataset": "tiny-credit", "family": "woe_logistic", "version": version}
    assert after["model_info", frozenset(info.items())] == 1


def test_both_workers_took_part(http, served_home, url):
    def score(_number: int) -> None:
        httpx.post(url + PREDICT, content=body(), headers=JSON, timeout=30)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(score, range(40)))
    files = list(served_home.glob("serving/*/prometheus_multiproc_dir/counter_*.db"))
    assert len(files) == 2


def test_no_applicant_is_in_the_logs(http, served_home):
    value = "a-very-private-purpose"
    predict(http, purpose=value)
    predict(http, status=value)
    logs = [path.read_text() for path in (served_home / "logs").iterdir()]
    assert logs
    assert not any(value in log or "Traceback" in log for log in logs)
