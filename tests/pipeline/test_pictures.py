"""The job on pictures: what is trained on what, what is shown, and what is refused."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rung
from rung.core.errors import InputError, NotSupported, UnknownName
from rung.core.variable import Variable
from rung.pipeline import ImageAnalysis, PicturePlan
from rung.pipeline.picture_models import make_model, models
from rung.pipeline.pictures import choose, labels_of, split, usable
from rung.pipeline.structure import structure
from tests.pipeline.pictures_support import GRAPH, folder, spec, unpacked, world


@pytest.fixture(scope="module")
def data() -> rung.Data:
    return world()


@pytest.fixture(scope="module")
def fitted(data: rung.Data):
    model = spec()
    return model, rung.analyse(data, model=model, graph=GRAPH, seconds=2.0)


def test_held_out_pictures_are_not_trained_on(data, fitted) -> None:
    model, found = fitted
    assert isinstance(found, ImageAnalysis)
    (train,) = model.seen
    held = set(data["light"].tolist()) - set(train["light"].tolist())
    assert len(held) == found.content["data"]["held_out"] == 16
    shown = found.content["grid"]["rows"]
    assert {data["light"][r] for r in shown} <= held
    assert found.content["data"]["trained_on"] == train.n == 144


def test_grid_holds_the_counterfactual_pictures(data, fitted) -> None:
    """Cell by cell the pictures that the verb gives, to a step of 8 bits."""
    _, found = fitted
    grid = found.content["grid"]
    units = data[grid["rows"]]
    own, light, shadow = grid["blocks"]
    cells = unpacked(own["sheet"], 2, 2, (12, 12))
    np.testing.assert_allclose(cells[:, 0], units["image"][:, 0], atol=0.51 / 255)
    np.testing.assert_allclose(cells[:, 1], units["image"][:, 0], atol=0.51 / 255)
    for block, name in ((light, "light"), (shadow, "shadow")):
        cells = unpacked(block["sheet"], 3, 2, (12, 12))
        for k, q in enumerate((0.05, 0.5, 0.95)):
            value = np.quantile(data[name], q)
            expected = rung.counterfactual(found.model, units, {name: value})["image"]
            np.testing.assert_allclose(cells[:, k], expected[:, 0], atol=0.51 / 255)
            assert block["columns"][k] == f"{value:.3g}"
    assert light["moves"] == ["shadow"]
    assert shadow["moves"] == []


def test_dials_hold_pictures_and_values_of_each_step(data, fitted) -> None:
    _, found = fitted
    dials = found.content["sliders"]
    units = data[dials["units"]]
    cells = unpacked(dials["sheet"], 9, 0, (12, 12)).reshape(4, 2, 9, 12, 12)
    values = np.linspace(*np.quantile(data["light"], [0.05, 0.95]), 9)
    np.testing.assert_allclose(dials["factors"][0]["values"], values)
    for k in (0, 8):
        under = rung.counterfactual(found.model, units, light=values[k])
        np.testing.assert_allclose(cells[:, 0, k], under["image"][:, 0], atol=0.51 / 255)
        for u in range(4):
            shown = [float(t) for t in dials["values"][u][0][k]]
            np.testing.assert_allclose(shown, [values[k], under["shadow"][u]], rtol=6e-3)
    near = np.abs(values[None] - units["light"][:, None]).argmin(axis=1)
    assert dials["start"][::2] == near.tolist()


def test_figures_of_an_exact_model(fitted) -> None:
    """A linear model with its labels as facts gives every picture back, also after two settings."""
    _, found = fitted
    rows = {(r["key"], r["do"], r["measure"]): r for r in found.content["soundness"]}
    assert len([k for k in rows if k[0] == "effectiveness"]) == 4
    assert rows["composition", "", "picture"]["value"] < 1e-6
    assert rows["reversibility", "light", "picture"]["value"] < 1e-3
    entry = found.content["soundness_by"][0]
    assert entry["do"] == "light"
    assert entry["downstream"]["measure"] == "shadow"
    assert entry["untouched"] is None
    assert found.content["quality"][0]["value"] < 1e-9
    assert found.content["identifiability"] is None  # nothing is on record for this model
    assert list(found.frame().columns) == ["name", "of", "value", "low", "high", "unit", "n"]
    assert len(found.frame()) == len(found.content["soundness"])


def test_content_is_json_and_the_answer_has_words(fitted) -> None:
    _, found = fitted
    content = json.loads(found.json())
    assert content["kind"] == "pictures"
    assert content["grid"]["blocks"][0]["sheet"].startswith("data:image/png;base64,")
    assert found.shown["grid"]["blocks"][0]["sheet"].startswith("PNG of ")
    assert "standard deviations" in content["headline"]["sentence"]
    assert "off real pictures" in content["headline"]["sentence"]
    assert content["headline"]["standing"] == "your graph"
    assert content["command"] is None  # data and model were in memory
    assert any("16 pictures that the training did not see" in t for t in content["limits"])
    assert "standing: your graph" in repr(found)
    assert "pearl2009" in found.cites
    assert "monteiro2023" in found.cites


def test_folder_to_report(data, tmp_path: Path) -> None:
    images, labels = folder(tmp_path, data)
    found = rung.analyse(images, factors=labels, model=spec(), graph=GRAPH, seconds=2.0)
    assert found.content["data"]["factors"][0]["name"] == "light"
    assert any("matched" in d for d in found.content["data"]["decisions"])
    path = found.write(tmp_path / "report.html")
    assert "matched to pictures by column" in path.read_text("utf-8")
    with pytest.raises(NotSupported, match="made by: rung.analyse in Python"):
        rung.pipeline.rerun(path)


def test_learned_graph_says_what_was_left_open(data) -> None:
    found = rung.analyse(data, model=spec("shadow -> light"), seconds=2.0, draws=0, learner="pc")
    note = found.content["graph"]["note"]
    assert found.content["headline"]["standing"] == "learned graph"
    assert "left the direction of 1 of these edges open" in note
    assert "shadow → light" in note
    assert found.content["graph"]["edges"][0]["mark"] == "-->"


def test_pictures_without_labels(data) -> None:
    """A VAE whose numbers have no names: shown, not called causes; theory promises nothing."""
    found = rung.analyse(data.select(["image"]), seconds=2.0)
    content = found.content
    assert content["model"]["name"] == "VAE"
    assert content["model"]["why"].startswith("there are no labels")
    assert content["headline"]["standing"] == "no labels"
    assert "numbers have no names" in content["headline"]["sentence"]
    assert [b["title"] for b in content["grid"]["blocks"][1:]] == [
        f["name"] for f in content["sliders"]["factors"]
    ]
    assert len(content["sliders"]["factors"]) == 8
    assert content["grid"]["left_out"] == 2
    assert content["soundness"] == []
    assert "not judged" in content["soundness_text"]
    assert content["identifiability"]["upto"].startswith("up to nothing")
    assert len(content["quality"]) == 2
    assert "up to nothing" in found.html()


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, size=(60, 80, 100), dtype=np.uint8)
    np.savez(tmp_path / "big.npz", images=array, light=array[:, :, :50].mean((1, 2)) / 9,
             shadow=array[:, :, 50:].mean((1, 2)) / 9)  # fmt: skip
    found = rung.analyse(tmp_path / "big.npz", model=spec(), graph=GRAPH, seconds=2.0)
    assert (found.content["data"]["height"], found.content["data"]["width"]) == (52, 64)
    assert any("resampled to 64 x 52" in d for d in found.content["data"]["decisions"])
    assert any("nothing finer than 64 x 52" in t for t in found.content["limits"])


def test_columns_that_no_model_can_use_are_left_out(data) -> None:
    n = data.n
    wide = data.with_column(Variable("same", kind="constant"), np.ones(n))
    wide = wide.with_column(Variable("id", kind="identifier"), np.arange(n, dtype=float))
    wide = wide.with_column(Variable("none"), np.full(n, np.nan))
    kept, why = usable(wide)
    assert kept.names == data.names
    assert set(why) == {"same", "id", "none"}


def test_split_holds_out_labelled_pictures_only(data) -> None:
    light = np.where(np.arange(data.n) < 100, data["light"], np.nan)
    partly = data.with_column(data.variable("light"), light)
    labelled = labels_of(partly)
    np.testing.assert_array_equal(labelled, np.arange(100))
    train, held = split(partly, labelled, 0)
    assert len(held) == 10
    assert held.max() < 100
    np.testing.assert_array_equal(np.union1d(train, held), np.arange(data.n))
    assert len(split(data[:30], np.arange(30), 0)[1]) == 0


def test_choice_of_the_model(data, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = PicturePlan(graph=GRAPH)
    factors = data.select(["light", "shadow"])
    found = structure(factors, plan.table, None, rung.Budget().start(), 0)
    model, why = choose(plan, data, found, data.n)
    assert type(model).__name__ == "CausalDiffAE"
    assert not model.unlabelled
    assert why == "the factors are labelled"
    model, why = choose(plan, data, found, 100)
    assert model.unlabelled
    assert "100 of 160" in why
    monkeypatch.setattr("rung.pipeline.picture_models.plain", lambda: "plain")
    assert choose(PicturePlan(), data, None, 3)[1].startswith("there are only 3 labelled pictures")
    assert choose(PicturePlan(), data, None, 0) == (
        "plain", "there are no labels, so the factors of the code have no names",
    )  # fmt: skip


def test_models_by_name() -> None:
    known = models()
    assert "causal-diff-ae" in known
    assert "predictor" not in known  # it judges models
    made = make_model(
        "causal-diff-ae:free=2,strength=1.5", rung.Graph.parse(GRAPH), unlabelled=True
    )
    assert (made.free, made.strength, made.unlabelled) == (2, 1.5, True)
    with pytest.raises(UnknownName, match="nearest: 'causal-diff-ae'"):
        make_model("causal-diffae", None, unlabelled=False)
    with pytest.raises(NotSupported, match="needs labelled factors"):
        make_model("causal-diff-ae", None, unlabelled=False)


def test_command_of_a_plan() -> None:
    plan = PicturePlan("my images", factors="a b.csv", graph="x -> y", size=32, seed=3,
                       kinds={"x": "ordinal"}, missing="em")  # fmt: skip
    words = shlex.split(plan.command or "")
    assert words[:3] == ["rung", "analyse", "my images"]
    pairs = dict(zip(words[3::2], words[4::2], strict=True))
    assert pairs == {"--factors": "a b.csv", "--graph": "x -> y", "--size": "32", "--seed": "3",
                     "--kind": "x=ordinal", "--missing": "em", "-o": "report.html"}  # fmt: skip
    assert PicturePlan("a", model=spec()).command is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"treatment": "light"}, "treatment is a question about the columns of a table"),
        ({"modell": "vae"}, "did you mean 'model'"),
        ({"units": 0}, "expected 1 to 12"),
        ({"missing": "ignore"}, "policy for missing cells"),
        ({"draws": -1}, "expected 0"),
        ({"factors": pd.DataFrame({"a": [1]})}, "these are Data already"),
        ({"graph": "light -> brightness"}, "brightness"),
    ],
)
def test_refusals(data, options: dict, says: str) -> None:
    with pytest.raises((InputError, UnknownName)) as caught:
        rung.analyse(data, **{"model": spec(), **options})
    assert says in str(caught.value)


def test_few_labels_cannot_carry_a_graph(data) -> None:
    with pytest.raises(InputError, match="only 20 pictures have all labels"):
        rung.analyse(data[:20], graph=GRAPH, model=spec())


def test_tables_refuse_what_is_for_pictures(data, tmp_path: Path) -> None:
    images, labels = folder(tmp_path, data)
    with pytest.raises(InputError, match="model is for pictures"):
        rung.analyse(labels, model="vae")
    from rung.pipeline.prepare import prepare

    with pytest.raises(InputError, match="holds pictures"):
        prepare(None, rung.pipeline.Plan(source=str(images)))
