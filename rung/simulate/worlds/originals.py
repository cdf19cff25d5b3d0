"""The published files of known worlds, read from a path by those who have them."""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.data import MATRIX_LIMIT, Data, Origin
from ...core.errors import FileProblem, InputError, MissingExtra
from ...core.graph import Graph
from ...core.result import Result, lock
from ...core.variable import Kind, Variable
from ...io.idx import read_idx
from ...io.options import Pictures
from ...io.picture_files import folder
from ...io.resample import resample
from .world import IMAGE

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
DSPRITES = ("color", "shape", "scale", "orientation", "x", "y")
SHAPES3D = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
MPI3D: dict[str, tuple[str, ...] | int] = {
    "object_color": ("white", "green", "red", "blue", "brown", "olive"),
    "object_shape": ("cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere"),
    "object_size": ("small", "large"),
    "camera_height": ("top", "centre", "bottom"),
    "background_color": ("purple", "sea green", "salmon"),
    "horizontal_axis": 40,
    "vertical_axis": 40,
}
MORPHO = ("area", "length", "thickness", "slant", "width", "height")


@dataclass(frozen=True, eq=False, repr=False)
class Original(Result):
    """A published data set of pictures: rows with factors and "image", and the graph if known.

    Parameters
    ----------
    data : Data
    factors : tuple of str
    graph : Graph or None
        As the generating program has it; None where factors were measured, not set.
    cites : tuple of str
    """

    data: Data
    factors: tuple[str, ...]
    graph: Graph | None
    cites: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """The factors of the rows."""
        return self.data.drop([IMAGE]).frame()

    def __repr__(self) -> str:
        graph = "factors were measured: no graph is known" if self.graph is None else self.graph
        return f"{self.data!r}\n  graph: {graph}"


def dsprites(
    path: str | Path, *, n: int | None = None, seed: int = 0, size: int | None = None
) -> Original:
    """dSprites (Matthey, Higgins, Hassabis and Lerchner 2017): the file `dsprites_*.npz`.

    737280 grey pictures of 64 x 64: shape (square, ellipse, heart), scale, orientation in radians,
    x and y, all combinations. `n` rows are drawn without repeats, for a seed; without `n`, all.
    `size`: pixels a side, each the mean of the area that it covers.

    Raises
    ------
    FileProblem
        The file is absent, damaged, or has other arrays.
    InputError
        More rows are asked for than there are, or than memory allows.
    """
    arrays = _npz(path, ("imgs", "latents_values"))
    pictures, values = arrays["imgs"], np.asarray(arrays["latents_values"], dtype=np.float64)
    if values.ndim != 2 or values.shape != (len(pictures), len(DSPRITES)):
        raise FileProblem(f"{path}: latents_values is {values.shape}, expected (pictures, 6)")
    rows = _rows(len(pictures), pictures.shape[1:], n, seed, size)
    shape = Variable("shape", Kind.CATEGORICAL, ("square", "ellipse", "heart"))
    columns = {name: values[rows, i] for i, name in enumerate(DSPRITES) if name != "color"}
    columns["shape"] = columns["shape"] - 1
    described = [shape, *(Variable(name) for name in DSPRITES[2:])]
    top = 1.0 if pictures.max(initial=0) <= 1 else 255.0
    return _independent(
        described, columns, _floats(pictures[rows][:, None], top, size), path, "matthey2017"
    )


def shapes3d(
    path: str | Path, *, n: int | None = None, seed: int = 0, size: int | None = None
) -> Original:
    """Shapes3D (Burgess and Kim 2018): the file `3dshapes.h5`; arguments as in `dsprites`.

    480000 colour pictures of 64 x 64: hues of floor, wall and object, scale, shape (0 to 3),
    orientation in degrees, all combinations.

    Raises
    ------
    MissingExtra
        Without the package h5py.
    FileProblem, InputError
        As `dsprites`.
    """
    try:
        import h5py  # type: ignore[import-not-found]
    except ImportError as error:
        raise MissingExtra("3dshapes.h5 needs the package h5py; run: pip install h5py") from error
    place = _exists(path)
    try:
        with h5py.File(place, "r") as file:
            for key in ("images", "labels"):
                if key not in file:
                    raise FileProblem(f"{place} has no array {key!r}; it is not Shapes3D")
            count, *shape = file["images"].shape
            rows = np.sort(_rows(count, (shape[2], *shape[:2]), n, seed, size))
            every = len(rows) == count
            pictures = file["images"][:] if every else file["images"][rows]
            values = np.asarray(file["labels"][:], dtype=np.float64)[rows]
    except OSError as error:
        raise FileProblem(f"{place} cannot be read: {error}") from error
    described = [Variable(name) for name in SHAPES3D]
    described[4] = Variable("shape", Kind.CATEGORICAL, (0, 1, 2, 3))
    columns = {name: values[:, i] for i, name in enumerate(SHAPES3D)}
    images = _floats(pictures.transpose(0, 3, 1, 2), 255.0, size)
    return _independent(described, columns, images, path, "burgess2018")


