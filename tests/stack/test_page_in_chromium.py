"""The page in a real Chromium: what a loan officer sees, and what the browser is asked to fetch."""

import json
import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from credit.package import Package
from credit.spec import Schema
from services.keys import create_key
from services.ledger import open_ledger
from services.ledger.tables import decisions
from services.serve import running_service
from tests import tiny
from tests.services.conftest import deploy, settings_in

pytestmark = pytest.mark.stack

REASONS = {
    "status": "The balance of your current account",
    "duration": "The loan would run for a long time",
    "amount": "The amount is high",
    "bureau score": "Your record at the credit bureau",
    "purpose": "The purpose of the loan",
}
DECLINED = {name: str(value) for name, value in tiny.APPLICATION.items()}
APPROVED = {**DECLINED, "status": "3"}
REVIEWED = {**APPROVED, "duration": "60"}

TOO_FAINT = (Path(__file__).parent / "too_faint.js").read_text()


def office_schema() -> Schema:
    """The tiny schema with reasons, and a field that the applicant can change."""
    content = tiny.SCHEMA.model_dump()
    for name, reason in REASONS.items():
        content["columns"][name]["reason"] = reason
    content["columns"]["status"]["changeable"] = True
    return Schema.model_validate(content)


@pytest.fixture(scope="module")
def package() -> Package:
    return tiny.package(office_schema())


class Service:
    """A running service, and its ledger."""

    def __init__(self, url: str, home: Path):
        self.url = url
        self.home = home
        self.ledger = open_ledger(settings_in(home).ledger_uri)

    def count_decisions(self) -> int:
        with self.ledger.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(decisions)).scalar_one())

    @property
    def log(self) -> str:
        return "".join(path.read_text() for path in (self.home / "logs").iterdir())


@pytest.fixture(scope="module")
def service(tmp_path_factory, package):
    home = tmp_path_factory.mktemp("office")
    settings = settings_in(home)
    deploy(settings, package)
    with running_service(settings) as url:
        yield Service(url, home)


@pytest.fixture(scope="module")
def keys(tmp_path_factory, package):
    """A service that asks for keys, and the tokens by role."""
    home = tmp_path_factory.mktemp("guarded")
    settings = settings_in(home)
    deploy(settings, package)
    ledger = open_ledger(settings.ledger_uri)
    tokens = {
        "score": create_key(ledger, "ana", ("score",)),
        "both": create_key(ledger, "ben", ("score", "monitor")),
    }
    with running_service(settings) as url:
        yield Service(url, home), tokens


@pytest.fixture
def visit(browser):
    """Opens pages, and checks at the end what was fetched and what the browser complained of."""
    contexts, requests, complaints = [], [], []

    def open_page(url: str, width: int = 1280, **options) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append((context, url))
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type in ("error", "warning") and not is_expected(message.text)
                else None
            ),
        )
        page.goto(url)
        return page

    yield open_page
    for context, _ in contexts:
        context.close()
    origins = {urlsplit(url).netloc for _, url in contexts}
    asked = [url for url in requests if not url.startswith(("blob:", "data:"))]
    assert {urlsplit(url).netloc for url in asked} == origins
    assert not any(urlsplit(url).query.count("=") for url in asked), "a value is in an address"
    assert not complaints


def is_expected(message: str) -> bool:
    """Chromium reports each refusal of ours as an error, and a service that is gone."""
    return bool(
        re.match(r"Failed to load resource: (.* status of 4\d\d |net::ERR_FAILED)", message)
    )


def fill(page: Page, values: dict[str, str]) -> None:
    for name, value in values.items():
        control = page.locator(f'.field[data-name="{name}"] .value')
        is_list = control.evaluate("element => element.tagName") == "SELECT"
        control.select_option(value) if is_list else control.fill(value)


def decide(page: Page, values: dict[str, str]) -> None:
    fill(page, values)
    page.get_by_role("button", name="Decide").click()
    expect(page.locator("#answer-verdict .verdict")).to_be_visible()


def part(page: Page, title: str):
    return page.locator(".part", has=page.get_by_role("heading", name=title))


def field(page: Page, name: str):
    return page.locator(f'.field[data-name="{name}"]')


# Decisions ----------------------------------------------------------------------------------------


