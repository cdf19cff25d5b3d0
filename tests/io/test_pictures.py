"""Pictures and their factors: what is read, by which rules, and errors that name the file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import rung
from rung.core.errors import FileProblem, InputError, MissingExtra, UnknownName
from rung.io import Pictures
from rung.io.resample import area_weights, resample

GREY = np.random.default_rng(0).integers(0, 256, size=(12, 10, 8), dtype=np.uint8)


def save(folder: Path, arrays: object = GREY, names: object = None, suffix: str = ".png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, array in enumerate(arrays):
        name = names[i] if names is not None else f"p{i:02d}"
        Image.fromarray(array).save(folder / f"{name}{suffix}")
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return save(tmp_path / "images")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """A table in another order than the files."""
    rows = np.random.default_rng(1).permutation(12)
    path = tmp_path / "labels.csv"
    frame = pd.DataFrame({"file": [f"p{i:02d}.png" for i in rows], "light": rows / 10 + 0.05})
    frame.to_csv(path, index=False)
    return path


# -- folders ----------------------------------------------------------------------------------


def test_folder_and_labels_by_file_name(images: Path, labels: Path) -> None:
    data = rung.read(images, factors=labels)
    assert data.names == ("light", "image")
    assert data.variable("image").shape == (1, 10, 8)
    assert data["image"].dtype == np.float32
    assert not data["image"].flags.writeable
    np.testing.assert_array_equal(data["image"][:, 0], GREY.astype(np.float32) / np.float32(255))
    np.testing.assert_allclose(data["light"], np.arange(12) / 10 + 0.05)
    assert any("matched to pictures by column 'file'" in d for d in data.origin.decisions)
    assert data.origin.name == "images"
    assert data.origin.path == str(images)


@pytest.mark.parametrize(
    "write",
    [
        lambda i: f"p{i:02d}",
        lambda i: f"some/where/p{i:02d}.png",
        lambda i: f"C:\\pictures\\p{i:02d}.png",
    ],
    ids=["no suffix", "path", "windows path"],
)
def test_ways_to_name_a_file(images: Path, write: Callable[[int], str]) -> None:
    rows = [3, 1, 0, 2, *range(4, 12)]
    frame = pd.DataFrame({"light": [i + 0.5 for i in rows], "which": [write(i) for i in rows]})
    data = rung.read(images, factors=frame)
    assert data.names == ("light", "image")
    np.testing.assert_allclose(data["light"], np.arange(12) + 0.5)


def test_numbered_files_match_a_column_of_numbers(tmp_path: Path) -> None:
    folder = save(tmp_path / "n", names=[f"{i:03d}" for i in range(12)])
    rows = np.arange(12)[::-1]
    data = rung.read(folder, factors=pd.DataFrame({"id": rows, "light": rows * 1.5}))
    assert data.names == ("light", "image")
    np.testing.assert_allclose(data["light"], np.arange(12) * 1.5)


def test_order_of_names_counts_numbers_by_size(tmp_path: Path) -> None:
    folder = save(tmp_path / "n", names=[f"img{i}" for i in range(12)])
    data = rung.read(folder, factors={"light": np.arange(12) + 0.5})
    np.testing.assert_array_equal(data["image"][2, 0], GREY[2] / np.float32(255))
    said = " ".join(data.origin.decisions)
    assert "in the order of their names, 'img0.png' first, 'img11.png' last" in said
    assert "2 before 10" in said


def test_pixels_wait_until_asked_for(images: Path, labels: Path) -> None:
    data = rung.read(images, factors=labels)
    for path in images.iterdir():
        path.unlink()
    assert data["light"].shape == (12,)
    with pytest.raises(FileProblem, match=r"p00\.png"):
        data.column("image")


def test_bare_folder_tells_of_a_table_that_it_holds(images: Path) -> None:
    (images / "labels.csv").write_text("light\n1\n")
    (images / ".hidden.png").write_bytes(b"")
    (images / "more").mkdir()
    data = rung.read(images)
    assert data.names == ("image",)
    assert data.n == 12
    said = " ".join(data.origin.decisions)
    assert f"factors={str(images / 'labels.csv')!r} reads it" in said
    assert "1 hidden files were not read" in said
    assert "subfolders were not read: 'more'" in said


def test_rows_columns_hash_and_file_of_the_data(images: Path, labels: Path, tmp_path: Path) -> None:
    data = rung.read(images, factors=labels)
    part = data[:3]
    assert part["image"].shape == (3, 1, 10, 8)
    assert data.select(["image"])["image"].shape == (12, 1, 10, 8)
    assert data.sha256 == rung.read(images, factors=labels).sha256
    again = rung.load(data.save(tmp_path / "kept.rung"))
    np.testing.assert_array_equal(again["image"], data["image"])
    assert again["image"].dtype == np.float32


# -- kinds of pictures ------------------------------------------------------------------------

RGB = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


def test_colour_is_three_channels(tmp_path: Path) -> None:
    image = rung.read(save(tmp_path / "c", RGB))["image"]
    np.testing.assert_array_equal(image, np.moveaxis(RGB, -1, 1) / np.float32(255))


def test_alpha_is_composed_on_white(tmp_path: Path) -> None:
    alpha = np.full((*GREY.shape, 1), 128, dtype=np.uint8)
    data = rung.read(save(tmp_path / "a", np.concatenate([RGB, alpha], axis=-1)))
    a = 128 / 255  # by hand: what lies over white
    expected = np.moveaxis(RGB, -1, 1) / 255 * a + (1 - a)
    np.testing.assert_allclose(data["image"], expected, atol=1e-6)
    assert "12 of 12 pictures have an alpha channel: composed on white" in data.origin.decisions


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 257
    data = rung.read(save(tmp_path / "d", deep))
    np.testing.assert_allclose(data["image"][:, 0], GREY / 255, atol=1e-6)
    assert any("16 bits a pixel" in d for d in data.origin.decisions)


def test_palette_black_and_white_and_jpeg(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    for i, array in enumerate(RGB):
        Image.fromarray(array).quantize(256).save(folder / f"{i}.png")
    assert rung.read(folder)["image"].shape == (12, 3, 10, 8)
    bits = save(tmp_path / "b", GREY > 99)
    np.testing.assert_array_equal(rung.read(bits)["image"][:, 0], GREY > 99)
    flat = np.full((3, 16, 16), 100, dtype=np.uint8)
    jpeg = rung.read(save(tmp_path / "j", flat, suffix=".jpg"))["image"]
    np.testing.assert_allclose(jpeg, 100 / 255, atol=2 / 255)


def test_grey_and_colour_together_need_channels(tmp_path: Path) -> None:
    folder = save(tmp_path / "x", [GREY[0], *RGB[1:]])
    with pytest.raises(InputError, match=r"'p00\.png' is grey.*'p01\.png' has colours"):
        rung.read(folder)
    three = rung.read(Pictures(folder, channels=3))
    np.testing.assert_array_equal(three["image"][0, 0], three["image"][0, 2])
    one = rung.read(Pictures(folder, channels=1))["image"][1, 0]
    r, g, b = np.moveaxis(RGB[1] / 255, -1, 0)
    np.testing.assert_allclose(one, 0.299 * r + 0.587 * g + 0.114 * b, atol=1e-6)


# -- resampling -------------------------------------------------------------------------------


def test_sizes_are_brought_to_one(tmp_path: Path) -> None:
    big = np.repeat(np.repeat(GREY[:4], 2, axis=1), 2, axis=2)
    save(tmp_path / "s", GREY)
    save(tmp_path / "s", big, names=list("abcd"))
    with pytest.raises(InputError, match=r"'p00\.png' is 8 x 10 pixels, 'a\.png' is 16 x 20"):
        rung.read(tmp_path / "s")
    data = rung.read(Pictures(tmp_path / "s", size=(10, 8)))
    np.testing.assert_allclose(data["image"][:4], data["image"][4:8], atol=1e-6)
    assert any("4 pictures resampled to 8 x 10 pixels (from 16 x 20" in d
               for d in data.origin.decisions)  # fmt: skip


def test_area_by_hand() -> None:
    np.testing.assert_allclose(area_weights(3, 2), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]])
    np.testing.assert_allclose(area_weights(2, 4), [[1, 0], [1, 0], [0, 1], [0, 1]])


@given(st.integers(4, 40), st.integers(4, 40), st.integers(4, 40), st.integers(4, 40))
@settings(max_examples=40, deadline=None)
def test_resampling_keeps_the_mean_and_the_range(h: int, w: int, a: int, b: int) -> None:
    pictures = np.random.default_rng(h * w).random((2, 1, h, w), dtype=np.float32)
    small = resample(pictures, (a, b))
    assert small.shape == (2, 1, a, b)
    np.testing.assert_allclose(small.mean((1, 2, 3)), pictures.mean((1, 2, 3)), atol=1e-5)
    assert small.min() >= pictures.min() - 1e-6
    assert small.max() <= pictures.max() + 1e-6
    assert resample(pictures, (h, w)) is pictures


# -- arrays -----------------------------------------------------------------------------------


def test_npz_with_factor_arrays(tmp_path: Path) -> None:
    path = tmp_path / "pictures.npz"
    np.savez(path, images=GREY, light=np.arange(12) + 0.5, word=np.array(list("abab" * 3)),
             pair=np.zeros((2, 2)))  # fmt: skip
    data = rung.read(path)
    assert data.names == ("light", "word", "image")
    np.testing.assert_array_equal(data["image"][:, 0], GREY / np.float32(255))
    assert list(data["word"][:2]) == ["a", "b"]
    said = " ".join(data.origin.decisions)
    assert "'pair' (2, 2)" in said
    assert "0 to 255 divided by 255" in said
    assert data.origin.sha256


def test_npz_as_dsprites_writes_it(tmp_path: Path) -> None:
    """0 and 1 in uint8, a matrix of factors, and a pickled array that nobody asked for."""
    path = tmp_path / "d.npz"
    imgs = (GREY > 99).astype(np.uint8)
    latents = np.random.default_rng(2).random((12, 2))
    np.savez(path, imgs=imgs, latents_values=latents, metadata=np.array({"a": 1}, dtype=object))
    data = rung.read(path)
    assert data.names == ("latents_values_1", "latents_values_2", "image")
    np.testing.assert_array_equal(data["image"][:, 0], imgs)
    assert any("pickled" in d and "'metadata'" in d for d in data.origin.decisions)
    np.savez(path, X=imgs, factors=latents, names=np.array(["size", "turn"]))
    assert rung.read(path).names == ("size", "turn", "image")


def test_factors_given_go_before_those_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    np.savez(path, images=GREY, light=np.arange(12) + 0.5)
    data = rung.read(path, factors=pd.DataFrame({"dark": np.arange(12) * 0.5}))
    assert data.names == ("dark", "image")
    with pytest.raises(InputError, match=r"has 11 rows, .*p\.npz 12 pictures"):
        rung.read(path, factors=pd.DataFrame({"dark": np.arange(11) * 0.5}))


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (GREY, (1, 10, 8)),
        (GREY[:, None], (1, 10, 8)),
        (GREY[..., None], (1, 10, 8)),
        (RGB, (3, 10, 8)),
        (np.moveaxis(RGB, -1, 1), (3, 10, 8)),
        (np.concatenate([RGB, RGB[..., :1]], axis=-1), (3, 10, 8)),
        (GREY / 255, (1, 10, 8)),
        (GREY > 3, (1, 10, 8)),
        (GREY.astype(np.uint16) * 257, (1, 10, 8)),
    ],
)
def test_layouts_and_ranges(array: np.ndarray, shape: tuple[int, ...]) -> None:
    image = rung.read(Pictures(array))["image"]
    assert image.shape == (12, *shape)
    assert image.dtype == np.float32
    assert 0 <= image.min() <= image.max() <= 1
    if array.dtype != bool and shape[0] == 1:
        np.testing.assert_allclose(image[:, 0], GREY / 255, atol=1e-6)


def test_ambiguous_layout_is_asked_for() -> None:
    array = np.zeros((5, 3, 8, 3), dtype=np.uint8)
    with pytest.raises(InputError, match="layout='nchw'"):
        rung.read(Pictures(array))
    with pytest.raises(InputError, match="expected at least 4 x 4"):
        rung.read(Pictures(array, layout="nhwc"))
    assert rung.read(Pictures(np.zeros((5, 4, 8, 4), dtype=np.uint8), layout="nchw")).n == 5


def test_array_with_factors() -> None:
    data = rung.read(GREY, factors={"light": np.arange(12) + 0.5}, kinds={"light": "continuous"})
    assert data.names == ("light", "image")
    small = rung.read(Pictures(GREY, size=5))
    assert small["image"].shape == (12, 1, 5, 5)
    np.testing.assert_allclose(small["image"].mean(), GREY.mean() / 255, atol=1e-5)


# -- unlabelled pictures ----------------------------------------------------------------------


def test_a_policy_keeps_pictures_without_label(images: Path) -> None:
    frame = pd.DataFrame(
        {"file": [f"p{i:02d}.png" for i in range(4)], "light": [0.5, 1.5, 2.5, 3.5]}
    )
    with pytest.raises(InputError, match=r"8 of 12 pictures .* have no row .* 'p04\.png'"):
        rung.read(images, factors=frame)
    data = rung.read(images, factors=frame, missing=rung.EM())
    np.testing.assert_array_equal(np.isnan(data["light"]), np.arange(12) >= 4)
    assert any("8 of 12 pictures have no row" in d for d in data.origin.decisions)


def test_roles_and_targets_with_pictures(images: Path) -> None:
    frame = pd.DataFrame({"light": np.arange(12) / 7, "world": ["a", "b"] * 6})
    data = rung.read(images, factors=frame, environment="world", targets={"b": "light"})
    assert data.environments == ("a", "b")
    assert data.targets.tolist() == [[False, False], [True, False]]
    assert rung.read(images, factors=frame, names=["light"]).names == ("light", "image")


# -- errors that name the file ----------------------------------------------------------------


def _one(path: Path, content: bytes) -> Callable[[Path], object]:
    def act(images: Path) -> object:
        (images / path).write_bytes(content)
        return rung.read(images)

    return act


def _cut(images: Path) -> object:
    whole = (images / "p03.png").read_bytes()
    (images / "p03.png").write_bytes(whole[: len(whole) // 2])
    return rung.read(images)


def _flipped(images: Path) -> object:
    whole = bytearray((images / "p04.png").read_bytes())
    whole[len(whole) // 2] ^= 255
    (images / "p04.png").write_bytes(bytes(whole))
    return rung.read(images)


def _cut_jpeg(images: Path) -> object:
    Image.fromarray(GREY[0]).save(images / "q.jpg")
    whole = (images / "q.jpg").read_bytes()
    (images / "q.jpg").write_bytes(whole[:-30])
    return rung.read(images)


def _labelled(**columns: object) -> Callable[[Path], object]:
    def act(images: Path) -> object:
        path = images.parent / "labels.csv"
        pd.DataFrame(columns).to_csv(path, index=False)
        return rung.read(images, factors=path)

    return act


FILES = [f"p{i:02d}.png" for i in range(12)]
LIGHT = (np.arange(12) / 7).tolist()


def _holes(images: Path) -> object:
    return _labelled(file=FILES[::-1], light=[*LIGHT[:5], None, *LIGHT[6:]])(images)


def _arrays(**arrays: object) -> Callable[[Path], object]:
    def act(images: Path) -> object:
        path = images.parent / "p.npz"
        np.savez(path, **arrays)
        return rung.read(path)

    return act


def _half_npz(images: Path) -> object:
    path = images.parent / "p.npz"
    np.savez(path, images=GREY)
    path.write_bytes(path.read_bytes()[:300])
    return rung.read(path)


def _folders(images: Path) -> object:
    top = images.parent / "top"
    top.mkdir()
    images.rename(top / "images")
    return rung.read(top)


def _beside(images: Path) -> object:
    (images / "labels.csv").write_text("light\n1\n")
    return rung.read(images, factors="labels.csv")


def _alone(images: Path) -> object:
    for name in FILES[1:]:
        (images / name).unlink()
    return rung.read(images)


CASES: dict[str, tuple[Callable[[Path], object], type[Exception], str]] = {
    "cut PNG": (_cut, FileProblem, "p03.png cannot be read as a picture"),
    "flipped byte": (_flipped, FileProblem, "p04.png cannot be read as a picture"),
    "cut JPEG": (_cut_jpeg, FileProblem, "q.jpg cannot be read as a picture: the end"),
    "empty file": (_one(Path("z.png"), b""), FileProblem, "z.png is empty (0 bytes)"),
    "a text": (_one(Path("z.png"), b"hello"), FileProblem, "z.png cannot be read as a pict"),
    "one picture": (_alone, InputError, "holds one picture, 'p00.png'"),
    "no folder": (lambda f: rung.read(f.parent / "imagess"), FileProblem, "nearest: 'images'"),
    "folders": (_folders, FileProblem, "is a folder of folders ('images')"),
    "labels beside": (_beside, FileProblem, "write factors="),
    "no labels": (
        lambda f: rung.read(f, factors=f.parent / "lables.csv"), FileProblem, "there is no file",
    ),
    "count": (_labelled(light=LIGHT[:9]), InputError, "labels.csv has 9 rows"),
    "row without picture": (
        _labelled(file=[*FILES[:11], "p99.png"], light=LIGHT), InputError, "'p99.png' in column",
    ),
    "no name fits": (
        _labelled(file=[f"q{i}.png" for i in range(12)], light=LIGHT), InputError, "'q0.png'",
    ),
    "twice": (
        _labelled(file=[*FILES[:11], "p03.png"], light=LIGHT), InputError,
        "names the picture 'p03.png' twice, in rows 3 and 11",
    ),
    "picture without row": (
        _labelled(file=FILES[:11], light=LIGHT[:11]), InputError, "no row in labels.csv: 'p11.png'",
    ),
    "NaN": (
        _holes, InputError,
        "labels.csv: 1 label is missing (NaN), the first in row 5, column 'light' ('p06.png')",
    ),
    "named image": (
        _labelled(image=LIGHT, light=LIGHT), InputError, "labels.csv has a column 'image'",
    ),
    "half an npz": (_half_npz, FileProblem, "p.npz cannot be read as arrays"),
    "pickled": (
        _arrays(images=np.array([GREY[0], None], dtype=object)), FileProblem,
        "p.npz: array 'images' holds pickled Python objects",
    ),
    "no pictures": (_arrays(a=np.zeros(3)), FileProblem, "holds no array of pictures ('a' (3,))"),
    "two arrays": (_arrays(a=GREY, b=GREY), FileProblem, "several arrays that may be"),
    "flat": (_arrays(images=GREY.reshape(12, -1)), InputError, "has shape (12, 80)"),
    "five channels": (_arrays(images=np.zeros((3, 5, 8, 8))), InputError, "1, 3 or 4 channels"),
    "above one": (_arrays(images=GREY * 1.0), InputError, "expected 0 to 1: divide by 255"),
    "negative": (_arrays(images=GREY - 300.0), InputError, "scale them"),
    "negative whole": (_arrays(images=GREY.astype(int) - 1), InputError, "expected 0 to 255"),
    "NaN pixel": (
        _arrays(images=np.where(np.arange(12) == 4, np.nan, 0.5)[:, None, None] + GREY * 0.0),
        InputError, "picture 4 (counted from 0) holds NaN",
    ),
    "label count in npz": (
        _arrays(images=GREY, labels=np.zeros(9)), InputError, "'labels' has 9 values for 12",
    ),
    "role without factors": (
        lambda f: rung.read(f, environment="a"), InputError, "environment= is about columns",
    ),
    "unknown name": (
        lambda f: rung.read(f, factors={"light": LIGHT}, names=["lihgt"]), UnknownName, "'light'",
    ),
    "factors of a table": (
        lambda f: (_labelled(light=LIGHT)(f), rung.read(f.parent / "labels.csv", factors=f))[1],
        InputError, "factors= goes with pictures",
    ),
    "size": (lambda f: Pictures(f, size=1), InputError, "expected a number of pixels"),
    "channels": (lambda f: Pictures(f, channels=2), InputError, "expected 1 (grey) or 3"),
    "layout": (lambda f: Pictures(f, layout="hwc"), InputError, "expected 'nhw'"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_pictures(case: str, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    action, error, says = CASES[case]
    with pytest.raises(error) as caught:
        action(images)
    assert says in str(caught.value)
    assert isinstance(caught.value, rung.core.errors.RungError)


def test_denied(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser reads everything: let the system say no."""
    plain = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "p05.png":
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(FileProblem, match=r"p05\.png cannot be read: permission denied"):
        rung.read(images)
    monkeypatch.undo()

    def closed(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(FileProblem, match="images cannot be listed: permission denied"):
        rung.read(images)


def test_changed_after_the_look(images: Path) -> None:
    data = rung.read(images)
    Image.fromarray(GREY[0, :4, :4]).save(images / "p07.png")
    with pytest.raises(FileProblem, match=r"p07\.png changed while it was read"):
        data.column("image")


def test_without_pillow(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"pip install 'rung\[images\]'"):
        rung.read(images)


def test_too_many_pixels(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.io.pictures.MATRIX_LIMIT", 1000)
    with pytest.raises(InputError, match="--size 64"):
        rung.read(images)


def test_looking_is_quick(tmp_path: Path) -> None:
    """1,000 small files are looked at in less than 2 s, and tables do not pay for pictures."""
    folder = save(tmp_path / "k", np.repeat(GREY, 84, axis=0), names=[f"{i}" for i in range(1008)])
    start = time.perf_counter()
    data = rung.read(folder)
    assert time.perf_counter() - start < 2.0
    assert data.n == 1008
