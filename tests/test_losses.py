"""Losses against hand-computed values and an independent numpy implementation; token statistics.

What is particular to FLAT is in test_losses_flat.py.
"""

import inspect
import math

import numpy as np
import pytest
import torch
from scipy.special import lambertw
from torch.nn.functional import cross_entropy, log_softmax

from unlearnkit import losses
from unlearnkit.errors import KitError
from unlearnkit.losses import (
    ap,
    dpo,
    dpo_release,
    ga,
    kl_release_muse,
    npo,
    npo_release,
    retain_cross_entropy,
    sequence_quantities,
)
from unlearnkit.terms import PART_OF, UNIFORM


def vector(*values: float, grad: bool = False) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


def assert_close(actual: torch.Tensor, expected, tolerance: float = 1e-6) -> None:
    expected = torch.as_tensor(expected, dtype=actual.dtype)
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)


# --- the convention -----------------------------------------------------------------------------------------


def test_argument_names_declare_needs():
    for name in set(losses.__all__) - {"sequence_quantities"}:
        for argument in inspect.signature(getattr(losses, name)).parameters.values():
            assert argument.name in PART_OF.keys() | {"beta", "padded_length", "steering"}, name
            assert argument.default is inspect.Parameter.empty, name


def test_the_head_of_the_package_names_every_quantity():
    for name in PART_OF:
        part = PART_OF[name]
        quantity = name.removeprefix(f"{part}_")
        assert f" {part} " in losses.__doc__ and f" {quantity} " in losses.__doc__


# --- ga, cross-entropy --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("loss_function", "sign"), [(ga, -1), (retain_cross_entropy, 1)])
def test_over_answer_tokens_they_are_the_token_mean_cross_entropy(loss_function, sign):
    torch.manual_seed(0)
    logits = torch.randn(3, 5, 7, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 7, (3, 5))
    mask = torch.tensor([[0, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]], dtype=torch.bool)
    token_logp = log_softmax(logits, dim=-1).gather(-1, labels[..., None]).squeeze(-1)
    quantities = sequence_quantities(token_logp, mask)

    loss = loss_function(quantities["logp"]).sum() / quantities["tokens"].sum()
    usual = cross_entropy(logits.flatten(0, 1), labels.masked_fill(~mask, -100).flatten())

    assert_close(loss, sign * usual, 1e-12)
    (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
    (usual_gradient,) = torch.autograd.grad(usual, logits)
    assert_close(gradient, sign * usual_gradient, 1e-12)


def test_ga_gradient_is_one():
    logp = vector(-300.0, -1.0, 0.0, grad=True)
    ga(logp).sum().backward()
    assert_close(logp.grad, [1.0, 1.0, 1.0], 0)


# --- npo ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logp", "reference", "beta", "expected"),
    [
        (-20.0, -10.0, 0.1, 6.265234),  # 20 ln(1 + e^-1)
        (-10.0, -20.0, 0.1, 26.265234),  # 20 ln(1 + e^1)
        (-3.0, -5.0, 0.5, 5.253047),  # 4 ln(1 + e^1)
        (-5.0, -3.0, 1.0, 0.253856),  # 2 ln(1 + e^-2)
    ],
)
def test_npo_by_hand(logp, reference, beta, expected):
    assert_close(npo(vector(logp), vector(reference), beta), [expected])


@pytest.mark.parametrize("beta", [0.01, 0.1, 1.0, 4.5])
def test_npo_at_the_reference(beta):
    logp = vector(-40.0, -2.0, grad=True)
    value = npo(logp, logp.detach().clone(), beta)
    assert_close(value, [2 / beta * math.log(2)] * 2, 1e-10)
    value.sum().backward()
    assert_close(logp.grad, [1.0, 1.0], 1e-12)


def test_npo_gradient_tends_to_that_of_ga_as_beta_goes_to_zero():
    reference = vector(-10.0, -50.0, -30.0)
    distances = []
    for beta in (1e-1, 1e-2, 1e-3, 1e-4):
        logp = vector(-30.0, -20.0, -29.0, grad=True)
        npo(logp, reference, beta).sum().backward()
        distances.append((logp.grad - 1.0).abs())  # GA's gradient is 1, so this is |ratio - 1|
    for nearer, farther in zip(distances[1:], distances[:-1], strict=True):
        assert (nearer < farther / 5).all()  # 2 sigma(beta r) - 1 = beta r / 2 + O(beta^3): a tenth each time
    assert (distances[-1] < 2e-3).all()


