import stat

import pandas as pd
import pytest

from tasks.quarantine import write_quarantine

REJECTED = pd.DataFrame({"age": ['o"ld', "é\nx"], "row": [2, 5], "reasons": ["a; b", "c, d"]})


def test_row_and_reasons_come_first_and_values_survive(tmp_path):
    path = write_quarantine(REJECTED, tmp_path / "new" / "quarantine.csv")

    read = pd.read_csv(path)
    assert list(read.columns) == ["row", "reasons", "age"]
    assert read.to_dict("list") == REJECTED[["row", "reasons", "age"]].to_dict("list")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["quarantine.csv"]


def test_nothing_half_written_stays(tmp_path):
    class Unwritable:
        def __str__(self):
            raise OSError("disk full")

    path = write_quarantine(REJECTED, tmp_path / "quarantine.csv")
    before = path.read_bytes()

    with pytest.raises(OSError, match="disk full"):
        write_quarantine(REJECTED.assign(age=[1, Unwritable()]), path)

    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["quarantine.csv"]
