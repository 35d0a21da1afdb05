"""Building a Bento: the immutable image of the service with one package in it."""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from configs.settings import ROOT, Settings
from credit.package import Package
from services.model import VERSION_DIGITS
from services.packages import write_package
from services.serve import SERVICE, service_environment

NAME = "creditscorer"
REQUIREMENTS = "requirements-serving.lock"
# All that scoring imports from the domain; what training needs stays out of the image.
DOMAIN = ("__init__", "expressions", "features", "package", "plan", "scoring", "spec")
CODE = (
    "configs/*.py",
    "configs/base.yaml",
    "services/**/*.py",
    *(f"credit/{name}.py" for name in DOMAIN),
)


class BentoError(RuntimeError):
    """A Bento cannot be built; the message says why."""


@dataclass(frozen=True)
class Bento:
    """A built Bento; `bentoml serve TAG` serves it where BENTOML_HOME is `home`."""

    tag: str
    path: Path
    home: Path


def build_bento(package: Package, settings: Settings) -> Bento:
    """Build the Bento of a package, or find it: its version is the beginning of the digest.

    The code is copied to a temporary folder first, so nothing is written beside the sources.

    Raises:
        BentoError: BentoML refused, with its last line.
    """
    version = package.digest[:VERSION_DIGITS]
    home = settings.home / "bentoml"
    bento = Bento(f"{NAME}:{version}", home / "bentos" / NAME / version, home)
    if bento.path.is_dir():
        return bento
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="creditloop-bento-") as scratch:
        context = Path(scratch)
        _copy_code(context, package.manifest.dataset)
        write_package(context, package).rename(context / "package")
        _build(context, version, service_environment(settings, home))
    return bento


def _copy_code(context: Path, dataset: str) -> None:
    for pattern in CODE:
        for source in ROOT.glob(pattern):
            target = context / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    shutil.copyfile(ROOT / REQUIREMENTS, context / REQUIREMENTS)
    base = context / "configs" / "base.yaml"
    text = base.read_text(encoding="utf-8")
    base.write_text(re.sub(r"(?m)^dataset: .*$", f"dataset: {dataset}", text), encoding="utf-8")


def _build(context: Path, version: str, environment: dict[str, str]) -> None:
    (context / "bentofile.yaml").write_text(
        f"service: {SERVICE}\n"
        f"name: {NAME}\n"
        'include: ["configs/", "credit/", "services/", "package/"]\n'
        "python:\n"
        f"  requirements_txt: {REQUIREMENTS}\n"
        "  lock_packages: false\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "bentoml", "build", "--version", version, str(context)]
    # The sources must not shadow the copy.
    environment = {**environment, "PYTHONPATH": str(context), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=context, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise BentoError(f"bentoml build failed: {lines[-1]}")