def test_npo_stops_pushing_on_a_forgotten_answer():
    logp = vector(-1e4, 0.0, grad=True)
    npo(logp, vector(-10.0, -1e4), 0.1).sum().backward()
    assert_close(logp.grad, [0.0, 2.0], 1e-12)


# --- dpo ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "forget", "references", "beta", "expected"),
    [
        (-30.0, -20.0, (-40.0, -20.0), 0.1, 6.265234),  # margin 10: 20 ln(1 + e^-1)
        (-40.0, -20.0, (-30.0, -20.0), 0.1, 26.265234),  # margin -10: 20 ln(1 + e^1)
        (-5.0, -3.0, (-5.0, -1.0), 1.0, 0.253856),  # margin 2: 2 ln(1 + e^-2)
    ],
)
def test_dpo_by_hand(template, forget, references, beta, expected):
    assert_close(dpo(vector(template), vector(forget), *(vector(one) for one in references), beta), [expected])


def test_dpo_gradient_weighs_both_sides_alike():
    """At the reference 1; where the preference is reversed up to 2; where it is learnt 0."""
    template, forget = vector(-40.0, -1e4, 0.0, grad=True), vector(-7.0, 0.0, -1e4, grad=True)
    references = vector(-40.0, -10.0, -10.0), vector(-7.0, -10.0, -10.0)
    value = dpo(template, forget, *references, 0.1)
    value.sum().backward()
    assert_close(value[:1], [2 / 0.1 * math.log(2)], 1e-12)
    assert_close(value[2:], [0.0], 1e-12)
    assert_close(template.grad, [-1.0, -2.0, 0.0], 1e-12)
    assert_close(forget.grad, [1.0, 2.0, 0.0], 1e-12)


def test_dpo_with_a_forget_side_alone_is_npo():
    logp, reference, still = vector(-30.0, -3.0), vector(-20.0, -9.0), vector(-5.0, -50.0)
    assert_close(dpo(still, logp, still, reference, 0.1), npo(logp, reference, 0.1), 1e-12)


def test_released_dpo_is_dpo_with_a_reference_that_prefers_nothing():
    template, forget, same = vector(-30.0, -3.0), vector(-20.0, -9.0), vector(-17.0, -1.0)
    assert_close(dpo_release(template, forget, 0.1), dpo(template, forget, same, same, 0.1), 1e-12)


# --- ap -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.01, 0.1, 1.0])
def test_ap_gradient_is_the_papers_weight(beta):
    """W (grad log p_idk - grad log p), W = 1 / (1 + (p / p_idk)^beta)."""
    retain, template = vector(-3.0, -20.0, -5.0, grad=True), vector(-9.0, -2.0, -5.0, grad=True)
    ap(retain, template, beta).sum().backward()
    weight = 1 / (1 + (retain.detach().exp() / template.detach().exp()) ** beta)
    assert_close(template.grad, weight)
    assert_close(retain.grad, -weight)
    assert weight[0] < 0.5 < weight[1] and weight[2] == 0.5


def test_ap_as_beta_goes_to_zero():
    """The weight tends to 1/2 whatever the probabilities; the value to ln 2 / beta less half the log-ratio."""
    retain, template = vector(-3.0, -20.0, grad=True), vector(-9.0, -2.0, grad=True)
    value = ap(retain, template, 1e-7)
    value.sum().backward()
    assert_close(template.grad, [0.5, 0.5])
    assert_close(retain.grad, [-0.5, -0.5])
    assert_close(value - math.log(2) / 1e-7, [-3.0, 9.0], 1e-5)


def test_ap_leaves_an_answer_alone_that_is_far_more_likely():
    retain = vector(-1.0, grad=True)
    value = ap(retain, vector(-2000.0), 0.1)
    value.backward()
    assert 0 <= value.item() < 1e-80 and abs(retain.grad.item()) < 1e-80