def test_a_decline_comes_with_score_reasons_and_what_would_change_it(visit, service):
    page = visit(service.url)
    assert page.title() == "Credit application · Tiny credit"
    decide(page, DECLINED)
    expect(page.locator(".verdict")).to_contain_text("Decline")
    expect(part(page, "Score")).to_contain_text("503 points")
    expect(
        page.get_by_role("img", name=re.compile("503 points on a scale from 400"))
    ).to_be_visible()
    assert part(page, "Principal reasons").locator("li").all_inner_texts() == [
        REASONS[name] for name in ("status", "duration", "amount", "purpose")
    ]
    expect(part(page, "What would change the decision")).to_contain_text(
        "If “Balance of the current account” were 0 DM and more instead of below 0 DM, "
        "it would be approved."
    )
    expect(page.locator(".record")).to_contain_text("48.7%")
    assert page.evaluate("document.activeElement.id") == "answer-title"
    assert page.url == f"{service.url}/"


def test_an_approval_has_no_notice_and_a_review_says_that_a_person_decides(visit, service):
    page = visit(service.url)
    decide(page, APPROVED)
    expect(page.locator(".verdict")).to_contain_text("Approve")
    expect(page.get_by_text("What would change the decision")).to_have_count(0)
    expect(page.get_by_role("button", name="Save the notice")).to_be_hidden()
    fill(page, REVIEWED)
    expect(page.get_by_text("The form has changed since this was decided.")).to_be_visible()
    page.get_by_role("button", name="Decide").click()
    expect(page.locator(".verdict")).to_contain_text("Review by a person")


def test_special_codes_stand_in_place_of_a_number(visit, service):
    page = visit(service.url)
    fill(page, DECLINED)
    page.get_by_label("Bureau score: a number or a special case").select_option(label="no record")
    expect(page.get_by_label("Bureau score", exact=False).first).to_be_disabled()
    with page.expect_request("**/api/predict") as sent:
        page.get_by_role("button", name="Decide").click()
    features = json.loads(sent.value.post_data or "")["features"]
    assert features == {**tiny.APPLICATION, "status": "2", "bureau score": -9}


def test_what_is_not_known_is_not_sent(visit, service):
    page = visit(service.url)
    with page.expect_request("**/api/predict") as sent:
        decide(page, {"status": "2", "duration": "24"})
    assert json.loads(sent.value.post_data or "")["features"] == {"status": "2", "duration": 24}


def test_the_same_application_number_gives_the_same_decision(visit, service):
    page = visit(service.url)
    page.get_by_label("Application number").fill("A-77")
    decide(page, DECLINED)
    first = page.locator(".record").inner_text()
    with page.expect_response("**/api/predict") as again:
        page.get_by_role("button", name="Decide").click()
    assert again.value.json()["id"] in first
    expect(page.locator("#decide")).to_be_enabled()
    assert page.locator(".record").inner_text() == first
    fill(page, {"duration": "30"})
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("alert").filter(has_text="could not be done")).to_be_visible()


def test_the_notice_is_saved_as_a_file(visit, service):
    page = visit(service.url)
    decide(page, DECLINED)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the notice").click()
    assert re.fullmatch(r"notice-[0-9a-f-]{36}\.html", saved.value.suggested_filename)
    html = saved.value.path().read_text()
    assert REASONS["status"] in html
    assert "48.7" not in html


# Errors -------------------------------------------------------------------------------------------


def test_errors_come_back_at_their_fields(visit, service):
    page = visit(service.url)
    fill(page, {**DECLINED, "duration": "999", "amount": "3,500"})
    page.locator("#field-0").select_option("")
    page.get_by_role("button", name="Decide").click()
    summary = page.locator("#problem")
    expect(summary).to_be_focused()
    links = ["Balance of the current account", "Term of the loan", "Amount"]
    assert summary.get_by_role("link").all_inner_texts() == links
    expect(field(page, "status")).to_contain_text("Choose one of the list.")
    expect(field(page, "duration")).to_contain_text(
        "Expected an integer from 4 to 72 months; got 999."
    )
    expect(field(page, "amount")).to_contain_text('got "3,500"')
    duration = page.get_by_label("Term of the loan")
    assert duration.get_attribute("aria-invalid") == "true"
    summary.get_by_role("link", name="Term of the loan").click()
    expect(duration).to_be_focused()
    assert page.url == f"{service.url}/"
    decide(page, DECLINED)
    expect(summary).to_be_hidden()
    expect(field(page, "duration").locator(".error")).to_be_empty()


