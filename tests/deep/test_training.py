"""The training loop: budgets, batches, chance, averages, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from rung.core import budget as budgets
from rung.core.budget import Budget, start
from rung.core.errors import InputError
from rung.deep import training
from rung.deep.device import device_of, seeded
from rung.deep.training import Training, train
from rung.deep.weights import load_weights, parameters, weights_of
from tests.deep.job import SETTINGS, job, network, rows


def equal(a, b) -> bool:
    return all(np.array_equal(a.weights[k], b.weights[k]) for k in a.weights)


def line(settings, data, seed=0, **kwargs):
    """Fit y = x w + b by least squares; the module and what came out."""
    with seeded(0):
        module = nn.Linear(data["x"].shape[1], 1)
    seen = []

    def loss(batch, share, chance):
        seen.append(({k: v.clone() for k, v in batch.items()}, share))
        return {"loss": (module(batch["x"]) - batch["y"]).pow(2).mean()}

    done = train(module, loss, data, settings, run=start(None), seed=seed, **kwargs)
    return module, done, seen


def test_the_minimum_is_found():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 3)).astype(np.float32)
    y = (x @ np.array([[1.0], [-2.0], [0.5]]) + 3).astype(np.float32)
    _, done, _ = line(Training(steps=800, batch=50, rate=0.05), {"x": x, "y": y})
    np.testing.assert_allclose(done.weights["weight"], [[1.0, -2.0, 0.5]], atol=1e-3)
    np.testing.assert_allclose(done.weights["bias"], [3.0], atol=1e-3)
    assert done.complete
    assert done.notes == ()
    assert done.history[-1][1]["loss"] < 1e-5
    assert done.history[-1][0] == 800


def test_the_seed_decides():
    state = torch.random.get_rng_state()
    first, again, other = job(), job(), job(seed=2)
    assert equal(first, again)
    assert first.history == again.history
    assert not equal(first, other)
    assert torch.equal(state, torch.random.get_rng_state())  # no global random state


def test_an_epoch_shows_every_row_once():
    data = {"x": np.arange(12, dtype=np.float32)[:, None], "y": np.zeros((12, 1), np.float32)}
    _, _, seen = line(Training(steps=6, batch=4, rate=1e-3), data)
    shown = [batch["x"][:, 0].tolist() for batch, _ in seen]
    for epoch in (shown[:3], shown[3:]):
        assert sorted(x for batch in epoch for x in batch) == list(range(12))
    assert shown[:3] != shown[3:]
    assert [share for _, share in seen] == pytest.approx([i / 6 for i in range(6)])


def test_the_rows_of_several_arrays_stay_together():
    data = {"x": np.arange(50, dtype=np.float32)[:, None]}
    data["y"] = 10 * data["x"]
    _, _, seen = line(Training(steps=9, batch=7), data)
    assert all(torch.equal(b["y"], 10 * b["x"]) for b, _ in seen)


@pytest.mark.parametrize("n", [1, 2, 31, 33])
def test_few_rows_and_a_batch_larger_than_all_of_them(n):
    data = {"x": np.ones((n, 2), np.float32), "y": np.ones((n, 1), np.float32)}
    _, done, seen = line(Training(steps=5, batch=32), data)
    assert done.steps == 5
    assert {len(b["x"]) for b, _ in seen} == {min(n, 32)}


def test_memory_mapped_rows_train_alike(tmp_path):
    data = rows()
    mapped = {}
    for name, array in data.items():
        np.save(tmp_path / f"{name}.npy", array)
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    settings = replace(SETTINGS, steps=60, checkpoint=tmp_path / "point.safetensors")
    first = job(replace(SETTINGS, steps=60), data=data)
    assert equal(first, job(settings, data=mapped))
    assert equal(first, job(settings, data=data))  # the same content is the same training
    assert equal(first, job(replace(SETTINGS, steps=60), data={
        k: np.asfortranarray(v) for k, v in data.items()}))  # fmt: skip


def test_read_only_rows_and_the_callers_arrays():
    data = rows()
    for array in data.values():
        array.flags.writeable = False
    before = {k: v.copy() for k, v in data.items()}
    job(replace(SETTINGS, steps=5), data=data)
    assert all(np.array_equal(data[k], before[k]) for k in data)


class Clock:
    """A clock that the objective turns, so that nothing depends on the machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr(training, "time", clock)
        monkeypatch.setattr(budgets, "time", clock)

    def train(self, seconds: float, each, settings=SETTINGS):
        """Steps that take each(i) seconds; what came out, and the share shown to each step."""
        module, shares = nn.Linear(5, 1), []

        def loss(batch, share, chance):
            self.now += each(len(shares))
            shares.append(share)
            return {"loss": module(batch["x"]).pow(2).mean()}

        return train(module, loss, rows(), settings, run=start(Budget(seconds)), seed=0), shares