# --- on raw logits, as MUSE released them ---------------------------------------------------------------------


def asked(rows: list, references: list):
    """The quantity `logits` of rows of (positions, vocabulary)."""
    return lambda function: [function(*pair) for pair in zip(rows, references, strict=True)]


def test_released_npo_is_a_mean_over_positions_and_vocabulary():
    """Two sequences of one and of two positions, a vocabulary of two; beta (z_ref - z) of 0 or ln 3."""
    rows = [torch.zeros(1, 2, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64)]
    step = math.log(3) / 0.1
    references = [vector(0, step)[None], torch.stack([vector(0, 0), vector(step, step)])]
    half, three_quarters = 20 * math.log(2), 20 * math.log(4 / 3)
    expected = [(half + three_quarters) / 2, (2 * half + 2 * three_quarters) / 4]
    assert_close(npo_release(asked(rows, references), beta=0.1), expected, 1e-12)


def test_released_npo_pushes_all_logits_alike_at_the_reference():
    logits = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    value = npo_release(asked([logits], [logits.detach()]), beta=0.1)
    value.sum().backward()
    assert_close(value, [2 / 0.1 * math.log(2)], 1e-12)
    assert_close(logits.grad, [[1 / 12] * 4] * 3, 1e-12)


def test_released_kl_of_muse_is_a_sum_without_a_minimum():
    """exp(z_ref) (z_ref - z) over two positions and a vocabulary of two; the gradient never looks at z."""
    references = [torch.stack([vector(0, math.log(2)), vector(math.log(3), 0)])]
    for shift in (0.0, 5.0):
        logits = (references[0] + shift).requires_grad_()
        value = kl_release_muse(asked([logits], references))
        value.sum().backward()
        assert_close(value, [-shift * (1 + 2 + 3 + 1)], 1e-12)
        assert_close(logits.grad, [[-1, -2], [-3, -1]], 1e-12)


# --- sequence_quantities ------------------------------------------------------------------------------------


def test_sequence_quantities_by_hand():
    token_logp = torch.log(torch.tensor([[0.9, 0.5, 0.25], [0.125, 0.9, 1.0]], dtype=torch.float64))
    mask = torch.tensor([[False, True, True], [True, False, True]])
    quantities = sequence_quantities(token_logp, mask)
    assert_close(quantities["logp"], [-3 * math.log(2)] * 2, 1e-12)
    assert_close(quantities["mean_logp"], [-1.5 * math.log(2)] * 2, 1e-12)
    assert_close(quantities["prob_sum"], [0.75, 1.125], 1e-12)
    assert_close(quantities["mean_prob"], [0.375, 0.5625], 1e-12)
    assert quantities["tokens"].tolist() == [2, 2]
    assert {tuple(value.shape) for value in quantities.values()} == {(2,)}


@pytest.mark.parametrize("filler", [0.0, -7.5, 1e30, -math.inf, math.nan])
@pytest.mark.parametrize("left", [0, 3])
def test_padding_and_prompt_influence_nothing(filler, left):
    answer = torch.tensor([[-0.1, -2.0, -0.7], [-3.0, -0.2, -5.0]], dtype=torch.float64)
    alone = answer.clone().requires_grad_()
    padded = torch.full((2, 8), filler, dtype=torch.float64)
    padded[:, left : left + 3] = answer
    padded.requires_grad_()
    mask = torch.zeros(2, 8, dtype=torch.bool)
    mask[:, left : left + 3] = True

    expected = sequence_quantities(alone, torch.ones(2, 3, dtype=torch.bool))
    actual = sequence_quantities(padded, mask)
    for name, value in expected.items():
        assert_close(actual[name], value, 1e-14)
    for quantities in (expected, actual):
        sum(quantities[name].sum() for name in ("logp", "mean_logp", "mean_prob", "prob_sum")).backward()
    assert_close(padded.grad[mask].view(2, 3), alone.grad, 1e-14)
    assert (padded.grad[~mask] == 0).all()


