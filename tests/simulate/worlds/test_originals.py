"""Published files: small ones of the same form, written by independent means."""

from __future__ import annotations

import gzip
import sys
import types

import numpy as np
import pytest
from PIL import Image

from rung.core.errors import FileProblem, InputError, MissingExtra
from rung.simulate import (
    causalvae_flow,
    causalvae_pendulum,
    dsprites,
    morpho_mnist,
    mpi3d,
    shapes3d,
)

RNG = np.random.default_rng(0)


@pytest.fixture
def sprites(tmp_path):
    values = np.array(
        [[1, s, c, o, x, y] for s in (1, 2, 3) for c in (0.5, 1) for o in (0.0, 3.1)
         for x in (0.0, 1.0) for y in (0.0, 1.0)]
    )  # fmt: skip
    images = (RNG.random((len(values), 64, 64)) > 0.5).astype(np.uint8)
    path = tmp_path / "dsprites.npz"
    np.savez(path, imgs=images, latents_values=values, latents_classes=values)
    return path, images, values


class TestDsprites:
    def test_all(self, sprites):
        path, images, values = sprites
        found = dsprites(path)
        np.testing.assert_array_equal(found.data["image"][:, 0], images)
        assert found.factors == ("shape", "scale", "orientation", "x", "y")
        assert list(found.data["shape"][[0, 16, 32]]) == ["square", "ellipse", "heart"]
        np.testing.assert_array_equal(found.data["y"], values[:, 5])
        assert not found.graph.adjacency().any()
        assert "Matthey" in found.cite()
        assert len(repr(found).splitlines()) < 15
        assert list(found.frame().columns) == list(found.factors)

    def test_some_rows_smaller(self, sprites):
        path, images, _ = sprites
        found = dsprites(path, n=7, seed=2, size=16)
        assert found.data["image"].shape == (7, 1, 16, 16)
        means = images.reshape(-1, 16, 4, 16, 4).mean(axis=(2, 4))
        for picture in found.data["image"][:, 0]:
            assert np.isclose(means, picture, atol=1e-6).all(axis=(1, 2)).sum() == 1
        assert dsprites(path, n=7, seed=2, size=16).data.sha256 == found.data.sha256
        assert len(np.unique(found.data.matrix(found.factors), axis=0)) == 7

    def test_problems(self, sprites, tmp_path, monkeypatch):
        path = sprites[0]
        with pytest.raises(InputError, match="holds 48"):
            dsprites(path, n=49)
        with pytest.raises(FileProblem, match="no file"):
            dsprites(tmp_path / "none.npz")
        np.savez(tmp_path / "other.npz", images=np.zeros(3))
        with pytest.raises(FileProblem, match="'imgs'"):
            dsprites(tmp_path / "other.npz")
        (tmp_path / "broken.npz").write_bytes(path.read_bytes()[:500])
        with pytest.raises(FileProblem, match="broken"):
            dsprites(tmp_path / "broken.npz")
        monkeypatch.setattr("rung.simulate.worlds.originals.MATRIX_LIMIT", 1000)
        with pytest.raises(InputError, match="n= "):
            dsprites(path)


def test_shapes3d_with_and_without_h5py(tmp_path, monkeypatch):
    """h5py itself is not among the test packages: a stand-in with its reading interface."""
    images = RNG.integers(0, 256, (12, 64, 64, 3)).astype(np.uint8)
    labels = np.column_stack([RNG.random((12, 4)), np.arange(12) % 4, RNG.random(12)])
    path = tmp_path / "3dshapes.h5"
    path.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtra, match="pip install h5py"):
        shapes3d(path)

    class File(dict):
        def __init__(self, place, mode):
            super().__init__(images=images, labels=labels)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

    monkeypatch.setitem(sys.modules, "h5py", types.SimpleNamespace(File=File))
    found = shapes3d(path)
    np.testing.assert_allclose(found.data["image"][3, 2], images[3, :, :, 2] / 255, atol=1e-6)
    np.testing.assert_array_equal(found.data["shape"], np.arange(12) % 4)
    np.testing.assert_array_equal(found.data["wall_hue"], labels[:, 1])
    assert shapes3d(path, n=5, size=8).data["image"].shape == (5, 3, 8, 8)


