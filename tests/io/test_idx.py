"""IDX files: the format of MNIST."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from rung.core.errors import FileProblem
from rung.io.idx import read_idx

BODY = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes([1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize("content", [BODY, gzip.compress(BODY, mtime=0)])
def test_plain_and_gzipped(tmp_path, content):
    path = tmp_path / "x-ubyte"
    path.write_bytes(content)
    np.testing.assert_array_equal(read_idx(path), [[1, 2, 3], [4, 5, 6]])
    assert not read_idx(path).flags.writeable


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (BODY[:-1], "holds 5"),
        (BODY + b"x", "holds 7"),
        (b"PK\x03\x04", "no IDX"),
        (b"", "no IDX"),
        (BODY[:2] + b"\x0d" + BODY[3:], "unsigned bytes"),
        (gzip.compress(BODY, mtime=0)[:20], "cannot be read"),
    ],
)
def test_damaged(tmp_path, content, word):
    path = tmp_path / "x-ubyte"
    path.write_bytes(content)
    with pytest.raises(FileProblem, match=word):
        read_idx(path)


def test_absent(tmp_path):
    with pytest.raises(FileProblem, match="none"):
        read_idx(tmp_path / "none")