def test_half_precision_is_summed_in_float32():
    token_logp = torch.full((1, 1000), -1.0, dtype=torch.bfloat16)
    quantities = sequence_quantities(token_logp, torch.ones(1, 1000, dtype=torch.bool))
    assert quantities["logp"].dtype == torch.float32
    assert quantities["logp"].item() == -1000.0  # 1000 is representable in bfloat16, its partial sums are not
    assert quantities["prob_sum"].item() == pytest.approx(1000 * math.exp(-1), rel=1e-6)


def test_a_sequence_without_answer_tokens_is_an_error():
    mask = torch.tensor([[True, False], [False, False]])
    with pytest.raises(KitError, match="no answer token in row 1"):
        sequence_quantities(torch.zeros(2, 2), mask)


def test_a_mask_of_another_shape_is_an_error():
    with pytest.raises(KitError, match=r"shape \(1, 3\), log-probabilities \(2, 3\)"):
        sequence_quantities(torch.zeros(2, 3), torch.ones(1, 3, dtype=torch.bool))


# --- all of them --------------------------------------------------------------------------------------------


def arguments_of(loss, forget: dict, other: dict, reference) -> dict:
    """What the signature asks for, and nothing else; the other parts and divergences are played by `other`."""
    known = {f"forget_{name}": value for name, value in forget.items()}
    known |= {f"{part}_{name}": value for part in ("template", "mismatch", "retain") for name, value in other.items()}
    known |= {"retain_kl": -other["mean_logp"], "retain_kl_all": -other["mean_logp"]}
    known |= {"retain_template_logp": forget["logp"]} | {f"forget_{name}": -forget["mean_logp"] for name in UNIFORM}
    known |= {f"retain_{name}": -other["mean_logp"] for name in UNIFORM}
    known |= {"forget_logits": lambda f: _two_logits(f, forget), "retain_logits": lambda f: _two_logits(f, other)}
    known |= {"forget_reference_logp": reference, "template_reference_logp": reference / 2}
    known |= {"beta": 0.1, "padded_length": 50}
    return {name: known[name] for name in inspect.signature(loss).parameters}


def _two_logits(function, quantities: dict) -> list:
    """Played by two tokens a row, of one logit each; the original model's are one half."""
    rows = torch.stack([quantities["logp"], quantities["mean_logp"]], dim=1).unsqueeze(-1)
    return [function(row, torch.full_like(row, 0.5)) for row in rows]


# Of probabilities; those of activations are in test_rmu.py.
ALL_LOSSES = {
    name: getattr(losses, name)
    for name in losses.__all__
    if name != "sequence_quantities" and not name.startswith("rmu_")
}


@pytest.mark.parametrize("name", ALL_LOSSES)
def test_gradients_are_finite_at_extreme_probabilities(name):
    extremes = torch.tensor([[-1e4, -1e4, -1e4], [0.0, 0.0, 0.0], [-1e4, 0.0, -1.0]], dtype=torch.float32)
    forget_logp, template_logp = extremes.clone().requires_grad_(), extremes.flip(0).clone().requires_grad_()
    mask = torch.ones(3, 3, dtype=torch.bool)
    forget, template = sequence_quantities(forget_logp, mask), sequence_quantities(template_logp, mask)
    reference = extremes.flip(0).sum(dim=1)

    value = ALL_LOSSES[name](**arguments_of(ALL_LOSSES[name], forget, template, reference))
    value.sum().backward()
    assert value.isfinite().all()
    touched = [one.grad for one in (forget_logp, template_logp) if one.grad is not None]
    assert touched and all(gradient.isfinite().all() for gradient in touched)


