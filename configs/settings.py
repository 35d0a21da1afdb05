"""Settings: base.yaml, then the file in CREDITLOOP_CONFIG, then CREDITLOOP_* variables.

Nothing is read at import: `load_settings()` reads, and what it returns is frozen.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from pydantic_settings import SettingsError as UnreadableVariable

from credit.plan import (
    DecisionPlan,
    DriftPlan,
    EvaluationPlan,
    FairnessPlan,
    MonitoringPlan,
    PromotionPlan,
    RetrainingPlan,
    TrainingPlan,
)
from credit.spec import Frozen

CONFIG_VARIABLE = "CREDITLOOP_CONFIG"
ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / "configs" / "base.yaml"
# Settings whose values may be secrets: errors do not repeat them.
SECRET = frozenset({"notify"})


class SettingsError(ValueError):
    """A setting is unknown or wrong; the message names it, what was got and what was expected."""


class Serving(Frozen):
    """The HTTP service."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1)
    reasons: bool = Field(default=True, description="answer what is not approved with reasons")
    repeat_hours: float = Field(
        default=24, gt=0, description="a request that is sent again so long gets its first answer"
    )
    most_waiting: int = Field(
        default=20_000, ge=1, description="decisions that may wait to be stored in a worker"
    )
    most_requests: int = Field(default=256, ge=1, description="requests at once in a worker")
    most_rows: int = Field(default=10_000, ge=1, description="applications in a batch")
    requests_per_second: float = Field(default=2000, gt=0, description="of one key, in a worker")


class Lender(Frozen):
    """Who lends, as notices to applicants name it. Brackets show that it was not said yet."""

    name: str = "[Name of the lender]"
    address: str = "[Address of the lender]"
    contact: str = "[Telephone and e-mail of the lender]"
    agency: str = Field(
        default="[name and address of the federal agency]",
        description="that administers the Equal Credit Opportunity Act for this lender",
    )


class Settings(BaseSettings):
    """Where Creditloop keeps its state, what it connects to, and how it trains."""

    model_config = SettingsConfigDict(
        env_prefix="CREDITLOOP_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    home: Path = Field(default=Path(".creditloop"), description="folder for all state")
    dataset: str = Field(
        description="the data set that is trained and served unless told otherwise"
    )
    lock_file: Path = Field(default=ROOT / "requirements.lock", description="locked versions")
    tracking_url: str = Field(default="", description="MLflow server; empty: a store under home")
    ledger_url: str = Field(default="", description="SQLAlchemy URL; empty: SQLite under home")
    ledger_anchors: str = Field(
        default="",
        description="folder or URL for where the ledger's chains stood; empty: anchors under home",
    )
    serving: Serving = Serving()
    lender: Lender = Lender()
    training: TrainingPlan
    decisions: DecisionPlan
    fairness: FairnessPlan
    evaluation: EvaluationPlan
    promotion: PromotionPlan
    drift: DriftPlan
    retraining: RetrainingPlan
    monitoring: MonitoringPlan

    @model_validator(mode="after")
    def _home_is_absolute(self) -> Self:
        object.__setattr__(self, "home", self.home.expanduser().absolute())
        return self

    @property
    def tracking_uri(self) -> str:
        """The MLflow tracking URI."""
        return self.tracking_url or f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def ledger_uri(self) -> str:
        """The ledger's SQLAlchemy URL."""
        return self.ledger_url or f"sqlite:///{self.home / 'ledger.db'}"

    @property
    def anchors_uri(self) -> str:
        """The folder or URL of the ledger's anchors."""
        return self.ledger_anchors or str(self.home / "anchors")

    @property
    def packages(self) -> Path:
        """The folder of scorer packages, one per digest."""
        return self.home / "packages"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Overrides first, then the environment, then the files."""
        return (
            init_settings,
            env_settings,
            YamlConfigSettingsSource(settings_cls, _files(), deep_merge=True),
        )


def _files() -> list[Path]:
    extra = os.environ.get(CONFIG_VARIABLE)
    return [BASE, Path(extra)] if extra else [BASE]


def load_settings(**overrides: object) -> Settings:
    """Read the settings; `overrides` win over files and environment.

    Raises:
        SettingsError: a key is unknown, a value is wrong, or the file named by CREDITLOOP_CONFIG
            is not there or no mapping in YAML.
    """
    for file in _files():
        _check_file(file)
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(describe(error, "settings")) from None
    except UnreadableVariable as error:
        raise SettingsError(
            f"variables: {error}: expected JSON; correct it, or set single values such as "
            "CREDITLOOP_TRAINING__SEED=1"
        ) from None


def _check_file(file: Path) -> None:
    if not file.is_file():
        raise SettingsError(
            f"{CONFIG_VARIABLE}: {file} is not a file; name a YAML file or unset it"
        )
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValueError) as error:  # ValueError: no such day, or no text
        detail = " ".join(str(error).split())
        raise SettingsError(f"{CONFIG_VARIABLE}: {file} cannot be read as YAML: {detail}") from None
    if not isinstance(content, Mapping | None):
        raise SettingsError(
            f"{CONFIG_VARIABLE}: {file} is no mapping of settings; write lines such as "
            "`dataset: german-credit`"
        )


def describe(error: ValidationError, source: str) -> str:
    """One line for each fault: where, what was got, what was expected."""
    return "; ".join(
        f"{source}: {'.'.join(map(str, fault['loc'])) or 'content'}: {_fault(fault)}"
        for fault in error.errors(include_url=False)
    )


def _fault(fault: ErrorDetails) -> str:
    if fault["type"] == "extra_forbidden":
        return "unknown key; remove it or correct its spelling"
    if fault["type"] == "missing":
        return "missing; add it"
    got = fault["input"]
    shown = "" if isinstance(got, dict) or SECRET & {*fault["loc"]} else f", got {got!r}"
    return fault["msg"].removeprefix("Value error, ") + shown
