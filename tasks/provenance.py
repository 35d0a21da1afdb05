"""What a package is made from: sums of data, spec, config and lock, and the runtime's versions."""

from collections.abc import Sequence
from importlib.metadata import version
from itertools import combinations

from configs.settings import Settings, SettingsError
from credit.package import Package, Provenance, canonical_json, sha256
from credit.plan import FamilyName, PresetName
from credit.spec import DatasetSpec, Schema

RUNTIME = ("numpy", "onnxruntime")


def provenance(
    spec: DatasetSpec,
    settings: Settings,
    preset: PresetName,
    families: Sequence[FamilyName],
    training_data: str,
) -> Provenance:
    """Sum up everything that decides a package's bytes.

    Raises:
        SettingsError: the lock file is not there.
    """
    return Provenance(
        training_data=training_data,
        spec=schema_sum(spec),
        config=_config_sum(settings, preset, families),
        lock=sha256(_lock(settings)),
        runtime={name: version(name) for name in RUNTIME},
    )


def schema_sum(schema: Schema) -> str:
    """The sum of a spec without its source."""
    return sha256(schema.model_dump_json(include=set(Schema.model_fields)).encode())


def training_warnings(
    package: Package, fingerprint: str, settings: Settings, *, whole: bool
) -> tuple[str, ...]:
    """Why the package may have been trained on rows that it is to be measured on.

    Args:
        fingerprint: of the rows, validated by the package's schema.
        settings: by which the test part was split off.
        whole: whether all rows are used, not the test part alone.
    """
    manifest, reasons = package.manifest, []
    is_same = fingerprint == manifest.training_data
    if whole and is_same:
        reasons.append("the file holds the data of the training")
    if not whole and not is_same:
        reasons.append("the data has changed since the training" + _kept_sides(package.schema))
    if not whole and manifest.config not in _config_sums(settings):
        reasons.append("the training settings have changed since, and perhaps the split with them")
    return (f"These rows may have been trained on: {'; '.join(reasons)}.",) if reasons else ()


def _kept_sides(schema: Schema) -> str:
    if schema.time or not schema.id:
        return ", and which rows are its test part with it"
    return f" (only rows that kept their {schema.id} are sure to have kept their part)"


def _config_sum(settings: Settings, preset: PresetName, families: Sequence[FamilyName]) -> str:
    """The sum of the settings that a package's bytes depend on."""
    plan = settings.training
    fits = plan.presets[preset]
    config = {
        "plan": plan.model_dump(mode="json", exclude={"presets"}),
        "folds": fits.folds,
        "families": {name: fits.families[name].model_dump(mode="json") for name in families},
        "decisions": settings.decisions.model_dump(mode="json"),
        "fairness": settings.fairness.model_dump(mode="json"),
        "evaluation": settings.evaluation.model_dump(mode="json"),
    }
    return sha256(canonical_json(config))


def _config_sums(settings: Settings) -> set[str]:
    """The sums of all trainings that the settings allow: any families of any preset."""
    return {
        _config_sum(settings, name, families)
        for name, preset in settings.training.presets.items()
        for number in range(1, len(preset.families) + 1)
        for families in combinations(preset.families, number)
    }


def _lock(settings: Settings) -> bytes:
    try:
        return settings.lock_file.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"lock_file: {settings.lock_file} cannot be read ({error.strerror}); "
            "set CREDITLOOP_LOCK_FILE to the lock file that the environment was installed from"
        ) from None
