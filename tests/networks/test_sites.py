"""Sites in networks: lens laws, names, errors; runs equal those of plain hooks."""

import numpy as np
import pytest
import torch
from torch import nn

import rung
from rung.core.errors import InputError, NotSupported, UnknownName
from rung.networks import Activation, Network, network

from .tiny import gpt2, llama, tokens

BASIS = np.linalg.qr(np.random.default_rng(0).normal(size=(24, 24)))[0]
SKEW = np.random.default_rng(1).normal(size=(3, 24))
KINDS = [
    {}, {"token": 2}, {"token": -1}, {"token": "last"}, {"token": slice(1, 4)}, {"token": (0, 3)},
    {"unit": 5}, {"unit": -1}, {"unit": slice(3, 9)}, {"unit": (7, 2), "token": 1},
    {"basis": BASIS}, {"basis": SKEW, "token": (1, 2)}, {"basis": BASIS, "unit": (0, 4)},
    {"basis": SKEW, "unit": 1},
]  # fmt: skip


@pytest.mark.parametrize(
    "kind", KINDS, ids=lambda k: " ".join(f"{n}={np.shape(v) or v}" for n, v in k.items())
)
def test_lens_laws(kind):
    site = Activation("x", **kind)
    chance = torch.Generator().manual_seed(0)
    values = torch.randn(3, 6, 24, dtype=torch.float64, generator=chance)
    part = site.read(values)
    v, w = (torch.randn(part.shape, dtype=torch.float64, generator=chance) for _ in range(2))
    near = {"rtol": 0, "atol": 1e-12} if "basis" in kind else {"rtol": 0, "atol": 0}
    torch.testing.assert_close(site.read(site.write(values, v)), v, **near)
    torch.testing.assert_close(site.write(values, part), values, **near)
    torch.testing.assert_close(site.write(site.write(values, v), w), site.write(values, w), **near)
    assert not torch.equal(site.write(values, v), values)


def test_channels_of_pictures():
    values = torch.randn(2, 5, 4, 4)
    site = Activation("x", unit=(1, 3))
    assert torch.equal(site.read(values), values[:, [1, 3]])
    assert torch.equal(Activation("x", unit=2).read(values), values[:, 2])
    written = site.write(values, 0.0)
    assert not written[:, [1, 3]].any()
    assert torch.equal(written[:, [0, 2, 4]], values[:, [0, 2, 4]])


@pytest.mark.parametrize("make", [llama, gpt2])
@pytest.mark.parametrize("padded", ["", "left", "right"])
def test_nothing_set_changes_no_bit(make, padded):
    model, inputs = make(), tokens(padded=padded)
    net = network(model, sites={"r": "layers.1", "h": "layers.0.attention.head.1"})
    with torch.no_grad():
        plain = model(**inputs).logits
        assert torch.equal(net.run(inputs).logits, plain)
    seen = net.values(inputs)
    assert seen["r"].shape == (4, 7, 24)
    assert seen["h"].shape == (4, 7, 6)


def test_stable_names_are_the_modules_they_say():
    model, inputs = llama(), tokens()
    names = {
        "layers.1": "model.layers.1", "layers.1.mlp": "model.layers.1.mlp",
        "layers.1.attention": "model.layers.1.self_attn", "embed": "model.embed_tokens",
        "blocks.1.hook_resid_post": "model.layers.1", "blocks.1.hook_mlp_out": "model.layers.1.mlp",
        "blocks.1.hook_attn_out": "model.layers.1.self_attn", "hook_embed": "model.embed_tokens",
    }  # fmt: skip
    for stable, path in names.items():
        net = network(model, sites={"a": stable, "b": path})
        seen = net.values(inputs)
        assert np.array_equal(seen["a"], seen["b"]), stable
    heads = network(model, sites={f"h{i}": f"layers.1.attention.head.{i}" for i in range(4)}
                    | {"all": "blocks.1.attn.hook_z"})  # fmt: skip
    seen = heads.values(inputs)
    joined = np.concatenate([seen[f"h{i}"] for i in range(4)], axis=-1)
    assert np.array_equal(joined, seen["all"])
    pre = network(model, sites={"a": "blocks.2.hook_resid_pre", "b": "layers.1"}).values(inputs)
    assert np.array_equal(pre["a"], pre["b"])


def test_swap_equals_a_hand_made_hook():
    model, clean, corrupt = llama(), tokens(seed=1), tokens(seed=2)
    net = network(model, sites={"r": Activation("layers.1", token=3)})
    with torch.no_grad():
        kept = {}
        handle = model.model.layers[1].register_forward_hook(
            lambda m, a, out: kept.update(v=out[:, 3].clone())
        )
        model(**clean)
        handle.remove()

        def patch(m, a, out):
            out = out.clone()
            out[:, 3] = kept["v"]
            return out

        handle = model.model.layers[1].register_forward_hook(patch)
        expected = model(**corrupt).logits
        handle.remove()
        found = rung.do(net, r=rung.Swap(clean)).run(corrupt).logits
        assert torch.equal(found, expected)
        assert not torch.equal(found, model(**corrupt).logits)


