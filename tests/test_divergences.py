"""The eight f-divergences: conjugates, domains, activations, the gap of the bound, what the release makes of them."""

import csv
import itertools
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from unlearnkit import divergences, losses
from unlearnkit.divergences import bound, checks, formulas
from unlearnkit.errors import KitError
from unlearnkit.losses.flat import DIVERGENCES as CODE

ROOT = Path(__file__).parents[1]
NAMES = ("tv", "js", "pearson", "kl", "reverse_kl", "jeffreys", "squared_hellinger", "neyman")
TABLE, FURTHER = NAMES[:4], NAMES[4:]
INF = math.inf


@pytest.fixture(scope="module")
def records() -> dict[str, dict]:
    return {one["divergence"]: one for one in divergences.records()}


def values(records: dict[str, dict], key: str) -> dict:
    return {name: one[key] for name, one in records.items()}


def patched(monkeypatch, name: str, **changed) -> None:
    """One formula of a divergence replaced by a wrong one."""
    wrong = formulas.Formulas(**(vars(formulas.DIVERGENCES[name]) | changed))
    monkeypatch.setitem(formulas.DIVERGENCES, name, wrong)


def test_domains_follow_from_f() -> None:
    """f'(oo), worked out by hand; at the top f* is finite for total variation (1/2) and Neyman (2) alone."""
    assert {name: divergences.derived(name).domain for name in NAMES} == {
        "tv": "u<=1/2",
        "js": "u<log 2",
        "pearson": "R",
        "kl": "R",
        "reverse_kl": "u<0",
        "jeffreys": "R",
        "squared_hellinger": "u<1",
        "neyman": "u<=1",
    }
    at_zero = {name: divergences.derived(name).at_zero for name in NAMES}
    assert at_zero == pytest.approx(
        dict(zip(NAMES, (0.5, math.log(2), 1, 0, INF, INF, 1, INF), strict=True)), abs=1e-15
    )
    bottom = {name: divergences.derived(name).bottom for name in NAMES}
    assert bottom == {name: {"tv": -0.5, "pearson": -2}.get(name, -INF) for name in NAMES}


def test_every_f_is_one_of_a_divergence() -> None:
    """f(1) = 0, and convex: the middle is not above the mean of the ends."""
    for name in NAMES:
        f = formulas.function(formulas.formulas(name).f, "x")
        x = np.linspace(0.01, 5, 200)
        assert f([1.0])[0] == pytest.approx(0, abs=1e-15)
        assert np.all(f((x[:-1] + x[1:]) / 2) <= (f(x[:-1]) + f(x[1:])) / 2 + 1e-12)


def test_all_checks_hold(records) -> None:
    assert list(records) == list(NAMES)
    for key in ("conjugate_on_grid", "g_star_in_domain", "g_star_rises", "loss_code", "optimal_is_exact"):
        assert values(records, key) == dict.fromkeys(NAMES, True), key
    calculus = values(records, "conjugate_by_calculus")
    assert calculus == dict.fromkeys(NAMES, True) | {"tv": None}
    assert "corner" in records["tv"]["conjugate_how"] and "W e^W" in records["jeffreys"]["conjugate_how"]
    above = values(records, "diverges_above_domain")
    assert above == {name: None if name in ("pearson", "kl", "jeffreys") else True for name in NAMES}
    assert max(values(records, "conjugate_max_difference").values()) < 1e-7


def test_what_the_print_has_and_where_it_departs(records) -> None:
    assert [name for name, one in records.items() if one["in_table"]] == list(TABLE)
    for key in ("g_star_agrees", "f_star_agrees"):
        assert values(records, key) == dict.fromkeys(TABLE, True) | dict.fromkeys(FURTHER), key
    agrees = values(records, "dom_f_star_agrees")
    assert agrees == dict.fromkeys(TABLE, True) | {"tv": False} | dict.fromkeys(FURTHER)
    # at u = -3/2 and -3 the supremum over x >= 0 is -f(0): -1/2 and -1; printed u and u^2/4 + u give -3/2 and -3/4
    below = values(records, "f_star_error_below")
    assert below.pop("tv") == pytest.approx(-1) and below.pop("pearson") == pytest.approx(0.25)
    assert set(below.values()) == {None}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("tv", "u/2"),
        ("js", "-log(3 - exp(u))"),
        ("pearson", "u**2/2 + u"),
        ("kl", "exp(u)"),
        ("reverse_kl", "-log(-u)"),
        ("jeffreys", "LambertW(exp(1 - u)) + 1/LambertW(exp(1 - u)) + u - 1"),
        ("jeffreys", "u + u**2/4 + u**3/16"),
        ("squared_hellinger", "u/(2 - u)"),
        ("neyman", "2 - sqrt(1 - u)"),
    ],
)
def test_a_wrong_conjugate_is_found_by_every_check(name, wrong, monkeypatch) -> None:
    patched(monkeypatch, name, f_star=wrong)
    assert not checks.conjugate_by_calculus(name)[0]
    assert checks.conjugate_on_grid(name) > 0.01
    assert checks.loss_code_difference(name) > 0.001
    assert not bound.optimal_difference(name) < 0.001


