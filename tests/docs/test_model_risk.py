"""The page on model risk says what the code does."""

import re

import pytest
import yaml

from configs.settings import BASE, ROOT
from credit.fairness import SCORE_FORMULA
from credit.intervals import Interval
from credit.plan import FamilyName, PromotionPlan
from credit.promotion import Challenger, Verdict, judge
from flows.commands.keys import ROLES
from tasks.documents.documents import CARD, REPORT, TABLE
from tests.credit.test_promotion import against

PAGE = (ROOT / "docs" / "model-risk.md").read_text(encoding="utf-8")
SECTIONS = ("decisions", "fairness", "evaluation", "promotion")
SETTINGS = yaml.safe_load(BASE.read_text(encoding="utf-8"))


def section(title):
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def cells(title):
    rows = [row for row in section(title).splitlines() if row.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


def flat(settings, prefix=""):
    found = {}
    for name, value in settings.items():
        path = f"{prefix}{name}"
        found |= flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return found


def in_words(value):
    if isinstance(value, list):
        return " to ".join(map(in_words, value)).replace("-", "−")
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def test_every_setting_has_a_row_with_its_default_and_no_other_has_one():
    given = {name.strip("`"): default for name, default, _ in cells("Settings")}
    expected = flat({name: SETTINGS[name] for name in SECTIONS})
    assert given == {name: in_words(value) for name, value in expected.items()}


def test_every_setting_that_is_named_exists():
    named = re.findall(rf"`−?((?:{'|'.join(SECTIONS)})\.[a-z_.]+)", PAGE)
    assert set(named) <= set(flat(SETTINGS))
    assert len(set(named)) > len(SECTIONS)


def verdict(comparison=None, incomparable="", **changed) -> Verdict:
    interval = Interval(1.0, 1.0, 1.0)
    challenger = Challenger(
        auc=interval,
        calibration_slope=interval,
        calibration_intercept=Interval(0.0, 0.0, 0.0),
        parity=0.0,
        milliseconds=1.0,
        impact_ratio=0.5,
    )
    plan = PromotionPlan.model_validate(SETTINGS["promotion"])
    return judge(challenger.model_copy(update=changed), comparison, 0.8, plan, incomparable)


def test_gates_are_the_real_ones_and_so_is_what_a_person_may_overlook():
    rows = {name: overlooked for name, _, overlooked in cells("Gates")}
    gates = [*verdict(against()).gates, *verdict().gates, *verdict(incomparable="gone").gates]
    assert {gate.name for gate in gates} == set(rows)
    always = {gate.name for gate in verdict(against()).gates if gate.person_may_overlook}
    assert {name for name, overlooked in rows.items() if overlooked == "yes"} == always
    sometimes = {name for name, overlooked in rows.items() if overlooked.startswith("where")}
    assert sometimes == {
        "champion",
        "AUC against champion, all test rows",
        "AUC against champion, approved rows",
    }


@pytest.mark.parametrize(
    ("title", "sections"),
    [("Model card", CARD), ("Validation report", REPORT), ("Adverse-action table", TABLE)],
)
def test_the_sections_of_a_document_are_the_real_ones(title, sections):
    rows = dict(cells("Documents"))
    assert rows[title].split(" · ") == [each.title for each in sections]


def test_the_formula_of_the_score_is_the_real_one():
    quoted = " ".join(re.findall(r"^> (.*)$", PAGE, re.MULTILINE))
    assert quoted == SCORE_FORMULA


def test_roles_families_and_formulas_are_the_real_ones():
    named = [name for role, _ in cells("Keys") for name in re.findall(r"`(\w+)`", role)]
    assert sorted(named) == sorted(ROLES)
    methods = section("Reasons").partition("| family |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", methods)) - {"shap"} == set(FamilyName.__args__)


def test_every_file_and_test_that_is_named_exists():
    named = re.findall(r"`((?:tests|credit|tasks|services|flows)/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) > 30
    for file, test in named:
        content = (ROOT / file).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in content, f"{file}::{test}"
