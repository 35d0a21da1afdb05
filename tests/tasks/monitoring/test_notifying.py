"""Telling people: each way against a receiver that really listens."""

import logging

import pytest

from tasks.monitoring import notifying
from tasks.monitoring.notifying import Message, NotificationError, notify
from tests.tasks.monitoring.receivers import http_receiver, mail_receiver

MESSAGE = Message(
    title="german-credit: drift is critical",
    lines=("drift score 0.83; 4 of 21 columns have drifted", "amount: <b> & more"),
    facts={"event": "creditloop.drift.checked", "level": "critical", "score": 0.83},
)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(notifying, "get_run_logger", lambda: logging.getLogger("test"))


def test_a_webhook_gets_the_facts_as_json():
    with http_receiver() as received:
        notify.fn(MESSAGE, f"http://127.0.0.1:{received.port}/hooks/T0K3N?x=1")
    (body,) = received.bodies
    assert received.paths == ["/hooks/T0K3N?x=1"]
    assert body == {
        "event": "creditloop.drift.checked",
        "level": "critical",
        "score": 0.83,
        "title": "german-credit: drift is critical",
        "lines": list(MESSAGE.lines),
    }


def test_slack_gets_its_own_form_with_its_signs_escaped():
    with http_receiver() as received:
        notify.fn(MESSAGE, f"slack+http://127.0.0.1:{received.port}/services/T0K3N")
    (body,) = received.bodies
    assert body == {
        "text": "*german-credit: drift is critical*\n"
        "• drift score 0.83; 4 of 21 columns have drifted\n"
        "• amount: &lt;b&gt; &amp; more"
    }


def test_an_e_mail_arrives():
    with mail_receiver() as received:
        notify.fn(
            MESSAGE,
            f"mailto:risk@lender.example,ana@lender.example?smtp=127.0.0.1:{received.port}"
            "&from=creditloop@lender.example",
        )
    (mail,) = received.mails
    assert mail["Subject"] == "german-credit: drift is critical"
    assert mail["To"] == "risk@lender.example, ana@lender.example"
    assert mail["From"] == "creditloop@lender.example"
    assert mail.get_content().splitlines() == MESSAGE.text.splitlines()


def test_who_refuses_is_named_without_the_secret_in_its_url():
    with http_receiver() as received:
        received.status = 404
        for scheme in ("http", "slack+http"):
            with pytest.raises(NotificationError, match=r"^127\.0\.0\.1 answered 404; ") as caught:
                notify.fn(MESSAGE, f"{scheme}://127.0.0.1:{received.port}/T0K3N")
            assert "T0K3N" not in str(caught.value)
            assert caught.value.__suppress_context__
    with pytest.raises(NotificationError, match=r"^127\.0\.0\.1 is out of reach \(ConnectError\)$"):
        notify.fn(MESSAGE, f"http://127.0.0.1:{received.port}/T0K3N")


def test_a_mail_server_that_refuses_is_named():
    with mail_receiver() as received:
        received.status = 550
        with pytest.raises(NotificationError, match=r"^127\.0\.0\.1 took no e-mail: "):
            notify.fn(MESSAGE, f"mailto:risk@lender.example?smtp=127.0.0.1:{received.port}")
    with pytest.raises(NotificationError, match=r"took no e-mail: "):
        notify.fn(MESSAGE, f"mailto:risk@lender.example?smtp=127.0.0.1:{received.port}")
