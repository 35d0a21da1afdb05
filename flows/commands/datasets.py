"""Which data set a command is about."""

from pathlib import Path

from configs.datasets import load_spec
from configs.settings import Settings

YAML_ENDINGS = (".yaml", ".yml")


def dataset_name(dataset: str | None, settings: Settings) -> str:
    """A data set's name from what was given: nothing, its name, or the path of its spec.

    A name needs no spec: what was trained elsewhere can be served and listed here.

    Raises:
        SpecError: a path was given and no spec is there.
    """
    if dataset is None:
        return settings.dataset
    if dataset.endswith(YAML_ENDINGS) or Path(dataset).is_file():
        return load_spec(dataset).name
    return dataset
