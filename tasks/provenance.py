"""What a package is made from: sums of data, spec, config and lock, and the runtime's versions."""

from collections.abc import Sequence
from importlib.metadata import version

from configs.settings import Settings, SettingsError
from credit.package import Provenance, canonical_json, sha256
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
    plan, fits = settings.training, settings.training.presets[preset]
    config = {
        "plan": plan.model_dump(mode="json", exclude={"presets"}),
        "folds": fits.folds,
        "families": {name: fits.families[name].model_dump(mode="json") for name in families},
    }
    return Provenance(
        training_data=training_data,
        spec=sha256(spec.model_dump_json(include=set(Schema.model_fields)).encode()),
        config=sha256(canonical_json(config)),
        lock=sha256(_lock(settings)),
        runtime={name: version(name) for name in RUNTIME},
    )


def _lock(settings: Settings) -> bytes:
    try:
        return settings.lock_file.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"lock_file: {settings.lock_file} cannot be read ({error.strerror}); "
            "set CREDITLOOP_LOCK_FILE to the lock file that the environment was installed from"
        ) from None
