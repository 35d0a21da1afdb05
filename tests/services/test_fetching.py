"""Packages come from where the ledger says, whole and checked, and are kept for the next time."""

import os

import fsspec
import pytest

from credit.package import PackageError
from services.fetching import MOST_KEPT, fetch_package
from services.packages import write_package
from tests import tiny


@pytest.fixture
def store():
    memory = fsspec.filesystem("memory")
    yield memory
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


def upload(store, package, folder="/bucket"):
    for name, content in package.files.items():
        store.pipe_file(f"{folder}/{package.digest}/{name}", content)
    return f"memory:/{folder}/{package.digest}"


def test_a_path_is_one_under_home(tmp_path, package):
    path = write_package(tmp_path / "packages", package)
    assert fetch_package(tmp_path, f"packages/{package.digest}", package.digest) == package
    assert fetch_package(tmp_path / "elsewhere", str(path), package.digest) == package
    assert not (tmp_path / "cache").exists()


def test_a_remote_package_is_fetched_once(tmp_path, store, package):
    uri = upload(store, package)
    assert fetch_package(tmp_path, uri, package.digest).files == package.files
    store.rm("/bucket", recursive=True)
    assert fetch_package(tmp_path, uri, package.digest).files == package.files


def test_a_damaged_copy_is_fetched_anew(tmp_path, store, package):
    uri = upload(store, package)
    fetch_package(tmp_path, uri, package.digest)
    graph = tmp_path / "cache" / package.digest / "model.onnx"
    graph.write_bytes(b"changed")
    assert fetch_package(tmp_path, uri, package.digest).files == package.files
    assert graph.read_bytes() == package.graph


def test_a_damaged_original_is_refused_and_not_kept(tmp_path, store, package):
    uri = upload(store, package)
    store.pipe_file(f"/bucket/{package.digest}/model.onnx", b"changed")
    with pytest.raises(PackageError, match=r"model\.onnx does not match its sha256"):
        fetch_package(tmp_path, uri, package.digest)
    assert not (tmp_path / "cache").exists()


def test_another_package_is_refused(tmp_path, store, package):
    uri = upload(store, tiny.package(shift=-2.0))
    with pytest.raises(PackageError, match=f"expected {package.digest}"):
        fetch_package(tmp_path, uri, package.digest)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("memory://nowhere/x", "nowhere/x"),
        ("s3://bucket/x", "at s3://bucket/x: Could not connect to the endpoint URL"),
        ("nonsense://x/y", "Protocol not known: nonsense"),
        ("https://ana:secret@127.0.0.1:1/x", "https://127.0.0.1:1/x"),
    ],
)
def test_what_is_out_of_reach_is_one_line_without_secrets(
    tmp_path, package, monkeypatch, uri, problem
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(PackageError, match=problem) as caught:
        fetch_package(tmp_path, uri, package.digest)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_those_that_were_not_used_the_longest_are_removed(tmp_path, store):
    packages = [tiny.package(shift=-1.0 - number) for number in range(MOST_KEPT + 2)]
    uris = {package.digest: upload(store, package) for package in packages}
    *earlier, last = packages
    for age, package in enumerate(earlier):
        fetch_package(tmp_path, uris[package.digest], package.digest)
        kept = tmp_path / "cache" / package.digest
        if kept.exists():
            os.utime(kept, (1e9 + age, 1e9 + age))
    first = earlier[1]
    fetch_package(tmp_path, uris[first.digest], first.digest)
    fetch_package(tmp_path, uris[last.digest], last.digest)
    kept = {path.name for path in (tmp_path / "cache").iterdir()}
    assert kept == {first.digest, last.digest, *(p.digest for p in earlier[3:])}
