"""The page as it is rendered and served; tests/stack/test_page_in_chromium.py uses it."""

import json
import re
from html.parser import HTMLParser

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from configs.settings import ROOT
from credit.policy import Policy
from credit.spec import Schema
from services.page.form import groups
from services.page.page import FILES, page_without_model, render_page
from services.page.scale import Scale, scale
from tests import tiny

IDENTITY = {"dataset": "d", "family": "woe_logistic", "version": "0" * 12, "digest": "0" * 64}


def spec(name: str) -> Schema:
    content = yaml.safe_load((ROOT / f"configs/datasets/{name}.yaml").read_text())
    content.pop("source")
    return Schema.model_validate(content)


class Controls(HTMLParser):
    """What a form asks: tag, attributes and, for lists, the options."""

    def __init__(self, html: str):
        super().__init__()
        self.named: dict[str, tuple[str, dict[str, str | None]]] = {}
        self.options: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.tags.append(tag)
        if "id" in found:
            self.named[found["id"] or ""] = (tag, found)
            self._last = found["id"] or ""
        if tag == "option":
            self.options.setdefault(self._last, []).append(found["value"] or "")

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def controls(schema: Schema, policy: Policy = tiny.POLICY) -> Controls:
    return Controls(render_page(schema, policy, IDENTITY))


def test_the_fields_of_a_spec_stand_in_groups_of_neighbours_that_are_alike():
    months = ["September, the newest month", "August", "July", "June", "May", "April"]
    assert [
        (g.title, g.hint, [f.label for f in g.fields]) for g in groups(spec("taiwan-default"))
    ] == [
        (
            "Application",
            "",
            [
                "Credit limit, the cardholder's and the family's together",
                "Highest level of education",
            ],
        ),
        ("Repayment status", "Months of delay", months),
        ("Statement balance", "NT dollars, -10,000,000 to 10,000,000", months),
        ("Amount paid", "NT dollars, 0 to 10,000,000", months),
    ]


def test_what_a_description_adds_is_a_hint():
    asked = {f.name: f for g in groups(spec("german-credit")) for f in g.fields}
    home = asked["present_residence_since"]
    assert home.label == home.title == "Time at the present address"
    assert home.hint == (
        "1 is below 1 year, 2 is 1 to below 4, 3 is 4 to below 7, 4 is 7 years or more. 1 to 4"
    )
    opened = next(f for g in groups(tiny.SCHEMA) for f in g.fields if f.name == "applied")
    assert opened.hint == "2000-01-01 to 2030-12-31"


@pytest.mark.parametrize("name", ["taiwan-default", "german-credit", "lendingclub-2007-2011"])
def test_every_field_is_asked_once_and_nothing_else(name):
    schema = spec(name)
    asked = [field.name for group in groups(schema) for field in group.fields]
    assert asked == list(schema.fields)
    html = render_page(schema, tiny.POLICY, IDENTITY)
    for protected in schema.protected.values():
        assert f">{protected.description}<" not in html


def test_controls_follow_the_schema():
    asked = {f.name: f for g in groups(tiny.SCHEMA) for f in g.fields}
    assert {name: field.control for name, field in asked.items()} == {
        "status": "select",
        "duration": "number",
        "amount": "number",
        "bureau score": "number",
        "purpose": "text",
        "applied": "date",
        "opened": "date",
    }
    assert [(c.value, c.label) for c in asked["status"].choices] == [
        ("1", "no account"),
        ("2", "below 0 DM"),
        ("3", "0 DM and more"),
    ]
    assert [(c.value, c.label) for c in asked["bureau score"].codes] == [
        ("-9", "no record"),
        ("-8", "no usable record"),
    ]
    assert (asked["duration"].hint, asked["duration"].unit) == ("4 to 72", "months")
    assert (asked["amount"].hint, asked["amount"].label) == ("At least 100", "Amount")
    assert [name for name, field in asked.items() if field.is_required] == ["status", "duration"]

    page = controls(tiny.SCHEMA)
    assert page.options["field-0"] == ["", "1", "2", "3"]
    assert page.options["field-3-code"] == ["", "-9", "-8"]
    applied = page.named["field-5"][1]
    assert (applied["type"], applied["min"], applied["max"]) == ("date", "2000-01-01", "2030-12-31")
    assert "required" in page.named["field-1"][1]
    assert page.named["field-2"][1]["placeholder"] == "Not known"