def numpy_quantities(token_logp: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    rows = [row[keep] for row, keep in zip(token_logp, mask, strict=True)]
    return {
        "logp": np.array([row.sum() for row in rows]),
        "mean_logp": np.array([row.mean() for row in rows]),
        "mean_prob": np.array([np.exp(row).mean() for row in rows]),
        "prob_sum": np.array([np.exp(row).sum() for row in rows]),
        "tokens": np.array([row.size for row in rows]),
    }


def numpy_flat(divergence: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The literal formulas per pair, written out."""
    return {
        "tv": -0.5 * np.tanh(a) + 0.5 * np.tanh(b),
        "kl": -a + np.exp(b - 1),
        "js": -(np.log(2) - np.log(1 + np.exp(-a))) + (b + np.log(1 + np.exp(-b)) - np.log(2)),
        "pearson": -a + b * b / 4 + b,
        "reverse_kl": np.exp(-a) + b - 1,
        "jeffreys": -a + _w(b) + 1 / _w(b) + b - 2,
        "squared_hellinger": np.exp(-a) + np.exp(b) - 2,
        "neyman": np.exp(-a) + 1 - 2 * np.exp(-b / 2),
    }[divergence]


def _w(u: np.ndarray) -> np.ndarray:
    return lambertw(np.exp(1 - u)).real


def numpy_flat_released(divergence: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The same where the released code's g* or f* is another."""
    return {
        "reverse_kl": np.exp(a) - 1 - b,
        "jeffreys": -a + b + b**2 / 4 + b**3 / 16,
        "squared_hellinger": np.exp(a) + np.exp(-b) - 2,
        "neyman": np.exp(a) + 1 - 2 * np.sqrt(1 - b),
    }.get(divergence)


def numpy_loss(name: str, forget: dict, template: dict, reference: np.ndarray) -> np.ndarray:
    if name == "ga":
        return forget["logp"]
    if name.endswith("cross_entropy"):
        return -template["logp"]
    both = {side: np.stack([one["logp"], one["mean_logp"]]) for side, one in (("f", forget), ("r", template))}
    if name == "kl_release_muse":
        return np.exp(0.5) * (0.5 - both["r"]).sum(axis=0)
    if name == "npo_release":  # the other form of -log sigma
        return 2 / 0.1 * np.log(1 + np.exp(0.1 * (both["f"] - 0.5))).mean(axis=0)
    if name == "remember":
        return -forget["logp"]
    if name.startswith(("kl", "uniform")):
        return -template["mean_logp"]
    if name.startswith("me"):
        return -forget["mean_logp"]
    if name == "ap":  # the paper's ratio of probabilities, with the classifier's form of the sigmoid
        return 1 / 0.1 * np.log(1 + np.exp(forget["logp"] - template["logp"]) ** 0.1)
    if name.startswith("dpo"):  # the form of a classifier: 1 / (1 + odds of the wrong preference)
        margin = template["logp"] - forget["logp"] + (reference / 2 if name == "dpo" else 0)
        return -2 / 0.1 * np.log(1 / (1 + np.exp(-0.1 * margin)))
    if name == "npo":  # the paper's other form: (2/beta) log(1 + (pi_theta / pi_ref)^beta)
        return 2 / 0.1 * np.log(1 + np.exp(forget["logp"] - reference) ** 0.1)
    divergence = name.removeprefix("flat_").removesuffix("_release")
    if name.endswith("_release"):
        a, b = (side["prob_sum"].sum() / (side["prob_sum"].size * 49) for side in (template, forget))
        released = numpy_flat_released(divergence, a, b)
        return np.full(reference.shape, numpy_flat(divergence, a, b) if released is None else released)
    return numpy_flat(divergence, template["mean_prob"], forget["mean_prob"])


@pytest.mark.parametrize("name", ALL_LOSSES)
def test_equality_with_numpy_on_random_numbers(name):
    random = np.random.default_rng(7)
    token_logp = -random.exponential(1.5, size=(2, 16, 50))
    mask = random.random((2, 16, 50)) < 0.4
    mask[:, :, 0] = True
    reference = -random.uniform(5, 60, size=16)

    expected = [numpy_quantities(*pair) for pair in zip(token_logp, mask, strict=True)]
    actual = [
        sequence_quantities(torch.from_numpy(logp), torch.from_numpy(keep))
        for logp, keep in zip(token_logp, mask, strict=True)
    ]
    for one, other in zip(actual, expected, strict=True):
        for quantity, value in other.items():
            np.testing.assert_allclose(one[quantity].numpy(), value, rtol=1e-12)

    loss = ALL_LOSSES[name]
    value = loss(**arguments_of(loss, *actual, torch.from_numpy(reference)))
    assert value.shape == (16,)
    np.testing.assert_allclose(value.numpy(), numpy_loss(name, *expected, reference), rtol=1e-10)
