import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from credit.adverse_action import Reason, ReasonQuality
from credit.fairness import FairnessAudit
from credit.intervals import Interval
from credit.metrics import evaluate
from credit.models import FAMILIES
from credit.spec import Schema
from tasks.documents.documents import (
    CARD,
    REPORT,
    TABLE,
    adverse_action_table,
    model_card,
    report_figures,
    validation_report,
)
from tasks.documents.evidence import (
    AdverseActionEvidence,
    CardEvidence,
    ReportEvidence,
    reason_uses,
)
from tasks.documents.figures import CARD_FIGURES, REPORT_FIGURES, DocumentError
from tasks.documents.formats import money, number, percent
from tasks.documents.vocabulary import FAMILY_REASONS, METRICS
from tests import evidence
from tests.evidence import SCHEMA

PICTURES = {name: evidence.png() for name in report_figures(evidence.report())}
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Reader(HTMLParser):
    """Text, tags and attributes of a page; fails on tags that are not closed in order."""

    def __init__(self, content: bytes):
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.feed(content.decode())
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if "style" not in self.stack:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def documents():
    return {
        "card": model_card(evidence.card(), PICTURES),
        "report": validation_report(evidence.report(), PICTURES),
        "table": adverse_action_table(evidence.table()),
    }


@pytest.fixture(scope="module")
def pages(documents):
    return {name: Reader(document.html) for name, document in documents.items()}


# All three ----------------------------------------------------------------------------------------


def test_the_same_evidence_gives_the_same_bytes(documents):
    assert model_card(evidence.card(), dict(reversed(PICTURES.items()))) == documents["card"]
    assert validation_report(evidence.report(), PICTURES) == documents["report"]
    assert adverse_action_table(evidence.table()) == documents["table"]


@pytest.mark.parametrize("name", ["card", "report", "table"])
def test_a_page_is_one_file_without_script_or_network(documents, pages, name):
    page, text = pages[name], documents[name].html.decode()
    assert not page.all("script")
    assert not page.all("link")
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert not re.search(r"https?://|@import|url\(", text)
    assert "default-src 'none'" in text
    assert all((image["width"], image["height"]) == ("320", "210") for image in page.all("img"))


