"""The adverse-action notice."""

import re
import textwrap
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from uuid import UUID

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from configs.settings import ROOT, Lender, load_settings
from services.deciding import REFERRED
from services.ledger.decision_history import DecisionHistory
from services.ledger.decisions import StoredDecision
from services.ledger.reviews import Review
from services.notice import Declined, NoNoticeError, declined, notice
from services.page.scale import scale
from tests import tiny

ID = UUID("01a20e35-276f-73a1-ad98-4c9bcab8662a")
DECIDED = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
REVIEWED = datetime(2026, 3, 4, 16, 0, tzinfo=UTC)
LENDER = Lender(
    name="Bank of Somewhere",
    address="1 Main Street\nSomewhere",
    contact="+1 555 0100, credit@bank.example",
    agency="the Bureau, Washington, DC",
)
ABOUT_SCORES = (
    "We used a credit score in taking this action. A credit score is a number that reflects "
    "the information that we had about you. It can change as that information changes."
)
RULE = {"text": "You owe five times your income", "rule": "too_much_debt"}
FACTORS = [
    {"text": f"Factor {n}", "features": [f"x{n}"], "contribution": 1.0 / n} for n in (1, 2, 3)
]


def history(
    decision: str = "decline", reasons: list[object] | None = None, *reviews: str
) -> DecisionHistory:
    answer = {"decision": decision, "reasons": [RULE, *FACTORS] if reasons is None else reasons}
    payload = {"fields": {"income": 1234.5}, "ask": "all", "referred": False, "answer": answer}
    stored = StoredDecision(
        id=ID,
        at=DECIDED,
        dataset="tiny-credit",
        digest="0" * 64,
        probability=0.486516,
        score=503,
        decision=decision,
        application_id="A-1",
        payload=orjson.dumps(payload).decode(),
        payload_hash="",
        chain=ID,
        position=1,
        hash="",
    )
    said = tuple(
        Review(ID, REVIEWED, ID, each, False, "ana", None, "seen the payslip") for each in reviews
    )
    return DecisionHistory(stored, (), said, (), ())


class Texts(HTMLParser):
    """What a reader sees, one string an element, and the tags that were opened."""

    def __init__(self, html: bytes):
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self._is_style = False
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._is_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._is_style = False

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._is_style:
            self.texts.append(" ".join(data.split()))


def read(history: DecisionHistory, lender: Lender = LENDER) -> Texts:
    return Texts(notice(declined(history), scale(tiny.POLICY), lender))


def test_it_says_what_was_decided_why_and_by_whom():
    texts = read(history()).texts
    assert texts[:29] == [
        "Notice of action taken · A-1",
        "Bank of Somewhere",
        "1 Main Street Somewhere +1 555 0100, credit@bank.example",
        "Notice of action taken",
        "Date",
        "1 March 2026",
        "Application",
        "A-1",
        "Received",
        "1 March 2026",
        "Action taken",
        "Your application was declined.",
        "Thank you for your application. We have considered it with care and cannot approve it.",
        "Principal reasons for our decision",
        "You owe five times your income",
        "Factor 1",
        "Factor 2",
        "Factor 3",
        "Your credit score",
        ABOUT_SCORES,
        "Your score",
        "503",
        "Date of the score",
        "1 March 2026",
        "Range",
        "Scores range from a low of 103 to a high of 900. Higher is better.",
        "Source",
        "Bank of Somewhere",
        "Key factors that adversely affected your score:",
    ]
    assert texts[29:32] == ["Factor 1", "Factor 2", "Factor 3"]
    assert texts[-2] == "Your rights under the Equal Credit Opportunity Act"
    assert texts[-1].endswith("concerning this creditor is the Bureau, Washington, DC.")


def test_the_same_decision_gives_the_same_bytes():
    first, second = (notice(declined(history()), scale(tiny.POLICY), LENDER) for _ in range(2))
    assert first == second


def test_neither_the_probability_nor_a_field_nor_the_model_is_told():
    html = notice(declined(history()), scale(tiny.POLICY), LENDER).decode()
    for secret in ("0.48", "48.", "1234", 'income"', "contribution", "tiny", "too_much_debt"):
        assert secret not in html


def test_at_most_four_principal_reasons_and_a_fifth_key_factor_for_inquiries():
    five = [{"text": f"Reason {n}", "features": [f"x{n}"]} for n in range(1, 6)]
    given = declined(history("decline", five))
    assert given.reasons == tuple(f"Reason {n}" for n in range(1, 5))
    assert given.key_factors == tuple(f"Reason {n}" for n in range(1, 6))


def test_rules_alone_have_no_key_factors():
    given = read(history("decline", [RULE]))
    assert "You owe five times your income" in given.texts
    assert not any("Key factors" in text for text in given.texts)


def test_what_a_person_declined_carries_the_day_of_the_review():
    referred = {"text": REFERRED.text}
    given = declined(history("review", [referred, *FACTORS], "approve", "decline"))
    assert (given.applied_at, given.declined_at) == (DECIDED, REVIEWED)
    assert given.reasons == ("Factor 1", "Factor 2", "Factor 3")
    assert "4 March 2026" in read(history("review", None, "decline")).texts


def test_without_an_application_id_the_decision_is_the_reference():
    anonymous = history()
    stored = replace(anonymous.decision, application_id=None)
    assert declined(replace(anonymous, decision=stored)).reference == str(ID)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (history("approve", []), "is an approval; a notice is given where"),
        (history("review"), "is still with a person; a notice is given where"),
        (history("decline", None, "approve"), "ana approved decision"),
        (history("review", None, "decline", "approve"), "ana approved decision"),
        (history("decline", []), "stored without reasons; write the notice by hand"),
        (history("approve", [], "decline"), "stored without reasons; write the notice by hand"),
        (
            replace(history(), decision=replace(history().decision, payload=None)),
            "was purged, and its reasons with it",
        ),
    ],
)
def test_no_notice(case, words):
    with pytest.raises(NoNoticeError, match=words) as caught:
        declined(case)
    assert "\n" not in str(caught.value)


hostile = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["<script>alert(1)</script>", "</style><b>", "\"'&lt;", "{{ 7*7 }}", "{% raw %}"]
)


@given(hostile, hostile, hostile, hostile)
def test_nothing_becomes_markup(reason, reference, name, address):
    told = Declined(reference, DECIDED, DECIDED, (reason,), 503, (reason,))
    html = notice(told, scale(tiny.POLICY), Lender(name=name, address=address))
    assert Texts(html).tags == read(history("decline", FACTORS[:1])).tags
    shown = Texts(html).texts
    if reason.strip() and "\r" not in reason and "\0" not in reason:
        assert shown.count(" ".join(reason.split())) >= 2


def test_a_lender_that_said_nothing_yet_is_seen_to_have_said_nothing():
    assert "[Name of the lender]" in read(history(), Lender()).texts


def test_the_docs_show_settings_that_exist():
    page = (ROOT / "docs" / "serving.md").read_text()
    block = textwrap.dedent(re.search(r"(?m)(^    lender:\n(?:^      .+\n)+)", page)[1])
    given = yaml.safe_load(block)["lender"]
    assert set(given) == set(Lender.model_fields)
    assert Lender(**given) == load_settings(lender=given).lender