def test_a_budget_shortens_the_schedule(monkeypatch):
    done, shares = Clock(monkeypatch).train(100.0, lambda i: 1.0)
    # after 12 steps 88 s are left, of which 3% are kept: 12 + 85; after 48, 48 + 50
    assert done.steps == done.planned == 98
    assert shares[:12] == [i / 300 for i in range(12)]
    assert shares[-1] == pytest.approx(97 / 98)  # the rate falls to its end
    assert not done.complete
    assert done.notes == ("training: the budget allowed 98 of 300 steps",)


def test_a_budget_with_time_to_spare_changes_nothing(monkeypatch):
    done, shares = Clock(monkeypatch).train(330.0, lambda i: 1.0)
    assert done.complete
    assert shares == [i / 300 for i in range(300)]


def test_slow_first_steps_do_not_shorten_the_schedule_for_good(monkeypatch):
    done, _ = Clock(monkeypatch).train(400.0, lambda i: 4.0 if i < 12 else 0.5)
    assert done.complete


def test_a_machine_that_slows_down_still_ends_in_time(monkeypatch):
    clock = Clock(monkeypatch)
    done, _ = clock.train(100.0, lambda i: 0.5 if i < 100 else 2.0)
    assert clock.now <= 102
    assert not done.complete


def test_a_spent_budget_takes_one_step():
    run = Budget(60).start()
    run.stop()
    module = network()

    def loss(batch, share, chance):
        return {"loss": module(batch["x"]).pow(2).mean()}

    done = train(module, loss, rows(), SETTINGS, run=run, seed=0)
    assert done.steps == 1
    assert not done.complete


def test_progress_is_told():
    told = []
    run = Budget().start(lambda share, what: told.append((share, what)))
    module = network()

    def loss(batch, share, chance):
        return {"loss": module(batch["x"]).pow(2).mean()}

    train(module, loss, rows(), SETTINGS, run=run, seed=0)
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(told) == 100
    assert "loss" in told[-1][1]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_named(tmp_path, value):
    path = tmp_path / "point.safetensors"
    module, count = nn.Linear(5, 1), []

    def loss(batch, share, chance):
        count.append(1)
        factor = value if len(count) > 150 else 1.0
        return {"loss": module(batch["x"]).pow(2).mean() * factor}

    settings = replace(SETTINGS, checkpoint=path, every=0.0)
    with pytest.raises(InputError, match=r"the loss is no finite number after 15\d steps; lower"):
        train(module, loss, rows(), settings, run=start(None), seed=0)
    from safetensors.numpy import load_file

    kept = load_file(path)  # what was good stays
    assert all(np.isfinite(array).all() for array in kept.values())


def test_weights_that_are_no_numbers_are_named():
    class Strange(torch.autograd.Function):
        """A finite value with a gradient that is none."""

        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            return grad * float("nan")

    module = nn.Linear(5, 1)

    def loss(batch, share, chance):
        return {"loss": Strange.apply(module(batch["x"])).pow(2).mean()}

    with pytest.raises(InputError, match="a weight is no finite number after 1 steps"):
        train(module, loss, rows(), replace(SETTINGS, steps=1), run=start(None), seed=0)


