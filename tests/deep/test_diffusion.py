"""Diffusion against flows that are known in closed form: points and Gaussian data."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rung.deep.diffusion import FIRST, denoised, invert, noisy

TIMES = st.floats(0.0, 1.0)


def pictures(n: int = 6, seed: int = 0) -> Tensor:
    return torch.rand((n, 2, 5, 4), generator=torch.Generator().manual_seed(seed)).double() * 2 - 1


def angle(time: Tensor | float) -> Tensor:
    return torch.as_tensor(time, dtype=torch.float64) * (math.pi / 2)


class Gaussian:
    """The velocity of pixels that are independent N(m, s^2): E[cos e - sin x_0 | x_t].

    With V = cos^2 s^2 + sin^2, E[x_0 | x] = m + cos s^2 (x - cos m) / V and
    E[e | x] = sin (x - cos m) / V, from the joint normal of (x_0, e, x_t).
    """

    def __init__(self, m: float, s: float) -> None:
        self.m, self.s, self.calls = m, s, 0

    def clean(self, x: Tensor, time: float) -> Tensor:
        c, d = angle(time).cos(), angle(time).sin()
        return self.m + c * self.s**2 * (x - c * self.m) / (c**2 * self.s**2 + d**2)

    def scale(self, time: float) -> float:
        """Standard deviation of x_t."""
        c, d = angle(time).cos(), angle(time).sin()
        return float((c**2 * self.s**2 + d**2).sqrt())

    def __call__(self, x: Tensor, time: Tensor) -> Tensor:
        self.calls += 1
        t = float(time[0])
        c, d = angle(t).cos(), angle(t).sin()
        e = d * (x - c * self.m) / (c**2 * self.s**2 + d**2)
        return c * e - d * self.clean(x, t)


@given(st.lists(TIMES, min_size=1, max_size=6), st.integers(0, 1000))
def test_noising_is_a_turn(times, seed):
    """x = cos x_0 + sin e and v = cos e - sin x_0: both come back, and no length is lost."""
    clean, time = pictures(len(times)), torch.tensor(times, dtype=torch.float64)
    x, v = noisy(clean, time, torch.Generator().manual_seed(seed))
    c, d = angle(time).cos().view(-1, 1, 1, 1), angle(time).sin().view(-1, 1, 1, 1)
    torch.testing.assert_close(c * x - d * v, clean)
    noise = d * x + c * v
    torch.testing.assert_close(x**2 + v**2, clean**2 + noise**2)
    again = noisy(clean, torch.ones(len(times)), torch.Generator().manual_seed(seed))[0]
    torch.testing.assert_close(
        noise, again.to(noise), atol=1e-6, rtol=1e-6
    )  # at t = 1 all is noise


def test_a_clean_picture_has_no_noise_at_the_start_and_is_gone_at_the_end():
    clean = pictures()
    start, velocity = noisy(clean, torch.zeros(6), torch.Generator().manual_seed(0))
    torch.testing.assert_close(start, clean)
    end, last = noisy(clean, torch.ones(6), torch.Generator().manual_seed(0))
    torch.testing.assert_close(last, -clean, atol=1e-6, rtol=0)
    torch.testing.assert_close(end, velocity.to(end), atol=1e-6, rtol=0)


def test_the_noise_is_standard_normal_and_of_the_generator_alone():
    clean, time = torch.zeros((200, 1, 10, 10)), torch.ones(200)
    x, _ = noisy(clean, time, torch.Generator().manual_seed(1))
    again, _ = noisy(clean, time, torch.Generator().manual_seed(1))
    assert torch.equal(x, again)
    assert abs(float(x.mean())) < 4 / math.sqrt(x.numel())
    assert abs(float(x.var()) - 1) < 4 * math.sqrt(2 / x.numel())


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_one_picture_is_found_in_one_step(steps):
    """All data one picture: the flow is straight in the plane of x_0 and e, so steps are exact."""
    picture = pictures(1)

    def flow(x: Tensor, time: Tensor) -> Tensor:
        a = angle(time).view(-1, 1, 1, 1)
        return a.cos() * (x - a.cos() * picture) / a.sin() - a.sin() * picture

    noise = torch.randn((3, 2, 5, 4), generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(denoised(flow, noise, steps), picture.expand(3, -1, -1, -1))
    a = angle(FIRST)
    start = a.cos() * picture + a.sin() * noise
    torch.testing.assert_close(invert(flow, start, steps), noise)


@pytest.mark.parametrize(("m", "s"), [(0.0, 1.0), (-0.3, 0.4), (0.5, 0.2)])
def test_inversion_follows_the_exact_flow(m, s):
    """The flow of a normal carries quantiles: (x - cos m) / sd is the same at all times."""
    flow, clean = Gaussian(m, s), pictures()
    expected = (clean - math.cos(FIRST * math.pi / 2) * m) / flow.scale(FIRST)
    errors = [float((invert(flow, clean, n) - expected).abs().max()) for n in (20, 40, 80, 640)]
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[1] / errors[3] > 8  # of first order: 16 times as many steps
    assert errors[3] < 0.02 * float(expected.abs().max())


@pytest.mark.parametrize(("m", "s"), [(0.0, 1.0), (-0.3, 0.4), (0.5, 0.2)])
def test_inverted_and_denoised_gives_the_picture(m, s):
    """Up to the last step, which takes E[x_0 | x] at the time that a picture is taken to be at."""
    flow, clean = Gaussian(m, s), pictures()
    wanted = flow.clean(clean, FIRST)
    errors = [
        float((denoised(flow, invert(flow, clean, n), n) - wanted).abs().max()) for n in (20, 160)
    ]
    assert errors[1] < errors[0] / 3
    assert errors[1] < 0.06
    # c^2 s^2 / (c^2 s^2 + d^2) of what is unusual stays, and the mean is hit but for 1 - cos
    d = math.sin(FIRST * math.pi / 2)
    taken = (d / flow.scale(FIRST)) ** 2 * (clean - m).abs() + d**2
    assert bool(((wanted - clean).abs() <= taken).all())


def test_denoised_noise_has_the_law_of_the_data():
    flow = Gaussian(0.2, 0.3)
    noise = torch.randn((500, 1, 8, 8), generator=torch.Generator().manual_seed(2)).double()
    out = denoised(flow, noise, 400).numpy()
    assert abs(out.mean() - 0.2) < 0.01
    # the last step gives E[x_0 | x_t], whose sd is smaller than that of the data by c s / sd(t)
    c = math.cos(FIRST * math.pi / 2)
    assert out.std() == pytest.approx(0.3 * c * 0.3 / flow.scale(FIRST), rel=0.02)
    assert np.isfinite(out).all()


def test_the_sampler_asks_the_network_as_often_as_it_says():
    flow = Gaussian(0.0, 1.0)
    invert(flow, pictures(), 10)
    assert flow.calls == 10
    denoised(flow, pictures(), 10)
    assert flow.calls == 21  # and the last step
