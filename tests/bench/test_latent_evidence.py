"""The entries on quantised latents and on active variables: their grids, cells and rules."""

from __future__ import annotations

import numpy as np
import pytest

from rung.bench import active_variables, qlae
from rung.bench.factor_grids import WORLDS, grid


@pytest.mark.parametrize("name", WORLDS)
def test_every_combination_is_drawn_once(name: str) -> None:
    made = grid(name)
    levels = made.factors.max(axis=0) + 1
    assert len(made.pictures) == np.prod(levels) == len(np.unique(made.factors, axis=0))
    assert made.pictures.shape[2:] == (16, 16)
    assert made.pictures.min() >= 0
    assert made.pictures.max() <= 1
    assert len(np.unique(made.pictures, axis=0)) > 0.99 * len(made.pictures)


def test_every_model_has_its_cell() -> None:
    betas = {m: dict.fromkeys(WORLDS, 4.0) for m in qlae.RIVALS[1:]}
    cells = qlae.cells(5, betas)
    assert len({c.key for c in cells}) == len(cells) == 5 * (3 * 4 + 2)
    assert all(c.settings["seed"] != qlae.CHOICE for c in cells)
    assert len(qlae.choices()) == 2 * 3 * 3
    shared = {"steps", "batch", "width", "version"}
    assert len({tuple(c.settings[k] for k in sorted(shared)) for c in cells}) == 1


def test_beta_is_the_one_of_highest_modularity() -> None:
    made = {c.key: {"modularity": -abs(c.settings["beta"] - 4.0)} for c in qlae.choices()}
    assert qlae.chosen(made) == {m: dict.fromkeys(WORLDS, 4.0) for m in qlae.RIVALS[1:]}


def test_a_claim_fails_where_an_interval_reaches_its_bound() -> None:
    def gain(values: list[float]) -> dict[str, dict[str, float]]:
        return {"modularity": active_variables.over(values), "psnr": active_variables.over(values)}

    assert qlae._holds(gain([0.1, 0.12, 0.11]), "modularity")
    assert not qlae._holds(gain([0.5, -0.1, 0.2]), "modularity")
    assert qlae._holds(gain([-0.1, -0.12, -0.11]), "psnr")
    assert not qlae._holds(gain([-0.9, -1.0, -0.8]), "psnr")


def test_intervals_are_student_t() -> None:
    found = active_variables.over([1.0, 2.0, 3.0])
    half = 4.302652729911275 / np.sqrt(3)  # t(0.975, 2), sd 1
    assert found["mean"] == 2
    assert found["high"] - 2 == pytest.approx(half)
    assert active_variables.over([5.0]) == {"mean": 5, "low": 5, "high": 5}


def test_a_probe_reads_what_a_code_holds() -> None:
    rng = np.random.default_rng(0)
    factor = rng.integers(3, size=(300, 1))
    rows = rng.permutation(300)
    codes = np.column_stack([4.0 * (factor[:, 0] == k) for k in range(3)])
    assert active_variables.probe(codes, factor, rows) == 1
    likely = np.bincount(factor[rows[:150], 0]).argmax()
    most = active_variables.probe(codes[:, :0], factor, rows)
    assert most == pytest.approx((factor[rows[150:], 0] == likely).mean())


@pytest.mark.parametrize("model", ["qlae", "beta-tcvae", "without quantisation"])
def test_a_cell_gives_its_figures(model: str) -> None:
    settings = {"model": model, "world": "digits", "seed": 7, "beta": 2.0, "width": 4, "steps": 3,
                "batch": 8, "rate": 1e-3, "decay": 0.0, "values": 10}  # fmt: skip
    found = qlae.measure(settings)
    assert set(qlae.SCORES) <= set(found)
    assert np.isfinite([found[s] for s in qlae.SCORES]).all()
