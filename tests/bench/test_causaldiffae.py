"""The evidence of CausalDiffAE runs end to end at a size at which it shows nothing."""

from __future__ import annotations

import numpy as np
import pytest

from rung.bench import causaldiffae, cells, picture_judges


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.setattr(picture_judges, "JUDGED", 300)
    monkeypatch.setattr(picture_judges, "STEPS", 5)
    monkeypatch.setattr(picture_judges.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(causaldiffae, "APART", 100)
    monkeypatch.setattr(causaldiffae, "WORLDS", ("pendulum",))
    monkeypatch.setattr(causaldiffae, "DIAL", (0.0, 1.0))
    monkeypatch.setattr(causaldiffae, "TRAIN", 150)
    monkeypatch.setattr(causaldiffae, "TEST", 12)
    monkeypatch.setattr(causaldiffae, "STEPS", {"pendulum": 3, "morphodigits": 3})


def test_cells_and_row(small, monkeypatch, tmp_path):
    made = {}
    settings = [c for c in causaldiffae.cells(1) if "0.2" not in c.key]
    for cell in settings:
        made[cell.key] = causaldiffae.measure({**cell.settings, "steps": 3})
    made["causaldiffae-pendulum-0.2-0"] = made["causaldiffae-pendulum-0.05-0"]
    monkeypatch.setattr(causaldiffae, "measured", lambda *a, **k: made)
    row = causaldiffae.run(seeds=1)
    assert set(row.figures["claims"]) >= {"the shadow moves with the light"}
    errors = row.figures["effectiveness"]["pendulum"]
    assert "do(light): shadow_position (downstream)" in errors
    assert all(np.isfinite(v["mean"]) for r in errors.values() for v in r.values())
    assert row.holds == all(row.figures["claims"].values())


def _case(value, slope=0.0, moved=1.0):
    """Figures of a cell in which every error is `value`."""
    found = [
        {"axiom": "effectiveness", "do": "shadow_position", "measure": m, "role": r,
         "value": value, "floor": 0.0}
        for m, r in (("shadow_position", "set"), ("light", "untouched"))
    ]  # fmt: skip
    leak = {"inverted": value, "fresh": value, "inverted slope": slope, "fresh slope": 0.0}
    return {
        "findings": found, "moves": {"light -> shadow_position": moved},
        "dial": {"light": [0.0, 0.5, 1.0]}, "leak": {"light": leak},
        "dci": {"disentanglement": 1 - value}, "training": {"rows_per_second": 1.0},
    }  # fmt: skip


def test_every_claim_can_fail(monkeypatch):
    monkeypatch.setattr(causaldiffae, "WORLDS", ("pendulum",))
    good, bad = _case(0.1), _case(0.4)
    made = {"causaldiffae-pendulum-0": good, "beta-vae-pendulum-0": bad, "cvae-pendulum-0": bad}
    made["cvae-pendulum-0"] = {**bad, "dci of free numbers": {"disentanglement": 0.2}}
    made |= {f"causaldiffae-pendulum-{s:g}-0": good for s in causaldiffae.LABELS}

    def failing(cell):
        cells_ = {**made, "causaldiffae-pendulum-0": cell}
        monkeypatch.setattr(causaldiffae, "measured", lambda *a, **k: cells_)
        claims = causaldiffae.run(seeds=1).figures["claims"]
        return {name for name, holds in claims.items() if not holds}

    assert failing(good) == set()
    assert {n for n in failing(_case(0.5)) if "better" in n or "disentangled" in n} != set()
    assert any("slope" in n for n in failing(_case(0.1, slope=-0.47)))
    assert failing(_case(0.1, moved=0.5)) == {"the shadow moves with the light"}
    worse = {**good, "leak": {"light": {**good["leak"]["light"], "inverted": 0.2}}}
    assert any("errors with inverted" in n for n in failing(worse))
    flat = {**good, "dial": {"light": [0.0, 0.5, 0.4]}}
    assert any("monotone" in n for n in failing(flat))
    assert "the light does not move with the shadow" in failing(_case(0.3))


def test_cells_are_kept_and_measured_again_when_settings_change(tmp_path):
    one = [cells.Cell("a", {"x": 1}), cells.Cell("b", {"x": 2})]
    first = cells.measured("row", one, _double, processes=1, results=tmp_path)
    assert first == {"a": {"twice": 2}, "b": {"twice": 4}}
    assert cells.measured("row", one, _fails, processes=1, results=tmp_path) == first
    changed = [cells.Cell("a", {"x": 5}), one[1]]
    again = cells.measured("row", changed, _double, processes=1, results=tmp_path)
    assert again["a"] == {"twice": 10}


def _double(settings):
    return {"twice": 2 * settings["x"]}


def _fails(settings):
    raise AssertionError("a stored cell was measured again")