def test_arrays_of_several_lengths_and_no_rows():
    with pytest.raises(InputError, match="one length"):
        job(data={"x": rows()["x"], "y": rows()["y"][:-1]})
    with pytest.raises(InputError, match="no rows"):
        job(data={k: v[:0] for k, v in rows().items()})


@pytest.mark.parametrize("name", ["cuda:99", "tpu9", "", "mps"])
def test_a_device_that_is_not_here_is_named(name):
    with pytest.raises(InputError, match="device .* cannot be used here"):
        job(replace(SETTINGS, device=name))


def test_devices():
    assert device_of("cpu").type == "cpu"
    assert device_of(None).type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0}, {"batch": 0}, {"warmup": -1}, {"rate": 0.0}, {"rate": float("nan")},
        {"decay": -1.0}, {"clip": 0.0}, {"average": 1.0}, {"average": -0.1}, {"every": -1.0},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(InputError, match="Training: "):
        Training(**wrong)


def test_the_running_average_is_that_of_the_formula():
    """Against the recursion written out: m <- k m + (1 - k) w with k = min(d, (1+t)/(10+t))."""
    with seeded(0):
        module = nn.Linear(5, 1)
    path = []

    def loss(batch, share, chance):
        path.append(module.weight.detach().numpy().copy())  # the weights before this step
        return {"loss": (module(batch["x"]) - batch["y"]).pow(2).mean()}

    settings = Training(steps=30, batch=50, rate=0.05, average=0.8)
    done = train(module, loss, rows(), settings, run=start(None), seed=0)
    with seeded(0):
        twin = nn.Linear(5, 1)

    def again(batch, share, chance):
        return {"loss": (twin(batch["x"]) - batch["y"]).pow(2).mean()}

    plain = train(twin, again, rows(), replace(settings, average=0.0), run=start(None), seed=0)
    mean = path[0].astype(np.float64)
    for t, w in enumerate([*path[1:], plain.weights["weight"]]):
        keep = min(0.8, (1 + t) / (10 + t))
        mean = keep * mean + (1 - keep) * w
    np.testing.assert_allclose(done.weights["weight"], mean, rtol=1e-5, atol=1e-6)


def test_one_step_is_adamw_with_a_clipped_gradient():
    """By hand: after clipping, the first step of Adam moves each weight by rate * sign(g)."""
    data = {"x": np.array([[2.0, -1.0]], np.float32), "y": np.array([[100.0]], np.float32)}
    with seeded(0):
        before = nn.Linear(2, 1)
    settings = Training(steps=1, batch=1, rate=0.1, decay=0.5, warmup=0)
    _, done, _ = line(settings, data)
    w = before.weight.detach().numpy()
    expected = w * (1 - 0.1 * 0.5) + 0.1 * np.array([[1.0, -1.0]])  # the gradient is -(2, -1) k
    np.testing.assert_allclose(done.weights["weight"], expected, atol=1e-5)


def test_the_module_ends_ready_to_compute():
    module, done, _ = line(Training(steps=3, batch=10), rows())
    assert not module.training
    assert not any(p.requires_grad for p in module.parameters())
    assert all(not a.flags.writeable for a in done.weights.values())
    assert np.array_equal(done.weights["weight"], module.weight.numpy())
    assert parameters(module) == 6


def test_weights_go_into_a_network_of_the_same_shape_only():
    module = nn.Linear(3, 2)
    taken = weights_of(module)
    with torch.no_grad():
        module.weight.zero_()
    assert np.abs(taken["weight"]).max() > 0  # a copy
    assert torch.equal(load_weights(nn.Linear(3, 2), taken).weight, torch.tensor(taken["weight"]))
    for other in (nn.Linear(4, 2), nn.Linear(3, 2, bias=False), nn.Conv2d(3, 2, 1)):
        with pytest.raises(InputError, match="another network"):
            load_weights(other, taken)


def test_first_weights_depend_on_the_seed_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    with seeded(3):
        first = nn.Linear(2, 2).weight
    assert torch.equal(torch.rand(1), expected)
    with seeded(3):
        assert torch.equal(nn.Linear(2, 2).weight, first)