def test_a_service_that_is_gone_is_said_in_words(visit, service):
    page = visit(service.url)
    fill(page, DECLINED)
    page.route("**/api/predict", lambda route: route.abort())
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")


# What if ------------------------------------------------------------------------------------------


def test_what_if_shows_how_the_answer_moves_and_stores_no_decision(visit, service):
    page = visit(service.url)
    decide(page, DECLINED)
    before = service.count_decisions()
    page.get_by_role("button", name="What if?").click()
    expect(page.get_by_text("What if: not a decision")).to_be_visible()
    fill(page, {"status": "3", "purpose": "private-purpose"})
    compared = part(page, "Compared with the decision")
    expect(compared).to_contain_text("Balance of the current account: below 0 DM → 0 DM and more")
    expect(compared).to_contain_text("Purpose: car → private-purpose")
    expect(compared.get_by_role("row", name=re.compile("Score"))).to_contain_text("503")
    expect(page.locator("#what-if-answer")).to_contain_text(
        re.compile(r"Approve, 5\d\d \(\+\d\d\)")
    )
    expect(page.get_by_role("button", name="Decide")).to_be_disabled()
    fill(page, {"duration": "7x"})
    expect(field(page, "duration")).to_contain_text('got "7x"')
    assert service.count_decisions() == before
    page.get_by_role("button", name="Back to the decision").click()
    expect(page.locator(".verdict")).to_contain_text("Decline")
    expect(page.get_by_label("Term of the loan")).to_have_value("24")
    assert "private-purpose" not in service.log


# Keys ---------------------------------------------------------------------------------------------


def test_a_key_is_asked_for_kept_in_the_tab_and_sent(visit, keys):
    service, tokens = keys
    page = visit(service.url)
    fill(page, DECLINED)
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("This service asks for an API key.")).to_be_visible()
    entry = page.get_by_label("API key", exact=True).and_(page.locator("input"))
    expect(entry).to_be_focused()
    entry.fill("cl_0123456789ab_nonsense")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Decide").click()
    expect(page.locator("#key-error")).not_to_be_empty()
    entry.fill(tokens["score"].token)
    page.get_by_role("button", name="Use this key").click()
    page.get_by_role("button", name="Decide").click()
    expect(page.locator(".verdict")).to_contain_text("Decline")
    assert page.evaluate("Object.keys(localStorage).length + document.cookie.length") == 0
    assert page.evaluate("Object.keys(sessionStorage)") == ["creditloop-key"]
    # What if wants the monitor role, which this key lacks.
    page.get_by_role("button", name="What if?").click()
    expect(page.get_by_role("alert").filter(has_text="this needs monitor")).to_be_visible()
    expect(page.locator(".verdict")).to_contain_text("Decline")
    page.get_by_role("button", name="API key: set").click()
    page.get_by_role("button", name="Forget it").click()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_what_if_is_logged_with_its_key_and_version_and_without_values(visit, keys, package):
    service, tokens = keys
    page = visit(service.url)
    page.get_by_role("button", name="API key").click()
    page.locator("#key-value").fill(tokens["both"].token)
    page.keyboard.press("Enter")
    decide(page, {**DECLINED, "purpose": "secret-purpose"})
    before = service.count_decisions()
    page.get_by_role("button", name="What if?").click()
    fill(page, {"status": "3"})
    expect(page.locator("#what-if-answer")).to_contain_text("Approve")
    assert service.count_decisions() == before
    lines = [json.loads(line) for line in service.log.splitlines() if "/api/what-if" in line]
    answered = [line for line in lines if line.get("status") == 200]
    assert answered
    for line in answered:
        assert line["key"] == tokens["both"].key.id
        assert line["version"] == package.digest[:12]
    assert "secret-purpose" not in service.log
    assert tokens["both"].token not in service.log


# People who use no mouse, no eyes, a phone or paper -----------------------------------------------


