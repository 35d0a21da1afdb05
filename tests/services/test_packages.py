import json
import multiprocessing
from math import exp
from pathlib import Path

import pytest

from credit.package import PackageError
from credit.scoring import Scorer
from services import packages
from services.packages import read_package, write_attestation, write_package
from tests import tiny


def test_a_package_is_read_back_byte_for_byte(tmp_path, package):
    path = write_package(tmp_path / "packages", package)
    assert path == tmp_path / "packages" / package.digest
    assert read_package(path, package.digest).files == package.files


def test_the_columns_keep_their_order_which_the_graph_relies_on(package):
    assert list(package.schema.columns) == list(tiny.SCHEMA.columns)
    assert Scorer(package.schema, package.graph).probability(
        {"status": "2", "duration": 24.0, "amount": 3500.5, "bureau score": 612.0, "purpose": "car"}
    ) == round(1 / (1 + exp(1 - 0.03 * 24 - 1e-4 * 3500.5 + 2e-3 * 612 - 0.9 - 0.2)), 6)


def test_storing_it_again_changes_nothing(tmp_path, package):
    path = write_package(tmp_path, package)
    before = {file: file.stat().st_mtime_ns for file in path.iterdir()}
    assert write_package(tmp_path, package) == path
    assert {file: file.stat().st_mtime_ns for file in path.iterdir()} == before
    assert [entry.name for entry in tmp_path.iterdir()] == [package.digest]


@pytest.mark.parametrize("damage", ["changed", "lost", "added", "emptied", "a file"])
def test_a_damaged_package_is_refused_in_one_line_and_mended_by_storing_it_again(
    tmp_path, package, damage
):
    path = write_package(tmp_path, package)
    spoil(path, damage)
    with pytest.raises(PackageError, match=package.digest) as caught:
        read_package(path, package.digest)
    assert "\n" not in str(caught.value)
    assert write_package(tmp_path, package) == path
    assert read_package(path, package.digest).files == package.files
    assert [entry.name for entry in tmp_path.iterdir()] == [package.digest]


def spoil(path: Path, damage: str) -> None:
    graph = path / "model.onnx"
    if damage == "changed":
        graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    elif damage == "lost":
        graph.unlink()
    elif damage == "added":
        (path / "extra.py").write_text("print()")
    else:
        for file in path.iterdir():
            file.unlink()
        if damage == "a file":
            path.rmdir()
            path.write_text("not a folder")


def test_every_single_changed_byte_of_the_manifest_is_noticed(tmp_path, package):
    path = write_package(tmp_path, package)
    manifest = path / "MANIFEST.json"
    content = manifest.read_bytes()
    for position in range(0, len(content), 37):
        changed = bytearray(content)
        changed[position] ^= 1
        manifest.write_bytes(changed)
        with pytest.raises(PackageError, match="digest is"):
            read_package(path, package.digest)


def test_another_package_is_not_taken_for_the_expected_one(tmp_path, package):
    path = write_package(tmp_path, tiny.package(shift=-2.0))
    with pytest.raises(PackageError, match=f"expected {package.digest}"):
        read_package(path, package.digest)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(PackageError, match="is not a folder; train again"):
        read_package(tmp_path / "none")


def test_a_subfolder_in_a_package_is_refused(tmp_path, package):
    path = write_package(tmp_path, package)
    (path / "sub").mkdir()
    with pytest.raises(PackageError, match="cannot be read"):
        read_package(path)


def test_a_write_that_fails_leaves_nothing(tmp_path, package, monkeypatch):
    def full(path: Path, content: bytes) -> None:
        if path.name == "schema.json":
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr("services.packages._write_durably", full)
    with pytest.raises(OSError, match="No space left"):
        write_package(tmp_path, package)
    assert list(tmp_path.iterdir()) == []


def test_processes_that_store_the_same_package_together_all_succeed(tmp_path, package):
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        paths = pool.starmap(write_package, [(tmp_path, package)] * 12)
    assert set(paths) == {tmp_path / package.digest}
    assert read_package(paths[0], package.digest).files == package.files
    assert [entry.name for entry in tmp_path.iterdir()] == [package.digest]


def test_a_copy_that_another_process_stored_meanwhile_is_left_in_place(
    tmp_path, package, monkeypatch
):
    path = write_package(tmp_path, package)
    spoil(path, "changed")
    write = packages._write_durably

    def write_second(file: Path, content: bytes) -> None:
        monkeypatch.setattr(packages, "_write_durably", write)
        write_package(tmp_path, package)
        stored.append(path.stat().st_ino)
        write(file, content)

    stored: list[int] = []
    monkeypatch.setattr(packages, "_write_durably", write_second)
    assert write_package(tmp_path, package) == path
    assert stored == [path.stat().st_ino]
    assert [entry.name for entry in tmp_path.iterdir()] == [package.digest]


def test_the_attestations_of_all_runs_stand_beside_the_package(tmp_path, package):
    path = write_package(tmp_path, package)
    digest = package.digest
    for run, name in (("r1", ""), ("r2", ".r2"), ("r3", ".r3")):
        written = write_attestation(tmp_path, digest, {"run_id": run})
        assert written == tmp_path / f"{digest}{name}.attestation.json"
    runs = {json.loads(file.read_bytes())["run_id"] for file in tmp_path.glob("*.json")}
    assert runs == {"r1", "r2", "r3"}
    assert read_package(path, digest).digest == digest
