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
