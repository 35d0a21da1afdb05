"""The package store: one folder per digest, written whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from credit.package import Package, PackageError, canonical_json


def write_package(folder: Path, package: Package) -> Path:
    """Store a package as `folder`/<digest> and return that path.

    Storing the same package again changes nothing; a damaged copy of it is replaced, an intact
    one never, for somebody may be reading it.
    """
    target = folder / package.digest
    if _is_intact(target, package.digest):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder) as scratch:
        complete = Path(scratch) / "complete"
        complete.mkdir()
        for name, content in package.files.items():
            _write_durably(complete / name, content)
        _sync_folder(complete)
        _put_in_place(complete, target, Path(scratch) / "damaged")
    _sync_folder(folder)
    return target


def read_package(path: Path, expected_digest: str | None = None) -> Package:
    """Read a package and check every byte of it.

    Raises:
        PackageError: the folder is not there or cannot be read, or what it holds is no package
            or not the expected one.
    """
    if not path.is_dir():
        raise PackageError(f"package {path} is not a folder; train again or fetch it anew")
    try:
        files = {file.name: file.read_bytes() for file in path.iterdir()}
    except OSError as error:
        raise PackageError(
            f"package {path} cannot be read: {error.strerror}: {error.filename}"
        ) from None
    try:
        return Package.from_files(files, expected_digest)
    except PackageError as error:
        raise PackageError(f"package {path}: {error}") from None


def write_attestation(folder: Path, digest: str, attestation: Mapping[str, object]) -> Path:
    """Store beside the package what depends on the run that made it.

    The first run's evidence is `folder`/<digest>.attestation.json. Another run that makes the same
    package adds `folder`/<digest>.<run_id>.attestation.json, `run_id` being the attestation's own.
    """
    target = folder / f"{digest}.attestation.json"
    if target.exists():
        target = folder / f"{digest}.{attestation['run_id']}.attestation.json"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder) as scratch:
        complete = Path(scratch) / target.name
        _write_durably(complete, canonical_json(dict(attestation)))
        complete.replace(target)
    _sync_folder(folder)
    return target


def _is_intact(target: Path, digest: str) -> bool:
    try:
        read_package(target, digest)
    except PackageError:
        return False
    return True


def _put_in_place(complete: Path, target: Path, damaged: Path) -> None:
    if _is_intact(target, target.name):
        return  # another process stored the same package meanwhile
    if target.is_dir():
        target.rename(damaged)
    elif target.exists():
        target.unlink()
    try:
        complete.rename(target)
    except OSError:
        read_package(target, target.name)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make renames inside the folder survive a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