def test_interventions_compose_from_left_to_right():
    model = nn.Sequential(nn.Linear(2, 3), nn.Identity())
    net = network(model, sites={"h": "0", "u": Activation("0", unit=1)})
    x = torch.randn(4, 2)
    with torch.no_grad():
        out = rung.do(net, rung.Do("h", 1.0), rung.Shift("u", 2.0), rung.Scale("h", 2.0)).run(x)
        assert torch.equal(out, torch.tensor([[2.0, 6.0, 2.0]] * 4))
        under = rung.do(net, rung.Swap("u", x, under=rung.Do("h", 5.0))).run(x)
        plain = model(x)
    assert torch.equal(under[:, 1], torch.full((4,), 5.0))
    assert torch.equal(under[:, [0, 2]], plain[:, [0, 2]])


def test_counterfactuals_are_runs_of_the_same_inputs():
    model, inputs = llama(), tokens()
    net = network(model, sites={"a": Activation("layers.0", token=2), "b": "layers.2"},
                  outcome=lambda out: out.logits[:, -1, 3])  # fmt: skip
    found = rung.counterfactual(net, inputs, a=0.0)
    assert found.names == ("a", "b", "outcome")
    assert not found.point.column("a").any()
    with torch.no_grad():
        direct = rung.do(net, a=0.0).run(inputs).logits[:, -1, 3]
    np.testing.assert_array_equal(found.point["outcome"], direct.double().numpy())
    now = net.values(inputs)
    assert not np.array_equal(found.point.column("b"), now["b"])


def test_spread_of_padding_is_counted():
    model = llama()
    for padded, row, last in (("left", 1, 6), ("right", 1, 4), ("right", 0, 6)):
        inputs = tokens(padded=padded)
        seen = network(
            model, sites={"all": "layers.0", "last": Activation("layers.0", token="last"),
                          "first": Activation("layers.0", token=0)},
        ).values(inputs)  # fmt: skip
        assert np.array_equal(seen["last"][row], seen["all"][row, last])
        first = 2 if padded == "left" else 0
        assert np.array_equal(seen["first"][row], seen["all"][row, first])


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 3)
        self.spare = nn.Linear(3, 3)

    def forward(self, x):
        return self.inner(self.inner(x))


def test_nothing_is_silently_left_undone():
    x = torch.randn(2, 3)
    with pytest.raises(NotSupported, match=r"called more than once"):
        rung.do(network(Twice(), sites={"h": "inner"}), h=0.0).run(x)
    with pytest.raises(InputError, match=r"never reached"):
        rung.do(network(Twice(), sites={"h": "spare"}), h=0.0).run(x)
    model = llama()
    with pytest.raises(UnknownName, match=r"layers\.1\.mlp"):
        network(model, sites={"h": "layers.1.mpl"})
    with pytest.raises(UnknownName, match="site"):
        rung.do(network(model, sites={"hidden": "layers.1"}), hiden=0.0)
    net = network(model, sites={"t": Activation("layers.1", token=9),
                                "u": Activation("layers.1", unit=24),
                                "b": Activation("layers.1", basis=np.eye(5)),
                                "s": Activation("layers.1", token="subject"),
                                "r": Activation("layers.1", token=1)})  # fmt: skip
    for name, said in (("t", "out of range"), ("u", "out of range"), ("b", "columns"),
                       ("s", "spans")):  # fmt: skip
        with pytest.raises(InputError, match=said):
            rung.do(net, {name: 0.0}).run(tokens())
    with pytest.raises(InputError, match="shape"):
        rung.do(net, r=np.zeros(7)).run(tokens())
    with pytest.raises(InputError, match="rows"):
        rung.do(net, r=rung.Swap(tokens(n=3))).run(tokens())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    with pytest.raises(InputError, match="'outcome'"):
        network(model, sites={"outcome": "layers.1"})
    with pytest.raises(InputError, match="Module"):
        network("model")
    with pytest.raises(InputError, match="independent"):
        Activation("x", basis=[[1.0, 0.0], [2.0, 0.0]])
    with pytest.raises(InputError, match="side"):
        Activation("x", side="middle")


def test_modules_that_draw_are_refused():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.1))
    net = network(model, sites={"h": "0"})
    with pytest.raises(NotSupported, match=r"'1' is in training mode"):
        net.run(torch.randn(2, 3))
    model.eval()
    assert isinstance(net, Network)
    net.run(torch.randn(2, 3))
    with pytest.raises(NotSupported, match="training mode"):
        network(llama().train(), sites={}).run(tokens())


def test_half_precision_and_integers_are_kept():
    model = llama().to(torch.bfloat16)
    net = network(model, sites={"r": Activation("layers.1", token=2)})
    with torch.no_grad():
        out = rung.do(net, r=rung.Swap(tokens(seed=5))).run(tokens()).logits
    assert out.dtype == torch.bfloat16
    assert net.values(tokens())["r"].dtype == np.float32