def test_mpi3d(tmp_path, monkeypatch):
    """The published order: the last axis runs fastest, the object's colour slowest."""
    steps = {"horizontal_axis": 2, "vertical_axis": 3}
    from rung.simulate.worlds import originals

    monkeypatch.setattr(originals, "MPI3D", {**originals.MPI3D, **steps})
    count = 6 * 6 * 2 * 3 * 3 * 2 * 3
    images = np.zeros((count, 8, 8, 3), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(count) % 256
    np.savez(tmp_path / "mpi3d_toy.npz", images=images)
    data = mpi3d(tmp_path / "mpi3d_toy.npz").data
    assert list(data["vertical_axis"][:4]) == [0, 1, 2, 0]
    assert data["horizontal_axis"][3] == 1
    assert data["background_color"][6] == "sea green"
    assert data["object_size"][54] == "large"
    assert data["object_color"][-1] == "olive"
    assert data["image"][255, 0, 0, 0] == 1
    np.savez(tmp_path / "short.npz", images=images[:5])
    with pytest.raises(FileProblem, match="5 pictures"):
        mpi3d(tmp_path / "short.npz")


class TestCausalVAE:
    def test_names_hold_the_factors(self, tmp_path):
        pixels = RNG.integers(0, 256, (12, 12, 3)).astype(np.uint8)
        for name in ("a_-40_60_3_7.png", "a_12_147_9_-2.png"):
            Image.fromarray(pixels).save(tmp_path / name)
        found = causalvae_pendulum(tmp_path)
        row = int(np.argmin(found.data["angle"]))
        assert [found.data[k][row] for k in found.factors] == [-40, 60, 3, 7]
        np.testing.assert_allclose(
            found.data["image"][row], pixels.transpose(2, 0, 1) / 255, atol=1e-6
        )
        assert found.graph.parents("shadow_position") == ("angle", "light")
        flow = causalvae_flow(tmp_path, size=6)
        assert flow.factors == ("ball_size", "water_height", "flow", "hole")
        assert set(flow.graph.parents("flow")) == {"water_height", "hole"}
        assert flow.data["image"].shape == (2, 3, 6, 6)

    def test_problems(self, tmp_path):
        with pytest.raises(FileProblem, match="no file or folder"):
            causalvae_flow(tmp_path / "none")
        Image.new("RGB", (8, 8)).save(tmp_path / "a_1_2.png")
        with pytest.raises(FileProblem, match="a_1_2.png"):
            causalvae_pendulum(tmp_path)
        with pytest.raises(FileProblem, match="no folder"):
            causalvae_pendulum(tmp_path / "a_1_2.png")


class TestMorphoMnist:
    @pytest.fixture
    def base(self, tmp_path):
        images = RNG.integers(0, 256, (5, 28, 28)).astype(np.uint8)
        head = bytes([0, 0, 8, 3]) + np.array([5, 28, 28], ">u4").tobytes()
        (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + images.tobytes()))
        labels = bytes([0, 0, 8, 1]) + np.array([5], ">u4").tobytes() + bytes([3, 1, 4, 1, 5])
        (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(labels)
        rows = [f"{i},{100 + i}.5,30,2.{i},0.1,14,20" for i in range(5)]
        head_line = "index,area,length,thickness,slant,width,height"
        (tmp_path / "t10k-morpho.csv").write_text("\n".join([head_line, *rows]))
        return tmp_path, images

    def test_reads(self, base):
        folder, images = base
        found = morpho_mnist(folder, part="t10k")
        assert found.graph is None
        assert "measured" in repr(found)
        np.testing.assert_allclose(found.data["image"][:, 0], images / 255, atol=1e-6)
        assert list(found.data["digit"]) == [3, 1, 4, 1, 5]
        np.testing.assert_allclose(found.data["thickness"], [2.0, 2.1, 2.2, 2.3, 2.4])
        assert morpho_mnist(folder, part="t10k", n=2).data.n == 2

    def test_problems(self, base):
        folder = base[0]
        with pytest.raises(FileProblem, match="train-images"):
            morpho_mnist(folder)
        table = folder / "t10k-morpho.csv"
        text = table.read_text()
        table.write_text("\n".join(text.splitlines()[:-1]))
        with pytest.raises(FileProblem, match="as many"):
            morpho_mnist(folder, part="t10k")
        table.write_text(text.replace("thickness", "thick"))
        with pytest.raises(FileProblem, match="thickness"):
            morpho_mnist(folder, part="t10k")
        table.unlink()
        with pytest.raises(FileProblem, match="cannot be read"):
            morpho_mnist(folder, part="t10k")