@pytest.mark.parametrize("name", ["card", "report", "table"])
def test_a_page_can_be_read_by_everybody(pages, name):
    page = pages[name]
    assert page.all("html") == [{"lang": "en"}]
    assert all(len(image["alt"]) > 40 for image in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(header.get("scope") for header in page.all("th"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {link["href"].removeprefix("#") for link in page.all("a")}
    assert links <= set(ids)
    headings = [tag for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1


@pytest.mark.parametrize("name", ["card", "report", "table"])
def test_a_gap_is_never_a_nan_or_a_none(pages, name):
    assert not re.search(r"\b(nan|inf|null|Undefined)\b|\bNone\b(?!:)", pages[name].text)


@pytest.mark.parametrize("name", ["card", "report", "table"])
def test_rows_of_a_table_have_as_many_cells_as_its_head(documents, name):
    for content in re.findall(
        r"<table[^>]*>(.*?)</table>", documents[name].html.decode(), re.DOTALL
    ):
        rows = re.findall(r"<tr[^>]*>(.*?)</tr>", content, re.DOTALL)
        widths = {
            len(re.findall(r"<t[hd]\b", row))
            + sum(int(span) - 1 for span in re.findall(r'colspan="(\d+)"', row))
            for row in rows
        }
        assert len(widths) == 1, content


@pytest.mark.parametrize("name", ["card", "report", "table"])
def test_json_holds_the_same_evidence(documents, name):
    given = {"card": evidence.card(), "report": evidence.report(), "table": evidence.table()}
    content = json.loads(documents[name].json)
    assert content["evidence"] == given[name].model_dump(mode="json")
    assert (
        set(content["figures"])
        == {
            "card": set(CARD_FIGURES),
            "report": set(PICTURES),
            "table": set(),
        }[name]
    )
    again = type(given[name]).model_validate_json(json.dumps(content["evidence"]))
    assert again == given[name]


def test_a_value_that_is_no_number_is_null_in_json_and_a_dash_on_the_page():
    families = evidence.card_parts()["families"]
    broken = families[1].model_copy(
        update={"test": families[1].test | {"f1": Interval(float("nan"), 0.0, 1.0)}}
    )
    document = model_card(evidence.card(families=(families[0], broken)), PICTURES)
    assert json.loads(document.json)["evidence"]["families"][1]["test"]["f1"]["value"] is None
    assert "F1 — (not defined on these rows)" in Reader(document.html).text


def test_text_from_a_specification_cannot_become_markup(documents):
    text = documents["card"].html.decode()
    assert "No lender &amp; no &lt;person&gt; behind them." in text
    assert "<person>" not in text


# What is missing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CardEvidence.model_fields))
def test_a_card_names_the_evidence_that_it_lacks(name):
    parts = evidence.card_parts()
    del parts[name]
    with pytest.raises(DocumentError, match=f"^model card: {name}: missing"):
        CardEvidence.of(**parts)


@pytest.mark.parametrize("name", sorted(ReportEvidence.model_fields))
def test_a_report_names_the_evidence_that_it_lacks(name):
    parts = evidence.report_parts()
    del parts[name]
    with pytest.raises(DocumentError, match=f"^validation report: {name}: missing"):
        ReportEvidence.of(**parts)


@pytest.mark.parametrize("name", sorted(AdverseActionEvidence.model_fields))
def test_a_table_names_the_evidence_that_it_lacks(name):
    parts = dict(evidence.table())
    del parts[name]
    with pytest.raises(DocumentError, match=f"^adverse-action table: {name}: missing"):
        AdverseActionEvidence.of(**parts)


def test_evidence_that_stops_short_is_missing_too():
    audit = evidence.audit()
    with pytest.raises(DocumentError, match=r"fairness holds nothing on age"):
        evidence.card(fairness=audit.model_copy(update={"columns": audit.columns[:1]}))
    with pytest.raises(DocumentError, match=r"monotone holds nothing on income"):
        evidence.card(
            monotone=[c for c in evidence.card_parts()["monotone"] if c.feature != "income"]
        )
    with pytest.raises(DocumentError, match=r"rules holds nothing on large_loan"):
        evidence.card(rules=evidence.card_parts()["rules"][:1])
    with pytest.raises(DocumentError, match=r"families holds nothing on network"):
        evidence.card(family="network")
    with pytest.raises(DocumentError, match=r"proxies holds nothing on sex, age"):
        evidence.report(proxies=())
    with pytest.raises(DocumentError, match=r"uses holds nothing on home"):
        evidence.table(uses=evidence.table().uses[:-1])
    with pytest.raises(DocumentError, match=r"^model card: fairness: .*got None"):
        evidence.card(fairness=None)


@pytest.mark.parametrize("name", PICTURES)
def test_a_figure_that_is_missing_is_named(name):
    pictures = {other: png for other, png in PICTURES.items() if other != name}
    with pytest.raises(DocumentError, match=f"validation report: figure '{name}' is missing"):
        validation_report(evidence.report(), pictures)


def test_a_figure_must_be_a_png():
    with pytest.raises(DocumentError, match="model card: figure 'roc' is no PNG"):
        model_card(evidence.card(), PICTURES | {"roc": b"<svg/>"})


def test_every_figure_of_the_card_is_one_of_the_report():
    assert set(CARD_FIGURES) <= set(REPORT_FIGURES)
    assert set(PICTURES) == {*REPORT_FIGURES, "vintage", "case_1", "case_2"}


# Model card ---------------------------------------------------------------------------------------


def test_the_card_knows_no_clock_no_run_and_no_champion(documents, pages):
    keys = set(re.findall(r'"(\w+)":', documents["card"].json.decode()))
    assert keys.isdisjoint({"package", "requester", "champion", "validated_on", "seconds"})
    assert not re.search(r"champion|20\d\d-\d\d-\d\d", pages["card"].text)


def test_the_card_holds_nothing_of_single_rows(documents):
    explanation = json.loads(documents["card"].json)["evidence"]["explanation"]
    assert explanation["swarms"] == explanation["dependences"] == []
    assert evidence.explanation().swarms


def test_every_family_says_why_it_was_tried_and_every_metric_what_it_says():
    assert set(FAMILY_REASONS) == set(FAMILIES)
    bad = np.array([0, 1, 0, 1], dtype=np.int8)
    measured = evaluate(bad, np.array([0.1, 0.3, 0.4, 0.8]), 2, 1)
    assert set(measured) == set(METRICS)


def test_the_card_says_what_counts(pages):
    text = pages["card"].text
    for expected in (
        "An application is bad when status is charged off, dated by closed, within 18 months",
        "AUC on test 0.778 0.765 to 0.791",
        "Profit, EUR 2.346 million 2.036 million to 2.656 million",
        "Amounts are in EUR.",
        "Lowest adverse-impact ratio of a single column",
        "those of two columns together counted",
        "too much debt Affordability amount > 2 * income decline",
        "The lowest ratio of each pair of protected columns",
        "below 25 412 54.7% 52.7% to 56.7% 0.770",
        "60 or more 88 80.0% 78.0% to 82.0% — (no reference)",
        "The package keeps how 30,000 applications spread over each of the 6 inputs",
        "a mean PD of 22.1%; 68.8% approved, 13.2% sent to a person, 18.0% declined",
        "from the 4,140 test rows that would be approved",
        "Accuracy 89.2% 88.2% to 90.2%",
        "None: the model does not read age",
        "44" * 32,
    ):
        assert expected in text


def test_an_exception_for_age_is_printed():
    columns = SCHEMA.model_dump()["columns"]
    columns["age"]["input_justification"] = "Allowed under our counsel's reading."
    spec = Schema.model_validate(SCHEMA.model_dump() | {"columns": columns})
    page = Reader(model_card(evidence.card(spec=spec), PICTURES).html)
    assert "written justification: “Allowed under our counsel's reading.”" in page.text
    assert "yes, by exception" in page.text


def test_without_approved_rows_of_both_kinds_the_card_says_so():
    known = evidence.card().reference.model_copy(update={"baseline": None})
    page = Reader(model_card(evidence.card(reference=known), PICTURES).html)
    assert "there is nothing to measure decay from" in page.text


def test_where_nothing_is_declined_the_documents_say_so():
    nothing = ReasonQuality(applications=0)
    page = Reader(model_card(evidence.card(reason_quality=nothing), PICTURES).html)
    assert "No test row is declined by its probability of default" in page.text
    table = Reader(adverse_action_table(evidence.table(quality=nothing, declined=0)).html)
    assert "none was declined" in table.text


def test_a_card_without_protected_columns_says_so():
    columns = {n: c for n, c in SCHEMA.model_dump()["columns"].items() if n not in ("sex", "age")}
    nothing = FairnessAudit(
        rows=6000,
        approval_rate=0.69,
        fewest_per_group=100,
        least_impact_ratio=0.8,
        bootstrap_samples=200,
        columns=(),
        intersections=(),
        worst=None,
        worst_intersection=None,
        breaches=(),
        score=None,
    )
    spec = Schema.model_validate(SCHEMA.model_dump() | {"columns": columns})
    page = Reader(model_card(evidence.card(spec=spec, fairness=nothing), PICTURES).html)
    assert "not a finding of fairness" in page.text
    assert "fairness could not be audited" in page.text


# Validation report --------------------------------------------------------------------------------


def test_the_report_opens_with_the_decision_and_its_gates(pages):
    text = pages["report"].text
    summary = text[: text.index("Contents")]
    assert "A person has to decide" in summary
    assert "3 of 4 gates are passed." in summary
    assert "Adverse-impact ratio ! A person decides" in summary
    assert "AUC ✓ Passed The lower 95% bound" in summary


@pytest.mark.parametrize(
    ("overall", "words"), [("promote", "may be promoted"), ("refuse", "is refused")]
)
def test_the_other_verdicts_are_said_in_words(overall, words):
    verdict = evidence.verdict().model_copy(update={"overall": overall})
    page = Reader(validation_report(evidence.report(verdict=verdict), PICTURES).html)
    assert words in page.text[: page.text.index("Contents")]


def test_the_report_compares_with_the_champion(pages):
    text = pages["report"].text
    assert "Logistic regression (WoE), version 0f1e2d3c4b5a" in text
    assert "AUC 0.771 0.778 +0.00720 −0.00110 to +0.01550 −0.0100 0.088 ✓ Not worse" in text
    assert "— (fewer than two bad rows)" in text
    assert "Approved by the new model alone 214 3.57% 25 11.7%" in text


def test_a_first_model_is_compared_with_nobody():
    page = Reader(validation_report(evidence.report(champion=None), PICTURES).html)
    assert "No model is in production yet." in page.text
    assert "there is nothing to compare with" in page.text


def test_a_case_that_a_rule_decided_says_so(pages):
    assert "A hard rule decided this case" not in pages["report"].text
    cases = (evidence.case("Safest declined", 17, 0.021, "decline"),)
    page = Reader(validation_report(evidence.report(cases=cases), PICTURES).html)
    assert "decision decline . Base −1.21, margin 0.871. A hard rule decided this case" in page.text


def test_rows_without_a_time_have_no_vintages():
    stability = evidence.report_parts()["stability"].model_copy(update={"vintages": ()})
    given = evidence.report(stability=stability)
    assert "vintage" not in report_figures(given)
    page = Reader(validation_report(given, PICTURES).html)
    assert "stability over time could not be measured" in page.text


def test_dates_are_those_that_are_given(pages):
    assert "validated on 2026-03-01, next validation 2027-03-01" in pages["report"].text


def test_every_section_number_that_is_named_exists(pages):
    for page in pages.values():
        count = page.text.count("Contents") and len(
            [link for link in page.all("a") if link["href"] != "#content"]
        )
        assert all(int(n) <= count for n in re.findall(r"[Ss]ection (\d+)", page.text))


# Adverse-action table -----------------------------------------------------------------------------


def test_reasons_stand_by_how_often_they_come_first(pages):
    text = pages["table"].text
    places = [
        text.index(words) for words in ("Payments were late", "Your income is low", "The amount")
    ]
    assert places == sorted(places)
    assert "Payments late by more than 30 days in two years 56.9% 77.3% 100%" in text
    assert "Your housing status home Housing 0% 0% — (never named)" in text


def test_uses_are_counted_by_hand():
    late = Reason(text="Payments were late", features=("delays",), contribution=0.4, holds=True)
    home = Reason(text="Your housing status", features=("home",), contribution=0.1, holds=False)
    uses = {use.text: use for use in reason_uses(SCHEMA, [(late, home), (home,), (late,)])}
    assert (uses[late.text].first, uses[late.text].named, uses[late.text].held) == (2, 2, 2)
    assert (uses[home.text].first, uses[home.text].named, uses[home.text].held) == (1, 2, 0)
    assert uses["Your income is low for this loan"].features == ("income", "amount_to_income")
    assert len(uses) == 5


# Numbers ------------------------------------------------------------------------------------------


def test_bounds_have_the_decimals_of_the_estimate():
    assert number(0.02151, like=0.7781) == "0.022"
    assert percent(0.09871, like=0.1081) == "9.9%"
    assert money(987_654.0, like=1_234_567.0) == "0.988 million"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
@pytest.mark.parametrize("form", [number, percent, money])
def test_what_is_not_there_is_a_dash_with_its_reason(form, value):
    assert "— <small>(too few rows)</small>" in form(value, reason="too few rows")


def test_every_template_is_used():
    used = {"document", "macros", "card_summary", "report_summary", "table_summary"}
    folder = Path(evidence.__file__).parents[1] / "tasks" / "documents" / "templates"
    text = "".join(path.read_text() for path in folder.glob("*.html"))
    used |= set(re.findall(r'include "(\w+)\.html"', text))
    used |= {section.name for section in (*CARD, *REPORT, *TABLE)}
    assert {path.stem for path in folder.glob("*.html")} == used