def test_few_whole_numbers_with_special_codes_are_one_list():
    status = next(f for g in groups(spec("taiwan-default")) for f in g.fields if f.name == "PAY_0")
    assert [(choice.value, choice.label) for choice in status.choices[:5]] == [
        ("-2", "card not used"),
        ("-1", "paid in full"),
        ("0", "revolving credit"),
        ("1", "1"),
        ("2", "2"),
    ]
    assert status.codes == ()
    assert len(status.choices) == 12


def test_the_bands_in_points_are_those_of_the_policy():
    # 600 points at 30 to 1, 20 more double the odds: 0.2 is 4 to 1 and 0.4 is 1.5 to 1.
    assert scale(tiny.POLICY) == Scale(
        low=400, high=750, decline_to=514, approve_from=542, least=103, most=900
    )


def test_the_axis_reaches_beyond_bands_at_its_ends():
    strict = tiny.POLICY.model_copy(update={"approve_below": 1e-5, "decline_above": 1e-5})
    axis = scale(strict)
    assert axis.low < axis.decline_to == axis.approve_from <= axis.high


hostile = st.sampled_from(["<script>x</script>", '"><b>', "'&", "</script>", "{{ 1 }}", "x\u2028y"])


@given(hostile, hostile, hostile)
def test_nothing_of_a_spec_becomes_markup(description, label, unit):
    schema = Schema.model_validate(
        {
            "name": "hostile",
            "description": description,
            "bad": {"target": "bad"},
            "columns": {
                "a": {"type": "category", "levels": {"x": label, description: "y"}},
                "b": {
                    "type": "number",
                    "unit": unit,
                    "description": description,
                    "special": {-1: label},
                },
            },
        }
    )
    page, plain = controls(schema), controls(harmless(schema))
    assert page.tags == plain.tags
    assert {name: set(found) for name, (_, found) in page.named.items()} == {
        name: set(found) for name, (_, found) in plain.named.items()
    }


def harmless(schema: Schema) -> Schema:
    content = schema.model_dump()
    content["description"] = "d"
    content["columns"]["a"]["levels"] = {"x": "x", "y": "y"}
    content["columns"]["b"] |= {"unit": "u", "description": "d", "special": {-1: "l"}}
    return Schema.model_validate(content)


def test_it_is_served_with_all_its_files_and_without_anything_from_elsewhere(http, package):
    page = http.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert page.headers["cache-control"] == "no-store"
    assert package.digest in page.text
    files = re.findall(r"""(?:src|href)="(page/[^"]+)""", page.text)
    assert {file.partition("?")[0].removeprefix("page/") for file in files} == set(FILES)
    for file in files:
        answer = http.get(f"/{file}")
        assert answer.status_code == 200
        assert not re.search(r"""(src|href|url\(|@import)[=(\s"']*(https?:)?//""", answer.text)
    assert http.get("/page/page.html").status_code == 404
    assert http.get("/page/..%2fpage.py").status_code == 404


def test_there_is_no_inline_code(http):
    html = http.get("/").text
    assert not re.search(r"""\s(style|on\w+)=""", html)
    assert "<style" not in html
    scripts = re.findall(r"<script([^>]*)>([^<]*)", html)
    assert [bool(text) for _, text in scripts] == [True, False]
    assert 'type="application/json"' in scripts[0][0]
    facts = json.loads(re.findall(r'id="facts">(.*?)</script>', html)[0])
    assert facts["scale"]["approve_from"] == 542
    assert facts["names"]["months_known"] == "Months known"


def test_without_a_model_the_page_says_why():
    assert "no model of &lt;b&gt;" in page_without_model("no model of <b>")
