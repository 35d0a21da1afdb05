import json
import re

import pytest

from configs.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"training: [1", "cannot be read as YAML: while parsing a flow sequence"),
        (b"dataset: 2024-13-45", "cannot be read as YAML: month must be in 1..12"),
        (b"dataset: \xff", "cannot be read as YAML: 'utf-8' codec can't decode"),
        (b"- dataset: german-credit", "is no mapping of settings"),
        (b"colour: blue", "colour: unknown key"),
    ],
)
def test_a_wrong_file_is_named_in_one_line(tmp_path, monkeypatch, content, message):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    monkeypatch.setenv("CREDITLOOP_CONFIG", str(path))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_file_changes_nothing(tmp_path, monkeypatch):
    expected = load_settings()
    (tmp_path / "empty.yaml").touch()
    monkeypatch.setenv("CREDITLOOP_CONFIG", str(tmp_path / "empty.yaml"))
    assert load_settings() == expected


def test_a_variable_that_is_no_json(monkeypatch):
    monkeypatch.setenv("CREDITLOOP_TRAINING", "{bad")
    with pytest.raises(SettingsError, match=r'field "training".*expected JSON; correct it'):
        load_settings()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("gopher://hooks.example/T0K3N", "one of https, http, slack+https, slack+http, mailto"),
        ("T0K3N", "one of https"),
        ("https:///T0K3N", "expected a host after ://"),
        ("slack+https:T0K3N", "expected a host after ://"),
        ("mailto:risk@lender.example", "smtp=host:port"),
        ("mailto:T0K3N?smtp=mail:25", "expected mailto:risk@lender.example"),
    ],
)
def test_who_is_notified_is_checked_and_a_token_stays_out_of_the_error(monkeypatch, url, expected):
    monkeypatch.setenv("CREDITLOOP_MONITORING__NOTIFY", json.dumps([url]))
    with pytest.raises(SettingsError, match=re.escape(expected)) as caught:
        load_settings()
    assert "monitoring.notify.0" in str(caught.value)
    assert "T0K3N" not in str(caught.value)


def test_who_is_notified_comes_from_a_variable_and_is_not_shown(monkeypatch):
    urls = ["slack+https://hooks.example/T0K3N", "mailto:risk@lender.example?smtp=mail:25"]
    monkeypatch.setenv("CREDITLOOP_MONITORING__NOTIFY", json.dumps(urls))
    settings = load_settings()
    assert settings.monitoring.notify == tuple(urls)
    assert "T0K3N" not in repr(settings)


def test_who_is_notified_as_a_bare_url_is_no_json(monkeypatch):
    monkeypatch.setenv("CREDITLOOP_MONITORING__NOTIFY", "https://hooks.example/T0K3N")
    with pytest.raises(SettingsError, match="expected JSON") as caught:
        load_settings()
    assert "T0K3N" not in str(caught.value)


def test_the_defaults_are_the_owners():
    settings = load_settings()
    drift, retraining = settings.drift, settings.retraining
    assert (drift.warning, drift.critical, drift.most_drifted) == (0.5, 0.7, 0.3)
    assert (drift.significance, drift.leading_share, drift.leading_columns) == (0.01, 0.05, 5)
    assert (retraining.accuracy_drop, retraining.drift, retraining.drift_hours) == (0.05, 0.7, 24)
    assert (retraining.most_drifted, retraining.every_days) == (0.3, 7)
    assert (settings.monitoring.window_hours, settings.monitoring.replayed) == (24, 1000)
    assert settings.monitoring.notify == ()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DRIFT__WARNING", "0.8", "warning (0.8) must not be above critical (0.7)"),
        ("DRIFT__CRITICAL", "1", "less than 1"),
        ("MONITORING__WINDOW_HOURS", "0", "greater than 0"),
        ("MONITORING__VINTAGE", "year", "'month' or 'quarter'"),
        ("RETRAINING__COOLDOWN_HOURS", "-1", "greater than or equal to 0"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(monkeypatch, name, value, expected):
    monkeypatch.setenv(f"CREDITLOOP_{name}", value)
    with pytest.raises(SettingsError, match=re.escape(expected)):
        load_settings()
