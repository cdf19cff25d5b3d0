"""A factor as a direction: cells, the laws of a lens, and prototypes that cannot be told apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import InputError
from rung.core.variable import Kind, Variable
from rung.latent.directions import Direction, directions


def place(levels: int, d: int, rng: np.random.Generator) -> Direction:
    prototypes = rng.normal(size=(levels, d))
    if d == 1:
        prototypes = np.array([[1.0], [-1.0]])
    prototypes /= np.linalg.norm(prototypes, axis=1, keepdims=True)
    names = tuple(range(len(prototypes)))
    return Direction(Variable("f", Kind.CATEGORICAL, names), 2, prototypes)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 7), st.integers(1, 4), st.integers(0, 10**6))
def test_laws_of_a_lens(levels: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    site = place(levels, d, rng)
    codes = rng.normal(size=(40, d + 3))
    v, w = rng.integers(0, len(site.prototypes), (2, 40)).astype(float)
    once = site.write(codes, v)
    assert (site.read(once) == v).all()
    assert np.array_equal(site.write(codes, site.read(codes)), codes)
    assert site.write(once, w) == pytest.approx(site.write(codes, w), abs=1e-6)
    outside = [0, 1, d + 2]
    assert np.array_equal(once[:, outside], codes[:, outside])
    length = np.linalg.norm(codes[:, site.where], axis=1)
    assert np.linalg.norm(once[:, site.where], axis=1) == pytest.approx(length)


def test_a_code_at_its_prototype_goes_to_the_other() -> None:
    site = place(3, 4, np.random.default_rng(0))
    codes = np.zeros((3, 7))
    codes[:, site.where] = 2 * site.prototypes
    moved = site.write(codes, np.array([1.0, 2.0, 0.0]))
    assert moved[:, site.where] == pytest.approx(2 * site.prototypes[[1, 2, 0]], abs=1e-12)


def test_the_share_of_the_way_to_the_edge_is_kept() -> None:
    """Prototypes at 0, 90, 180 degrees: 15 of 45 out of the first become 30 of 90 of the last."""
    angles = np.deg2rad([0, 90, 180])
    prototypes = np.column_stack([np.cos(angles), np.sin(angles)])
    site = Direction(Variable("f", Kind.ORDINAL, (1, 2, 3)), 0, prototypes)
    code = np.array([[np.cos(np.deg2rad(15)), np.sin(np.deg2rad(15))]])
    middle, last = site.write(code, 1.0)[0], site.write(code, 2.0)[0]
    assert np.rad2deg(np.arctan2(middle[1], middle[0])) == pytest.approx(105)
    # beyond 180 degrees the next edge is that of the first, 90 degrees away
    assert np.rad2deg(np.arctan2(last[1], last[0])) % 360 == pytest.approx(180 + 30)


def test_prototypes_are_mean_directions() -> None:
    z = np.array([[1.0, 0.0], [0.0, 5.0], [-3.0, 0.0]])
    site = directions(Variable("f", Kind.BINARY, (0, 1)), 0, z, np.array([0.0, 0.0, 1.0]))
    assert site.prototypes == pytest.approx(np.array([[0.5, 0.5], [-0.5, 0]]) * [[2**0.5], [2]])


def test_levels_that_point_the_same_way_are_refused() -> None:
    z = np.array([[1.0, 1.0], [2.0, 2.0], [0.0, 1.0]])
    variable = Variable("f", Kind.CATEGORICAL, ("a", "b", "c"))
    with pytest.raises(InputError, match="'a' and 'b' of 'f' have the same direction"):
        directions(variable, 0, z, np.array([0.0, 1.0, 2.0]))
    opposite = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(InputError, match="no direction"):
        directions(Variable("f", Kind.BINARY, (0, 1)), 0, opposite, np.array([0.0, 0.0, 1.0]))