def test_a_wrong_activation_is_found(monkeypatch) -> None:
    patched(monkeypatch, "neyman", g_star="1 - exp(v)")
    assert checks.activation_ends("neyman") == (1, -INF, False)
    assert checks.loss_code_difference("neyman") > 1
    patched(monkeypatch, "tv", g_star="tanh(v)")
    assert checks.activation_ends("tv")[1] > divergences.derived("tv").top


def test_a_grid_does_not_take_a_point_outside_the_domain_for_one_inside(monkeypatch) -> None:
    assert checks.grid_supremum("neyman", [1.0])[0] == pytest.approx(2, abs=1e-3)
    assert checks.grid_supremum("js", [math.log(2)])[0] > 17  # grows like log x: 18.4 at 1e8
    monkeypatch.setattr(
        checks, "derived", lambda name: formulas.Derived(at_zero=0.5, bottom=-0.5, top=0.2, top_belongs=True, domain="")
    )
    assert checks.diverges_above("tv") is False  # 0.3 still lies in the domain


@pytest.mark.parametrize("name", NAMES)
def test_gradient_of_the_conjugate_is_the_maximiser(name) -> None:
    """f*'(u) = x with f'(x) = u: through the torch code, at three x; total variation has its corner at x = 1."""
    if name == "tv":
        u = torch.tensor([-0.2, 0.1, 0.4], dtype=torch.float64, requires_grad=True)
        x = np.ones(3)
    else:
        x = np.array([0.7, 1.0, 2.5])
        slope = formulas.function(formulas.formulas(name).f, "x", derivative=True)(x)
        u = torch.tensor(slope, requires_grad=True)
    CODE[name].f_star(u).sum().backward()
    assert u.grad.numpy() == pytest.approx(x, abs=1e-12)


def test_jeffreys_far_from_zero() -> None:
    """Newton's method for W far from its start: f*(f'(x)) = x f'(x) - f(x)."""
    x = torch.tensor([1e-3, 0.05, 1.0, 30.0, 1e4], dtype=torch.float64)
    u = torch.log(x) + 1 - 1 / x
    torch.testing.assert_close(CODE["jeffreys"].f_star(u), x * u - (x - 1) * torch.log(x), rtol=1e-12, atol=1e-9)


# --- the gap ------------------------------------------------------------------------------------------------


def test_divergences_by_hand() -> None:
    p, q = (0.5, 0.5), (0.25, 0.75)
    ln = math.log
    expected = {
        "tv": 0.25,
        "js": 0.5 * ln(0.5 / 0.375) + 0.5 * ln(0.5 / 0.625) + 0.25 * ln(0.25 / 0.375) + 0.75 * ln(0.75 / 0.625),
        "pearson": 0.25**2 / 0.25 + 0.25**2 / 0.75,
        "kl": 0.5 * ln(2) + 0.5 * ln(2 / 3),
        "reverse_kl": 0.25 * ln(0.5) + 0.75 * ln(1.5),
        "jeffreys": 0.25 * ln(2) - 0.25 * ln(2 / 3),
        "squared_hellinger": (math.sqrt(0.5) - 0.5) ** 2 + (math.sqrt(0.5) - math.sqrt(0.75)) ** 2,
        "neyman": 0.25**2 / 0.5 * 2,
    }
    assert {name: bound.divergence(name, p, q) for name in NAMES} == pytest.approx(expected, abs=1e-14)
    for name in NAMES:
        assert bound.divergence(name, p, p) == pytest.approx(0, abs=1e-15)