def mpi3d(
    path: str | Path, *, n: int | None = None, seed: int = 0, size: int | None = None
) -> Original:
    """MPI3D (Gondal et al. 2019): `mpi3d_toy.npz`, `mpi3d_realistic.npz` or `mpi3d_real.npz`.

    1036800 colour pictures of 64 x 64 of a robot arm, all combinations of seven factors in the
    published order: object colour, shape and size, camera height, background, two axes of 40
    steps. Arguments and errors as in `dsprites`.
    """
    pictures = _npz(path, ("images",))["images"]
    counts = [v if isinstance(v, int) else len(v) for v in MPI3D.values()]
    if len(pictures) != int(np.prod(counts)):
        raise FileProblem(
            f"{path} holds {len(pictures)} pictures; the MPI3D files of seven factors hold "
            f"{int(np.prod(counts))}"
        )
    rows = _rows(len(pictures), (3, *pictures.shape[1:3]), n, seed, size)
    codes = np.unravel_index(rows, counts)
    columns = {name: np.asarray(c, dtype=np.float64) for name, c in zip(MPI3D, codes)}
    described = [
        Variable(name) if isinstance(levels, int) else _levels(name, levels)
        for name, levels in MPI3D.items()
    ]
    images = _floats(pictures[rows].transpose(0, 3, 1, 2), 255.0, size)
    return _independent(described, columns, images, path, "gondal2019")


def _levels(name: str, levels: tuple[str, ...]) -> Variable:
    return Variable(name, Kind.BINARY if len(levels) == 2 else Kind.CATEGORICAL, levels)


def causalvae_pendulum(path: str | Path, *, size: int | None = None) -> Original:
    """The Pendulum folder of CausalVAE (Yang et al. 2021): `a_ANGLE_LIGHT_LENGTH_PLACE.png`.

    Factors are the rounded numbers of the names: angle and light in units of pi / 200, shadow
    length and position in twentieths of the width. Subfolders `train` and `test` are two calls.

    Raises
    ------
    FileProblem
        The folder or a picture is absent or damaged, or a name does not hold four numbers.
    MissingExtra
        Without the package pillow.
    """
    names = ("angle", "light", "shadow_length", "shadow_position")
    edges = [(a, "->", b) for a in names[:2] for b in names[2:]]
    return _named(path, names, edges, size)


def causalvae_flow(path: str | Path, *, size: int | None = None) -> Original:
    """The Flow folder of CausalVAE (Yang et al. 2021): `a_BALL_HEIGHT_FLOW_HOLE.png`.

    Factors are the rounded numbers of the names. Errors as in `causalvae_pendulum`.
    """
    names = ("ball_size", "water_height", "flow", "hole")
    edges = [("ball_size", "->", "water_height"), ("water_height", "->", "flow")]
    return _named(path, names, [*edges, ("hole", "->", "flow")], size)


def _named(
    path: str | Path,
    names: tuple[str, ...],
    edges: Sequence[tuple[str, str, str]],
    size: int | None,
) -> Original:
    """Pictures whose factors stand in their file names."""
    place = _exists(path)
    if not place.is_dir():
        raise FileProblem(f"{place} is no folder; give the folder of the pictures")
    stack = folder(place, Pictures(str(place), size=size, channels=3))
    table = np.empty((stack.n, len(names)))
    for i, name in enumerate(stack.names):
        words = Path(name).stem.split("_")[1:]
        try:
            table[i] = [float(word) for word in words]
        except ValueError:
            raise FileProblem(
                f"{place / name}: expected a name like a_1_2_3_4.png, whose {len(names)} numbers "
                f"are {', '.join(names)}"
            ) from None
    columns = {name: lock(table[:, j].copy()) for j, name in enumerate(names)}
    image = Variable(IMAGE, shape=stack.shape)
    described = (*(Variable(name) for name in names), image)
    data = Data(described, {**columns, IMAGE: lock(stack.fetch())}, origin=stack.origin)
    return Original(data, names, Graph.from_edges(list(edges), names), ("yang2021",))


