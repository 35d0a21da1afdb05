"""Dataset specs: found by name under configs/datasets/ or by the path of a YAML file."""

import glob
import os
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from configs.settings import ROOT, describe
from credit.spec import DatasetSpec, FileSource, SpecError, SqlSource

FOLDER = Path(__file__).resolve().parent / "datasets"

_VARIABLE = re.compile(r"\$\{(\w+)\}")


class SpecLoader(yaml.SafeLoader):
    """Safe YAML in which yes and no are words, as in YAML 1.2, and a key stands once.

    The levels of a category are often yes and no. A key given twice would silently win.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping, refused when a key repeats."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        repeated = next((key for key in keys if keys.count(key) > 1), None)
        if repeated is not None:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"key {repeated!r} stands twice in the mapping from line {line}")
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """A value, refused where it only looks like a date or a number."""
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"line {line}: {error}, got {node.value!r}") from None


_BOOLEAN = "tag:yaml.org,2002:bool"
SpecLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOLEAN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
SpecLoader.add_implicit_resolver(
    _BOOLEAN, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def spec_names() -> list[str]:
    """The data sets that come with Creditloop."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_spec(name: str) -> DatasetSpec:
    """Read a spec by its name or path.

    A relative path of its source is looked up beside the spec, then where the program was
    started; the specs that come with the project have theirs in its folder.

    Raises:
        SpecError: no such spec, no YAML, or a key or value that a spec may not have.
    """
    path = _find(name)
    try:
        content = SpecLoader(path.read_text(encoding="utf-8")).get_single_data()
    except (yaml.YAMLError, ValueError) as error:  # ValueError: no such day, or no text
        raise SpecError(f"{path}: cannot be read as YAML: {_yaml_fault(error)}") from None
    if not isinstance(content, dict):
        raise SpecError(f"{path}: is empty or no mapping; `creditloop spec FILE` drafts a spec")
    try:
        spec = DatasetSpec.model_validate(content)
    except ValidationError as error:
        raise SpecError(describe(_readable(error), str(path))) from None
    return _located(spec, ROOT if path.parent == FOLDER else path.absolute().parent)


def _yaml_fault(error: Exception) -> str:
    """What is wrong and where, without the lines around it, which may hold a password."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())


def _readable(error: ValidationError) -> ValidationError:
    """Without the kind of a bad definition or source in a key, and without a source's password."""
    faults: list[InitErrorDetails] = []
    for fault in error.errors(include_url=False):
        key, in_source = fault["loc"], fault["loc"][:1] == ("source",)
        if key[:1] in (("bad",), ("source",)):
            key = (*key[:1], *key[2:])
        faults.append(
            {
                "type": fault["type"],
                "loc": key,
                "input": {} if in_source else fault["input"],
                "ctx": fault.get("ctx", {}),
            }
        )
    return ValidationError.from_exception_data(error.title, faults)


def _located(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """The spec with a relative path of its source made one in `folder`, if that is there."""
    source = spec.source
    if isinstance(source, SqlSource) or not glob.glob(source.path, root_dir=folder):  # noqa: PTH207 a Path cannot glob an absolute pattern
        return spec
    return spec.model_copy(update={"source": FileSource(path=str(folder / source.path))})


def _find(name: str) -> Path:
    if name in spec_names():
        return FOLDER / f"{name}.yaml"
    path = Path(name)
    if path.is_file():
        return path
    raise SpecError(
        f"dataset spec {name!r} not found; expected the path of a YAML file or one of "
        + ", ".join(spec_names())
    )


def resolve_source(spec: DatasetSpec, data: str | None = None) -> FileSource | SqlSource:
    """The source with `${NAME}` filled in from the environment, or the file `data` instead.

    Raises:
        SpecError: a variable that the source names is not set.
    """
    if data:
        return FileSource(path=data)
    source = spec.source
    if isinstance(source, SqlSource):
        return SqlSource(url=_expand(source.url, spec.name), query=source.query)
    return FileSource(path=_expand(source.path, spec.name))


def _expand(text: str, dataset: str) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise SpecError(
                f"{dataset}: source needs the variable {match[1]}; set it or give --data"
            )
        return os.environ[match[1]]

    return _VARIABLE.sub(value, text)
