"""What if, and the notice over HTTP."""

from uuid import uuid4

import pytest
from sqlalchemy import func, select

from services.ledger import open_ledger
from services.ledger.tables import metadata
from tests import tiny
from tests.services.conftest import settings_in

WHAT_IF = "/api/what-if"


@pytest.fixture
def stored(served_home):
    """How many rows each table has, asked when called."""
    ledger = open_ledger(settings_in(served_home).ledger_uri)

    def count() -> dict[str, int]:
        with ledger.reading() as connection:
            return {
                table.name: int(
                    connection.execute(select(func.count()).select_from(table)).scalar_one()
                )
                for table in metadata.sorted_tables
            }

    yield count
    ledger.close()


def predict(http, **changes):
    features = {**tiny.APPLICATION, **changes}
    return http.post("/api/predict", json={"features": features, "explain": True}).json()


def test_a_what_if_says_what_would_be_answered_and_stores_nothing(http, stored):
    decided = predict(http)
    before = stored()
    considered = http.post(WHAT_IF, json={"features": tiny.APPLICATION})
    assert considered.status_code == 200
    assert stored() == before
    expected = {
        name: value
        for name, value in decided.items()
        if name not in ("id", "application_id", "decided_at")
    }
    assert considered.json() == {"recourse": None} | expected


def test_a_what_if_moves_with_its_fields(http):
    considered = http.post(WHAT_IF, json={"features": {**tiny.APPLICATION, "status": 3}}).json()
    assert (considered["decision"], considered["score"]) == ("approve", 550)


def test_a_what_if_is_checked_like_an_application(http):
    refused = http.post(WHAT_IF, json={"features": {**tiny.APPLICATION, "duration": "24"}})
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["duration"]


def test_a_declined_application_has_a_notice(http):
    decision = predict(http)
    assert decision["decision"] == "decline"
    first = http.get(f"/api/decisions/{decision['id']}/notice")
    assert first.status_code == 200
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    assert first.headers["cache-control"] == "no-store"
    assert "Your application was declined." in first.text
    assert "<dd>503</dd>" in first.text
    assert "low of 103 to a high of 900" in first.text
    assert http.get(f"/api/decisions/{decision['id']}/notice").content == first.content


def test_what_was_not_declined_has_none(http):
    approved = predict(http, status=3)
    refused = http.get(f"/api/decisions/{approved['id']}/notice")
    assert refused.status_code == 409
    assert "is an approval; a notice is given where" in refused.json()["detail"]
    assert http.get(f"/api/decisions/{uuid4()}/notice").status_code == 404
    assert http.get("/api/decisions/no-id/notice").status_code == 422


def test_a_review_that_declines_gives_a_notice_and_one_that_approves_takes_it_back(http):
    referred = predict(http, status=3, duration=60)
    notice = f"/api/decisions/{referred['id']}/notice"
    assert (referred["decision"], http.get(notice).status_code) == ("review", 409)
    for verdict, status in (("decline", 200), ("approve", 409)):
        said = {"decision_id": referred["id"], "decision": verdict, "reason": "seen the papers"}
        assert http.post("/api/reviews", json=said).status_code == 200
        assert http.get(notice).status_code == status
