"""PNG files without a picture library, and sheets."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from rung.core.errors import InputError
from rung.report.png import png, sheet


@pytest.mark.parametrize("shape", [(5, 7), (1, 5, 7), (3, 5, 7)])
def test_pillow_reads_what_was_written(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    for picture in (pixels, pixels / 255):
        read = np.asarray(Image.open(io.BytesIO(png(picture))))
        expected = pixels.transpose(1, 2, 0) if shape[0] == 3 else pixels.reshape(5, 7)
        np.testing.assert_array_equal(read, expected)


def test_numbers_are_cut_to_the_range():
    assert png(np.array([[-1.0, 2.0]])) == png(np.array([[0, 255]], dtype=np.uint8))


def test_a_sheet_puts_pictures_row_by_row():
    images = np.arange(3, dtype=float)[:, None, None, None] / 4 * np.ones((3, 1, 2, 2))
    made = sheet(images, 2, gap=1)
    assert made.shape == (1, 5, 5)
    assert made[0, 0, 0] == 0
    assert made[0, 0, 3] == 0.25
    assert made[0, 3, 0] == 0.5
    assert made[0, 2].min() == made[0, 4, 4] == 1  # the gap, and the place of a fourth
    assert sheet(images, 8, gap=0, zoom=3).shape == (1, 6, 18)


def test_bad_input():
    for bad in (np.zeros((2, 4, 4)), np.zeros(4), np.zeros((0, 4))):
        with pytest.raises(InputError, match="shape"):
            png(bad)
    with pytest.raises(InputError, match="finite"):
        png(np.array([[np.inf]]))
    for fields in ({"columns": 0}, {"columns": 2, "zoom": 0}, {"columns": 2, "gap": -1}):
        with pytest.raises(InputError, match="sheet"):
            sheet(np.zeros((2, 1, 4, 4)), **fields)
    with pytest.raises(InputError, match="sheet"):
        sheet(np.zeros((4, 4)), 2)
