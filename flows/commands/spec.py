"""creditloop spec."""

from pathlib import Path

from configs.datasets import load_spec
from credit.adverse_action import missing_texts
from credit.draft import draft
from credit.spec import FileSource, SpecError
from flows.commands.console import NO, print_json, stderr, stdout
from flows.commands.errors import UsageError
from tasks.files import replacing
from tasks.sources import read_rows

SUFFIXES = (".gz", ".csv", ".parquet")


def run(files: list[str], check: bool, output: Path | None, json: bool) -> None:
    """Check specs, or draft one."""
    if check:
        _check(files, json)
    elif len(files) > 1:
        raise UsageError(f"a draft is made from one file, got {len(files)}; --check takes several")
    else:
        _draft(files[0], output, json)


def _draft(file: str, output: Path | None, json: bool) -> None:
    if output and output.exists():
        raise UsageError(f"{output} exists; name a new file or remove it first")
    text = draft(read_rows(FileSource(path=file)), _name(file), file)
    if output:
        with replacing(output) as written:
            written.write(text)
        stderr().print(f"Written to {output}; read and correct it, then --check it", soft_wrap=True)
    if json:
        print_json({"spec": text, "path": str(output) if output else None})
    elif not output:
        stdout().out(text, end="", highlight=False)


def _check(files: list[str], json: bool) -> None:
    problems = {file: _problem(file) for file in files}
    if json:
        print_json({"specs": [{"file": f, "problem": problem} for f, problem in problems.items()]})
    for file, problem in problems.items():
        if problem:
            stderr().print(problem, style="red", markup=False, soft_wrap=True)
        elif not json:
            stdout().print(f"{file} is fine", soft_wrap=True)
    if any(problems.values()):
        raise SystemExit(NO)


def _problem(file: str) -> str | None:
    try:
        missing = missing_texts(load_spec(file))
    except SpecError as error:
        return str(error)
    return (
        f"{file}: {', '.join(missing)}: no reason text, which training asks for; add reason:"
        if missing
        else None
    )


def _name(file: str) -> str:
    name = Path(file).name
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name
