"""Named arrays as bytes: numpy's npz, of which the same arrays always give the same bytes."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]

_ONE_DAY = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


def pack(arrays: Arrays) -> bytes:
    """An npz without pickle, clock or compression; raises ValueError for an array of objects.

    >>> sorted(unpack(pack({"b": np.ones(2), "a": np.zeros(1)})))
    ['a', 'b']
    """
    content = BytesIO()
    with ZipFile(content, "w", ZIP_STORED) as archive:
        for name in sorted(arrays):
            entry = ZipInfo(f"{name}.npy", _ONE_DAY)
            entry.create_system = _UNIX
            written = BytesIO()
            np.lib.format.write_array(written, arrays[name], allow_pickle=False)
            archive.writestr(entry, written.getvalue())
    return content.getvalue()


def unpack(content: bytes) -> dict[str, NDArray[np.generic]]:
    """The arrays by name; raises ValueError, or BadZipFile, when the bytes are none."""
    with np.load(BytesIO(content), allow_pickle=False) as archive:
        return dict(archive)


def ragged(name: str, parts: Sequence[NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """Arrays of several lengths as one, and their lengths."""
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    return {name: np.concatenate([np.empty(0), *parts]), f"{name}_lengths": lengths}


def split_ragged(arrays: Arrays, name: str) -> tuple[NDArray[np.float64], ...]:
    """The arrays that `ragged` joined."""
    ends = np.cumsum(arrays[f"{name}_lengths"])[:-1].astype(np.int64)
    if len(arrays[f"{name}_lengths"]) == 0:
        return ()
    return tuple(np.split(arrays[name].astype(np.float64), ends))
