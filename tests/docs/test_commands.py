"""Every command line in the documentation is one that the command line understands."""

import re
import shlex

import pytest
from typer.main import get_command

from configs.settings import ROOT, Settings
from flows.cli import app

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "prefect.yaml"]
# In a block of code, or between backticks.
LINE = re.compile(
    r"^ {4,}(?:\.venv/bin/)?creditloop +(.+)$|`(?:\.venv/bin/)?creditloop\s+([^`]+)`", re.MULTILINE
)
ROOT_COMMAND = get_command(app)


def command_lines():
    return sorted(
        {
            (path.name, block or sentence)
            for path in DOCUMENTS
            for block, sentence in LINE.findall(path.read_text(encoding="utf-8"))
        }
    )


def parse(line):
    """The names of the commands in a line; raises what the command line raises.

    A name without arguments is a mention in a sentence, and only has to exist.
    """
    command, arguments, parent, names = ROOT_COMMAND, shlex.split(line, comments=True), None, []
    while arguments and hasattr(command, "commands"):
        name, *arguments = arguments
        assert name in command.commands, f"there is no command {name}"
        parent = command.make_context("creditloop", ["--help"], parent, resilient_parsing=True)
        command = command.commands[name]
        names.append(name)
    if arguments:
        command.make_context(names[-1], arguments, parent)
    return " ".join(names)


def all_commands(command=ROOT_COMMAND, prefix=""):
    for name, each in command.commands.items():
        if hasattr(each, "commands"):
            yield from all_commands(each, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"


@pytest.mark.parametrize(("file", "line"), command_lines())
def test_a_documented_command_line_parses(file, line):
    assert parse(line)


def test_a_line_that_is_wrong_does_not_parse():
    with pytest.raises(AssertionError, match="there is no command trian"):
        parse("trian --dataset x")
    with pytest.raises(Exception, match="No such option"):
        parse("train --dateset x")
    with pytest.raises(Exception, match="Missing parameter: why"):
        parse("rollback --to DIGEST")


def test_the_readme_shows_every_command():
    shown = [parse(line) for file, line in command_lines() if file == "README.md"]
    assert set(all_commands()) == set(shown)


def test_every_variable_that_is_named_is_read():
    named = {
        (path.name, name)
        for path in DOCUMENTS
        for name in re.findall(r"CREDITLOOP_([A-Z_]+)", path.read_text(encoding="utf-8"))
    }
    settings = {name.upper() for name in Settings.model_fields}
    # CONFIG names a file of settings, KEY a person's key, FAIRNESS_KEY the monitoring job's,
    # MONITOR_KEY the guard's, LENDINGCLUB that data set's file.
    others = {"CONFIG", "KEY", "FAIRNESS_KEY", "MONITOR_KEY", "LENDINGCLUB"}
    unknown = {each for each in named if each[1].partition("__")[0] not in settings | others}
    assert not unknown