def morpho_mnist(
    path: str | Path, *, part: str = "train", n: int | None = None, seed: int = 0,
    size: int | None = None,
) -> Original:  # fmt: skip
    """A folder of Morpho-MNIST (Castro, Tan, Kainz, Konukoglu and Glocker 2019).

    Files `PART-images-idx3-ubyte[.gz]`, `PART-labels-idx1-ubyte[.gz]` and `PART-morpho.csv`, with
    `part` "train" or "t10k". Columns: digit, area, length, thickness, slant, width and height as
    measured, and "image". Errors as in `dsprites`.
    """
    base = _exists(path)
    pictures = read_idx(_either(base, f"{part}-images-idx3-ubyte"))
    labels = read_idx(_either(base, f"{part}-labels-idx1-ubyte"))
    measured = _table(base / f"{part}-morpho.csv", MORPHO)
    if pictures.ndim != 3 or not len(pictures) == len(labels) == len(measured[MORPHO[0]]):
        raise FileProblem(
            f"{base}: {len(pictures)} pictures, {len(labels)} labels and "
            f"{len(measured[MORPHO[0]])} rows of measurements for {part!r}; they must be as many"
        )
    rows = _rows(len(pictures), pictures.shape[1:], n, seed, size)
    columns = {"digit": labels[rows].astype(np.float64)}
    columns |= {name: measured[name][rows] for name in MORPHO}
    digit = Variable("digit", Kind.CATEGORICAL, tuple(range(10)))
    described = [digit, *(Variable(name) for name in MORPHO)]
    images = _floats(pictures[rows][:, None], 255.0, size)
    data = _data(described, columns, images, path)
    return Original(data, data.names[:-1], None, ("castro2019",))


def _table(place: Path, names: Sequence[str]) -> dict[str, Floats]:
    try:
        with open(place, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {name: np.array([float(row[name]) for row in rows]) for name in names}
    except OSError as error:
        raise FileProblem(f"{place} cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise FileProblem(
            f"{place}: expected numbers in the columns {', '.join(names)}; problem: {error}"
        ) from error


def _exists(path: str | Path) -> Path:
    place = Path(path).expanduser()
    if not place.exists():
        raise FileProblem(f"there is no file or folder {str(place)!r}")
    return place


def _either(base: Path, name: str) -> Path:
    for place in (base / name, base / f"{name}.gz"):
        if place.exists():
            return place
    raise FileProblem(f"{base} has neither {name} nor {name}.gz")


def _npz(path: str | Path, needed: Sequence[str]) -> dict[str, NDArray[Any]]:
    place = _exists(path)
    if not zipfile.is_zipfile(place):
        raise FileProblem(f"{place} is no whole file .npz; get it anew")
    try:
        with np.load(place, allow_pickle=False) as file:
            for name in needed:
                if name not in file.files:
                    raise FileProblem(
                        f"{place} has no array {name!r}; it holds {', '.join(file.files)}"
                    )
            return {name: file[name] for name in needed}
    except FileProblem:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise FileProblem(f"{place} cannot be read as .npz: {error}") from error


def _rows(
    count: int, shape: Sequence[int], n: int | None, seed: int, size: int | None
) -> NDArray[np.intp]:
    """Row numbers, ascending; a refusal where the pictures would not fit."""
    if n is not None and not 1 <= n <= count:
        raise InputError(f"n={n}: the file holds {count} pictures")
    many = count if n is None else n
    pixels = int(np.prod(shape)) if size is None else size * size * (3 if len(shape) == 3 else 1)
    if 4 * many * pixels > MATRIX_LIMIT:
        raise InputError(
            f"{many} pictures take {4 * many * pixels / 2**30:.0f} GiB, above the limit of "
            f"{MATRIX_LIMIT / 2**30:.0f}; give n= for a random part, or size= for smaller pictures"
        )
    if n is None:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, n, replace=False))


def _floats(pictures: NDArray[Any], top: float, size: int | None) -> NDArray[np.float32]:
    """Pictures (n, c, h, w) in [0, 1], resampled."""
    out = pictures.astype(np.float32) / np.float32(top)
    return out if size is None else resample(out, (size, size))


def _data(
    described: Sequence[Variable],
    columns: Mapping[str, Floats],
    images: NDArray[np.float32],
    path: str | Path,
) -> Data:
    image = Variable(IMAGE, shape=images.shape[1:])
    held = {v.name: lock(np.array(columns[v.name])) for v in described}
    origin = Origin(Path(path).stem, path=str(path))
    return Data((*described, image), {**held, IMAGE: lock(images)}, origin=origin)


def _independent(
    described: Sequence[Variable],
    columns: Mapping[str, Floats],
    images: NDArray[np.float32],
    path: str | Path,
    cite: str,
) -> Original:
    """All combinations of the factors occur: none causes another."""
    names = tuple(v.name for v in described)
    data = _data(described, columns, images, path)
    return Original(data, names, Graph.from_edges([], names), (cite,))
