"""FLAT against its table of divergences: vectors, gradient weights, conjugates; paper's form and release.

Vectors and weights are derived by hand from the four divergences of FLAT (arXiv 2410.11143), Table 2.
"""

import math

import numpy as np
import pytest
import torch

from unlearnkit import losses
from unlearnkit.losses.flat import DIVERGENCES

PAPER = {"tv": losses.flat_tv, "kl": losses.flat_kl, "js": losses.flat_js, "pearson": losses.flat_pearson}
RELEASE = {
    "tv": losses.flat_tv_release,
    "kl": losses.flat_kl_release,
    "js": losses.flat_js_release,
    "pearson": losses.flat_pearson_release,
}
NAMES = list(PAPER)


def vector(*values: float, grad: bool = False) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


def assert_close(actual: torch.Tensor, expected, tolerance: float = 1e-6) -> None:
    expected = torch.as_tensor(expected, dtype=actual.dtype)
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)


# --- flat, the paper's form ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "forget", "expected"),
    [
        (0.0, 0.0, {"tv": 0.0, "kl": 0.367879, "js": 0.0, "pearson": 0.0}),
        (0.3, 0.8, {"tv": 0.186362, "kl": 0.518731, "js": 0.339162, "pearson": 0.66}),
        (0.05, 0.99, {"tv": 0.353702, "kl": 0.940050, "js": 0.588126, "pearson": 1.185025}),
        (1.0, 0.0, {"tv": -0.380797, "kl": -0.632121, "js": -0.379885, "pearson": -1.0}),
    ],
)
def test_flat_vectors(template, forget, expected):
    for name, value in expected.items():
        assert_close(PAPER[name](vector(template), vector(forget)), [value])


def weights(name: str, a: float, b: float) -> tuple[float, float]:
    """Closed forms of w_e, w_f in dL = -w_e da + w_f db."""
    return {
        "tv": (1 / math.cosh(a) ** 2 / 2, 1 / math.cosh(b) ** 2 / 2),
        "kl": (1.0, math.exp(b - 1)),
        "js": (1 / (1 + math.exp(a)), 1 / (1 + math.exp(-b))),
        "pearson": (1.0, 1 + b / 2),
    }[name]


@pytest.mark.parametrize("name", NAMES)
def test_flat_gradient_weights(name):
    a, b = vector(0.0, 0.05, 0.3, 1.0, grad=True), vector(0.99, 0.8, 0.0, 1.0, grad=True)
    PAPER[name](a, b).sum().backward()
    expected = [weights(name, *pair) for pair in zip(a.tolist(), b.tolist(), strict=True)]
    assert_close(-a.grad, [w_e for w_e, _ in expected], 1e-12)
    assert_close(b.grad, [w_f for _, w_f in expected], 1e-12)


def test_flat_divergences_differ_on_memorised_answers():
    """At a = 0, b = 0.99 the paper's normalisation gives four different methods."""
    for name, ratio in {"tv": 0.43, "js": 1.46, "pearson": 1.50, "kl": 0.99}.items():
        a, b = vector(0.0, grad=True), vector(0.99, grad=True)
        PAPER[name](a, b).sum().backward()
        assert_close(-b.grad / a.grad, [ratio], 0.006)


@pytest.mark.parametrize("name", NAMES)
def test_flat_closed_form_equals_the_printed_composition(name):
    v = torch.linspace(0, 1, 101, dtype=torch.float64)
    divergence = DIVERGENCES[name]
    assert_close(divergence.f_star_of_g_star(v), divergence.f_star(divergence.g_star(v)), 1e-14)


def test_js_closed_form_survives_where_the_printed_composition_overflows():
    js, v = DIVERGENCES["js"], torch.tensor([40.0])  # g*(40) rounds to log 2, the edge of the domain of f*
    assert torch.isinf(js.f_star(js.g_star(v))) or torch.isnan(js.f_star(js.g_star(v)))
    assert_close(js.f_star_of_g_star(v), [40 - math.log(2)], 1e-5)


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("tv", lambda x: np.abs(x - 1) / 2),
        ("kl", lambda x: x * np.log(x)),
        ("js", lambda x: x * np.log(x) - (x + 1) * np.log((1 + x) / 2)),
        ("pearson", lambda x: (x - 1) ** 2),
    ],
)
def test_f_star_is_the_conjugate_of_f(name, f):
    """f*(u) = sup over x > 0 of u x - f(x), on the range that g* takes for probabilities."""
    x = np.linspace(1e-9, 10, 200_001)
    u = DIVERGENCES[name].g_star(torch.linspace(0, 1, 11, dtype=torch.float64))
    supremum = [(value * x - f(x)).max() for value in u.tolist()]
    assert_close(DIVERGENCES[name].f_star(u), supremum, 1e-8)


# --- flat, the released form --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tv", 0.209559),  # -tanh(0.25)/2 + tanh(0.8)/2
        ("kl", 0.568731),  # -0.25 + e^-0.2
        ("js", 0.360746),  # -(ln 2 - ln(1 + e^-0.25)) + ln(1 + e^0.8) - ln 2
        ("pearson", 0.71),  # -0.25 + 0.16 + 0.8
    ],
)
def test_flat_release_by_hand(name, expected):
    """Two sequences padded to 11, so 20 positions: v_e = 5/20, v_f = 16/20."""
    value = RELEASE[name](vector(2.0, 3.0), vector(6.0, 10.0), padded_length=11)
    assert_close(value, [expected, expected])


def test_flat_release_is_the_paper_form_on_one_unpadded_sequence():
    for name in NAMES:
        release = RELEASE[name](vector(1.2), vector(3.2), padded_length=5)
        assert_close(release, PAPER[name](vector(0.3), vector(0.8)), 1e-14)


def test_release_makes_three_divergences_one_method():
    """Near v = 0 the forget to template ratio of the weights is 1, for KL 1/e."""
    for name, ratio in {"tv": 1.0, "js": 1.0, "pearson": 1.0, "kl": math.exp(-1)}.items():
        template, forget = vector(0.3, 0.1, grad=True), vector(0.4, 0.2, grad=True)
        RELEASE[name](template, forget, padded_length=500).mean().backward()
        assert_close(-forget.grad / template.grad, [ratio, ratio], 1e-3)


def test_splitting_the_batch_changes_only_the_release():
    template_sum, forget_sum, tokens = vector(2.0, 3.0), vector(6.0, 10.0), vector(10.0, 10.0)
    halves = [slice(0, 1), slice(1, 2)]

    whole = losses.flat_kl(template_sum / tokens, forget_sum / tokens).sum() / 2
    split = sum(losses.flat_kl(template_sum[h] / tokens[h], forget_sum[h] / tokens[h]).sum() / 2 for h in halves)
    assert_close(whole, split, 1e-14)

    whole = losses.flat_kl_release(template_sum, forget_sum, 11).sum() / 2
    split = sum(losses.flat_kl_release(template_sum[h], forget_sum[h], 11).sum() / 2 for h in halves)
    assert_close(whole, 0.568731)
    assert_close(split, 0.585160)  # -0.25 + (e^-0.4 + 1) / 2
