"""Fetching packages from where the ledger says they lie: under home, or in a store such as S3."""

import os
import shutil
from pathlib import Path

import fsspec

from configs.urls import without_credentials
from credit.package import VERSION_DIGITS, Package, PackageError
from services.faults import first_line
from services.packages import read_package, write_package

# A store that does not answer is given up soon: it is asked again anyway.
OPTIONS = {
    "s3": {
        "config_kwargs": {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 2}}
    }
}
CACHE = "cache"
MOST_KEPT = 5


def fetch_package(home: Path, uri: str, digest: str) -> Package:
    """The package that lies at `uri`, every byte of it checked.

    A remote package is kept under home, so that a restart and a rollback need no store. The ones
    that were not asked for the longest are removed.

    Args:
        home: the folder for all state.
        uri: a path, relative ones under home, or a URL of fsspec such as s3://bucket/DIGEST.
        digest: the package's identity.

    Raises:
        PackageError: it is out of reach, damaged or another one.
    """
    if "://" not in uri:
        return read_package(home / uri, digest)
    cache = home / CACHE
    kept = cache / digest
    try:
        package = read_package(kept, digest)
    except PackageError:
        package = Package.from_files(_download(uri, digest), digest)
        write_package(cache, package)
    os.utime(kept)
    _prune(cache)
    return package


def _download(uri: str, digest: str) -> dict[str, bytes]:
    try:
        options = OPTIONS.get(uri.partition("://")[0], {})
        store, path = fsspec.url_to_fs(uri, use_listings_cache=False, **options)
        found = [entry["name"] for entry in store.ls(path, detail=True) if entry["type"] == "file"]
        return {name.rpartition("/")[2]: store.cat_file(name) for name in found}
    except Exception as error:  # noqa: BLE001 - each store has errors of its own
        raise PackageError(
            without_credentials(f"package {digest[:VERSION_DIGITS]} at {uri}: {first_line(error)}")
        ) from None


def _prune(cache: Path) -> None:
    """Another worker may do the same at the same time."""
    kept = sorted(cache.glob("[!.]*"), key=_used, reverse=True)
    for folder in kept[MOST_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)


def _used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
