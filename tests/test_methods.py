"""METHODS: what each method needs, as one would say it by hand, and that declarations match the losses' arguments."""

import pytest

from unlearnkit import losses, methods
from unlearnkit.errors import KitError
from unlearnkit.methods import METHODS, Term, Variant

FLAT = ("flat_tv", "flat_kl", "flat_js", "flat_pearson")
NEEDS = {
    ("ga", "paper"): ["forget"],
    ("npo", "paper"): ["forget", "reference"],
    **{(name, variant): ["forget", "template"] for name in FLAT for variant in ("paper", "release")},
}
PARAMETERS = {("npo", "paper"): {"beta": 0.1}} | {(name, "release"): {"padded_length": 500} for name in FLAT}
QUANTITIES = ("logp", "mean_logp", "mean_prob", "prob_sum", "tokens", "reference_logp")
VARIANTS = [(name, label) for name, method in METHODS.items() for label in method.variants]


def test_every_method_needs_what_its_paper_says():
    described = {(entry["method"], entry["variant"]): entry for entry in methods.describe()}
    assert {key: entry["needs"] for key, entry in described.items()} == NEEDS
    assert {key: entry["parameters"] for key, entry in described.items() if entry["parameters"]} == PARAMETERS
    assert all(entry["source"] for entry in described.values())


def test_description_is_json_with_the_denominators():
    import json

    described = {(entry["method"], entry["variant"]): entry for entry in json.loads(json.dumps(methods.describe()))}
    assert described["ga", "paper"]["terms"] == [
        {"loss": "ga", "weight": 1.0, "over": "answer_tokens", "arguments": ["forget_logp"]}
    ]
    assert described["npo", "paper"]["terms"][0]["over"] == "sequences"
    assert described["flat_kl", "paper"]["printed_as"] == "FLAT (KL)"


@pytest.mark.parametrize(("name", "label"), VARIANTS)
def test_arguments_of_losses_are_quantities_or_parameters(name, label):
    chosen = methods.variant(name, label)
    arguments = {argument for term in chosen.terms for argument in term.arguments}
    quantities = {f"{part}_{quantity}" for part in methods.PARTS for quantity in QUANTITIES}
    assert arguments - quantities == set(chosen.parameters)
    assert arguments & quantities


def test_named_losses_exist():
    for name, label in VARIANTS:
        for term in methods.variant(name, label).terms:
            assert term.loss in losses.__all__
            assert term.function is getattr(losses, term.loss)


def test_a_term_takes_a_function_as_well_as_a_name():
    def pull_down(forget_logp, retain_mean_logp, strength):
        return strength * (forget_logp - retain_mean_logp)

    own = Variant((Term(pull_down, over="sequences"),), "a test", {"strength": 2.0})
    assert own.terms[0].arguments == ("forget_logp", "retain_mean_logp", "strength")
    assert own.parts == ("forget", "retain")
    assert own.reference_parts == ()


def test_reference_is_asked_for_by_part():
    def preference(template_logp, template_reference_logp, forget_logp, forget_reference_logp):
        return template_logp

    own = Variant((Term(preference, over="sequences"),), "a test")
    assert own.parts == ("forget", "template")
    assert own.reference_parts == ("forget", "template")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: methods.variant("flat_kk"), "no method 'flat_kk'; did you mean 'flat_kl'?"),
        (
            lambda: methods.variant("flat_kl", "relase"),
            "method 'flat_kl' has no variant 'relase'; did you mean 'release'?",
        ),
        (
            lambda: methods.variant("ga", "release"),
            "method 'ga' has no variant 'release'; choose from: paper",
        ),
        (
            lambda: Term("ga", over="answer_token"),
            "over: no denominator 'answer_token'; did you mean 'answer_tokens'?",
        ),
    ],
)
def test_wrong_names_are_answered_with_the_nearest(call, message):
    with pytest.raises(KitError) as raised:
        call()
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
