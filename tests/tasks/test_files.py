import os
import stat
import threading

import pytest

from tasks.files import OWNER, replacing


def test_a_file_appears_whole_and_in_a_new_folder(tmp_path):
    path = tmp_path / "new" / "scores.csv"
    with replacing(path) as file:
        file.write("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("before")
    with pytest.raises(TypeError), replacing(path) as file:
        file.writelines(["half", None])
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_who_may_read_is_as_the_umask_has_it_or_the_owner_alone(tmp_path):
    (tmp_path / "usual").touch()
    for name, mode in (("open", stat.S_IMODE((tmp_path / "usual").stat().st_mode)), ("own", OWNER)):
        with replacing(tmp_path / name, OWNER if name == "own" else 0o666):
            pass
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode


def test_a_pipe_stays_a_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    with replacing(path) as file:
        file.write("a line")
    reader.join(10)
    assert read == ["a line"]
    assert path.is_fifo()