def test_the_keyboard_alone_is_enough(visit, service):
    page = visit(service.url)
    press = page.keyboard.press
    press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(2):
        press("Tab")
    page.keyboard.type("below")  # a list takes the first entry that begins so
    press("Tab")
    page.keyboard.type("24")
    press("Enter")
    expect(page.locator("#answer-title")).to_be_focused()
    press("Tab")
    assert page.evaluate("document.activeElement.id") == "what-if"
    press("Enter")
    expect(page.locator("#what-if-end")).to_be_focused()
    press("Enter")
    expect(page.locator("#answer-title")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_and_every_control_has_a_name(visit, service, scheme):
    page = visit(service.url, color_scheme=scheme)
    check_access(page)
    page.get_by_role("button", name="Decide").click()
    expect(page.locator("#problem")).to_be_visible()
    check_access(page)
    for values in (APPROVED, REVIEWED, DECLINED):
        decide(page, values)
        check_access(page)
    page.locator("summary").click()
    page.get_by_role("button", name="API key").click()
    page.get_by_role("button", name="What if?").click()
    expect(page.locator(".comparison")).to_be_visible()
    check_access(page)


def check_access(page: Page) -> None:
    assert page.evaluate(TOO_FAINT) == []
    assert page.evaluate("document.documentElement.lang") == "en"
    levels = page.locator("h1:visible, h2:visible, h3:visible").evaluate_all(
        "headings => headings.map((heading) => Number(heading.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    controls = {"textbox", "combobox", "button", "link", "Date", "form", "img"}
    for node in nodes:
        role = node.get("role", {}).get("value")
        if role in controls and not node["ignored"]:
            assert node["name"]["value"].strip(), node
    assert page.locator("fieldset:not(:has(> legend))").count() == 0
    ids = page.locator("[id]").evaluate_all("all => all.map((element) => element.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_cut_off_at_the_side(visit, service, width):
    page = visit(service.url, width=width)
    decide(page, DECLINED)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_paper_shows_the_decision_and_no_buttons(visit, service):
    page = visit(service.url)
    decide(page, DECLINED)
    page.emulate_media(media="print")
    expect(page.locator(".verdict")).to_be_visible()
    assert page.locator("button:visible").count() == 0


# What may run and be fetched ---------------------------------------------------------------------

ADDED = "document.head.append(Object.assign(document.createElement('{}'), {{textContent: '{}'}}))"
ATTEMPTS = {
    "script-src-elem": ADDED.format("script", "hit = 1"),
    "style-src-elem": ADDED.format("style", "p {}"),
    "connect-src": "fetch('http://127.0.0.1:9/').catch(() => null)",
}
DIRECTIVE_THAT_STOPS = """new Promise((resolve) => {
  document.addEventListener("securitypolicyviolation", (e) => resolve(e.effectiveDirective));
  ATTEMPT;
})"""


@pytest.mark.parametrize("directive", ATTEMPTS)
def test_what_does_not_come_from_the_service_is_stopped(browser, service, directive):
    page = browser.new_page()
    page.goto(service.url)
    attempt = DIRECTIVE_THAT_STOPS.replace("ATTEMPT", ATTEMPTS[directive])
    assert page.evaluate(attempt) == directive
    assert page.evaluate("window.hit") is None
    page.close()


# Swaps, at the end: another model serves from then on ---------------------------------------------


def test_the_page_notices_that_another_model_decides(visit, keys):
    service, tokens = keys
    page = visit(service.url)
    page.evaluate("token => sessionStorage.setItem('creditloop-key', token)", tokens["both"].token)
    decide(page, DECLINED)
    newer = tiny.package(office_schema(), shift=-3.0)
    deploy(settings_in(service.home), newer)
    version = newer.digest[:12]
    notice = page.get_by_role("alert").filter(has_text=version)
    for _ in range(40):
        page.get_by_role("button", name="Decide").click()
        page.wait_for_timeout(250)
        if notice.is_visible():
            break
    expect(notice).to_contain_text("A new model decides")
    # The old bands are not those that decided.
    expect(page.locator(".axis")).to_have_count(0)
    notice.get_by_role("button", name="Load the new form").click()
    expect(page.locator(".top .model")).to_contain_text(version)
    decide(page, DECLINED)
    expect(page.locator(".axis")).to_be_visible()
    expect(notice).to_be_hidden()