def test_with_nothing_in_common_the_reach_is_minus_the_best_loss() -> None:
    """Templates at a = 1 and forget responses at b = 0 is all that a probability can do; KL at b = 0 costs 1/e."""
    for name in NAMES:
        best = -getattr(losses, f"flat_{name}")(torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
        found = bound.gap(name, *bound.PAIRS["apart"])
        assert found["reach"] == pytest.approx(best.item(), abs=1e-14)
        assert found["gap"] > 0.6
    infinite = [name for name in NAMES if math.isinf(bound.gap(name, *bound.PAIRS["apart"])["divergence"])]
    assert infinite == ["pearson", "kl", "reverse_kl", "jeffreys", "neyman"]
    exact = {name: bound.divergence(name, *bound.PAIRS["apart"]) for name in ("tv", "js", "squared_hellinger")}
    assert exact == pytest.approx({"tv": 1, "js": 2 * math.log(2), "squared_hellinger": 2})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pair", ["near", "far"])
def test_no_choice_of_probabilities_beats_the_reach(name, pair) -> None:
    """By the loss code: all probabilities on a grid of [0, 1], one per outcome."""
    p, q = (torch.tensor(one, dtype=torch.float64) for one in bound.PAIRS[pair])
    v = torch.linspace(0, 1, 2001, dtype=torch.float64)
    objective = p[:, None] * CODE[name].g_star(v) - q[:, None] * CODE[name].f_star_of_g_star(v)
    found = bound.gap(name, p, q)
    assert found["reach"] == pytest.approx(float(objective.max(dim=1).values.sum()), abs=1e-6)
    assert 0 < found["reach"] < 0.65 * found["divergence"]
    assert found["optimal"] == pytest.approx(found["divergence"], rel=1e-12)
    assert found["gap"] == found["divergence"] - found["reach"]


def test_ratio_that_a_probability_would_claim(records) -> None:
    """f*'(g*(v)), by hand: 1 + v/2, e^(v-1), e^v, e^v, 1/W(e^(1-v)), e^2v, e^(v/2); total variation only ever 1."""
    ends = {name: (one["ratio_at_0"], one["ratio_at_1"]) for name, one in records.items()}
    e = math.e
    tops = {"tv": 1, "js": e, "pearson": 1.5, "kl": 1, "reverse_kl": e, "squared_hellinger": e**2, "neyman": e**0.5}
    assert {name: high for name, (_, high) in ends.items() if name != "jeffreys"} == pytest.approx(tops)
    assert ends["jeffreys"][1] == pytest.approx(1.763223, abs=1e-6)  # 1/W(1)
    assert {name: low for name, (low, _) in ends.items()} == pytest.approx(dict.fromkeys(NAMES, 1.0) | {"kl": 1 / e})


def test_seeded_pairs_are_distributions_and_the_same_twice() -> None:
    one, other = bound.drawn_pairs(), bound.drawn_pairs()
    assert len(one) == 200
    for (p, q), (again, _) in itertools.islice(zip(one, other, strict=True), 20):
        assert p.sum() == pytest.approx(1) and q.sum() == pytest.approx(1) and np.array_equal(p, again)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: divergences.gap("kl", (0.5, 0.5), (1.0,)), "got shapes (2,) and (1,)"),
        (lambda: divergences.gap("kl", (0.5, 0.6), (0.5, 0.5)), "p is no distribution"),
        (lambda: divergences.gap("kl", (0.5, 0.5), (1.5, -0.5)), "q is no distribution"),
        (lambda: divergences.record("helinger"), "no divergence 'helinger'; did you mean 'squared_hellinger'?"),
    ],
)
def test_mistakes_are_answered_in_one_line(call, message) -> None:
    with pytest.raises(KitError) as raised:
        call()
    assert message in str(raised.value) and "\n" not in str(raised.value)


# --- the loss code: the further divergences -----------------------------------------------------------------


def pair(a: float, b: float) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.tensor([value], dtype=torch.float64, requires_grad=True) for value in (a, b))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (0.0, 0.0, (0.0, 0.0, 0.0, 0.0)),
        (0.3, 0.8, (0.540818, 0.698982, 0.966359, 0.400178)),
        (0.05, 0.99, (0.941229, 1.262790, 1.642464, 0.732088)),
        (1.0, 0.0, (-0.632121, -1.0, -0.632121, -0.632121)),
    ],
)
def test_vectors_of_the_further_four(a, b, expected) -> None:
    """e^-a + b - 1; -a + W + 1/W + b - 2, W by scipy's lambertw; e^-a + e^b - 2; e^-a + 1 - 2 e^(-b/2)."""
    for name, value in zip(FURTHER, expected, strict=True):
        assert getattr(losses, f"flat_{name}")(*pair(a, b)).item() == pytest.approx(value, abs=1e-6), name


def gradient(loss, a: float, b: float, *more) -> tuple[float, float]:
    template, forget = pair(a, b)
    loss(template, forget, *more).sum().backward()
    return -template.grad.item(), forget.grad.item()


def test_gradient_weights_of_the_further_four() -> None:
    for a, b in ((0.0, 0.99), (0.3, 0.5), (1.0, 0.0)):
        e = math.exp
        expected = {"reverse_kl": (e(-a), 1), "squared_hellinger": (e(-a), e(b)), "neyman": (e(-a), e(-b / 2))}
        for name, weights in expected.items():
            assert gradient(getattr(losses, f"flat_{name}"), a, b) == pytest.approx(weights, abs=1e-12)
    template, forget = gradient(losses.flat_jeffreys, 0.3, 0.5)
    assert template == pytest.approx(1)
    assert math.log(forget) + 1 - 1 / forget == pytest.approx(0.5, abs=1e-12)  # f'(x) = b


