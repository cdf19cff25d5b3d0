"""Rebuild rung/datasets/files/garments.idx3.gz from the Debian package dataset-fashion-mnist.

    apt-get install dataset-fashion-mnist && python tools/make_garments.py

The first 150 of each class in the test set, class by class; the source's SHA-256 is checked.
"""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np

OUT = Path(__file__).parents[1] / "rung" / "datasets" / "files" / "garments.idx3.gz"
SOURCE = Path("/usr/share/datasets/fashion-mnist")
IMAGES = "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
LABELS = "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
EACH = 150


def content(name: str, digest: str) -> bytes:
    """The bytes of a source file, checked."""
    raw = gzip.decompress((SOURCE / name).read_bytes())
    if (have := hashlib.sha256(raw).hexdigest()) != digest:
        sys.exit(f"{name}: SHA-256 is {have}, expected {digest}")
    return raw


def main() -> None:
    raw = content("t10k-images-idx3-ubyte.gz", IMAGES)
    pictures = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)
    labels = np.frombuffer(content("t10k-labels-idx1-ubyte.gz", LABELS), np.uint8, offset=8)
    kept = np.concatenate([pictures[labels == k][:EACH] for k in range(10)])
    header = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in kept.shape)
    text = header + kept.tobytes()
    OUT.write_bytes(gzip.compress(text, 9, mtime=0))
    print(f"{OUT.name}: {len(kept)} pictures, SHA-256 {hashlib.sha256(text).hexdigest()}")


if __name__ == "__main__":
    main()
