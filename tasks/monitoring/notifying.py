"""Telling people what a check has found: by webhook, in Slack's form, or by e-mail.

Who is told is a list of URLs in the settings: `https://…` gets JSON, `slack+https://…` a message as
Slack and its like take it, `mailto:risk@lender.example?smtp=host:port` an e-mail. URLs hold
secrets: nothing here names more of them than the host.
"""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from services.faults import first_line

SECONDS = 15
SMTP_PORT = 25
SENDER = "creditloop@localhost"
SLACK = "slack+"


class NotificationError(RuntimeError):
    """Somebody could not be told; the message names the host and what it said."""


@dataclass(frozen=True)
class Message:
    """What people are told: a title, a line for each fact, and the same for programs."""

    title: str
    lines: tuple[str, ...]
    facts: dict[str, Any]

    @property
    def text(self) -> str:
        """All of it as plain text."""
        return "\n".join([self.title, "", *(f"- {line}" for line in self.lines)])


@task(name="notify", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[2, 10])
def notify(message: Message, url: str) -> None:
    """Tell one of those who are to be told.

    Raises:
        NotificationError: the receiver did not take it.
    """
    where = receiver(url)
    try:
        if url.startswith("mailto:"):
            _mail(message, url)
        elif url.startswith(SLACK):
            _post(url.removeprefix(SLACK), slack_body(message))
        else:
            _post(url, message.facts | {"title": message.title, "lines": list(message.lines)})
    except httpx.HTTPStatusError as error:
        answer = error.response.status_code
        raise NotificationError(f"{where} answered {answer}; correct its URL") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotificationError(f"{where} is out of reach ({type(error).__name__})") from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotificationError(f"{where} took no e-mail: {first_line(error)}") from None
    get_run_logger().info("told %s", where)


def receiver(url: str) -> str:
    """A receiver's host, which is all of its URL that may be shown.

    >>> receiver("slack+https://hooks.example/services/T0K3N")
    'hooks.example'
    >>> receiver("mailto:risk@lender.example?smtp=mail.lender.example:25")
    'mail.lender.example'
    """
    parts = urlsplit(url)
    return parts.hostname or _smtp(url)[0]


def slack_body(message: Message) -> dict[str, Any]:
    """The message in Slack's form, where `&`, `<` and `>` would mean something."""
    lines = "\n".join(f"• {_escaped(line)}" for line in message.lines)
    return {"text": f"*{_escaped(message.title)}*\n{lines}"}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _post(url: str, body: dict[str, Any]) -> None:
    httpx.post(url, json=body, timeout=SECONDS).raise_for_status()


def _mail(message: Message, url: str) -> None:
    host, port = _smtp(url)
    mail = EmailMessage()
    mail["Subject"], mail["To"] = message.title, unquote(urlsplit(url).path)
    mail["From"] = parse_qs(urlsplit(url).query).get("from", [SENDER])[0]
    mail.set_content(message.text)
    with smtplib.SMTP(host, port, timeout=SECONDS) as server:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
        server.send_message(mail)


def _smtp(url: str) -> tuple[str, int]:
    """Host and port of the mail server in a mailto URL."""
    host, _, port = parse_qs(urlsplit(url).query)["smtp"][0].rpartition(":")
    return (host, int(port)) if host else (port, SMTP_PORT)