def test_released_losses_of_the_further_four_by_hand() -> None:
    """v_e = 5/20, v_f = 16/20: two sequences padded to 11."""
    sums = torch.tensor([2.0, 3.0], dtype=torch.float64), torch.tensor([6.0, 10.0], dtype=torch.float64)
    expected = {
        "reverse_kl": math.exp(0.25) - 1.8,
        "jeffreys": -0.25 + 0.8 + 0.16 + 0.032,
        "squared_hellinger": math.exp(0.25) + math.exp(-0.8) - 2,
        "neyman": math.exp(0.25) + 1 - 2 * math.sqrt(0.2),
    }
    for name, value in expected.items():
        found = getattr(losses, f"flat_{name}_release")(*sums, padded_length=11)
        assert found.tolist() == pytest.approx([value, value], abs=1e-12), name


def test_three_released_divergences_do_not_unlearn(records) -> None:
    assert values(records, "released_unlearns") == {
        name: name not in ("reverse_kl", "squared_hellinger", "neyman") for name in NAMES
    }
    signs = {}
    for name in FURTHER:
        loss = getattr(losses, f"flat_{name}_release")
        signs[name] = tuple(math.copysign(1, weight) for weight in gradient(loss, 0.5, 0.9, 2))
    assert signs == {"reverse_kl": (-1, -1), "jeffreys": (1, 1), "squared_hellinger": (-1, -1), "neyman": (-1, 1)}


def test_released_jeffreys_is_close_to_the_conjugate_near_zero_only() -> None:
    v = torch.tensor([0.05, 1.0], dtype=torch.float64)
    from unlearnkit.losses.flat_release import RELEASED

    error = RELEASED["jeffreys"].f_star(v) - CODE["jeffreys"].f_star(v)
    assert abs(error[0]) < 1e-6 < 1e-3 < abs(error[1])


# --- rows of figures and table ------------------------------------------------------------------------------


def test_surfaces_are_the_loss() -> None:
    one = divergences.surface("js", steps=5)
    assert one["loss"][1][3] == pytest.approx(losses.flat_js(*pair(0.25, 0.75)).item())
    one = divergences.surface("neyman", "release", steps=5, answer_tokens=10, padded_length=21)
    sums = torch.tensor([2.5]), torch.tensor([7.5])
    assert one["loss"][1][3] == pytest.approx(losses.flat_neyman_release(*sums, 21).item(), rel=1e-6)


def test_release_makes_three_surfaces_nearly_one() -> None:
    def alike(names, variant, **more):
        return divergences.alike([divergences.surface(name, variant, **more) for name in names])

    three, four = TABLE[:3], TABLE
    assert alike(three, "release") < 0.02 < 0.1 < alike(three, "paper")
    assert alike(four, "release") > 0.2
    assert alike(three, "release", answer_tokens=49, padded_length=50) == pytest.approx(alike(three, "paper"))


def test_weights_are_the_gradient() -> None:
    row = divergences.weights("kl", steps=3)
    assert row["template"] == [1, 1, 1]
    assert row["forget"] == pytest.approx([math.exp(-1), math.exp(-0.5), 1])


def test_dpo_has_one_weight_and_flat_vanishes_with_the_token() -> None:
    data = divergences.beside_dpo()
    assert data["dpo_template"] == pytest.approx(data["dpo_forget"])
    assert data["dpo_forget"][data["margin"].index(0)] == pytest.approx(1)
    p, kl = data["probability"], data["flat"][3]
    assert kl["pull"][9] == pytest.approx(math.exp(p[9] - 1) * p[9] * (1 - p[9]))
    assert data["dpo_pull"][0] > 0.98 and kl["pull"][0] < 0.01


def test_published_table_has_a_source_and_reads_as_printed() -> None:
    with (ROOT / "results/published/flat_table2.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["divergence"] for row in rows] == list(TABLE)
    assert all("Table 2" in row["source"] for row in rows)
    assert checks.same_formula("u^2/4+u", "u*(u + 4)/4") and not checks.same_formula("u^2/4+u", "u^2/4")


def test_records_are_plain(records) -> None:
    assert {type(value) for one in records.values() for value in one.values()} <= {str, bool, int, float, type(None)}
    assert len({tuple(one) for one in records.values()}) == 1
    json.dumps(list(records.values()))


def test_import_takes_neither_torch_nor_sympy() -> None:
    code = "import sys, unlearnkit.divergences; print(*{'torch', 'sympy', 'scipy', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
