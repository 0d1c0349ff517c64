"""METHODS: what each method needs, as one would say it by hand, and that declarations match the losses' arguments."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from unlearnkit import losses, methods
from unlearnkit.errors import KitError
from unlearnkit.methods import METHODS, Term, Variant
from unlearnkit.terms import PART_OF

FLAT = ("flat_tv", "flat_kl", "flat_js", "flat_pearson")
NEEDS = {
    ("ga", "paper"): ["forget"],
    ("kl", "paper"): ["forget", "retain", "reference"],
    ("kl", "release"): ["forget", "retain", "reference"],
    ("kl", "release_muse"): ["forget", "retain", "reference"],
    ("gd", "paper"): ["forget", "retain"],
    ("po", "paper"): ["template", "retain"],
    ("mismatch", "paper"): ["mismatch", "retain"],
    ("llmu", "paper"): ["forget", "mismatch", "retain", "reference"],
    ("llmu", "release"): ["forget", "template", "retain", "reference"],
    ("dpo", "paper"): ["forget", "template", "reference"],
    ("dpo", "release"): ["forget", "template"],
    **{("npo", variant): ["forget", "reference"] for variant in ("paper", "release")},
    **{("npo_rt", variant): ["forget", "retain", "reference"] for variant in ("paper", "release")},
    **{(name, variant): ["forget", "template"] for name in FLAT for variant in ("paper", "release")},
    ("me", "paper"): ["forget"],
    **{("me_gd", variant): ["forget", "retain"] for variant in ("paper", "release", "answer")},
    **{("idk_ap", variant): ["template", "retain", "retain_template"] for variant in ("paper", "release")},
    ("npo_kl", "paper"): ["forget", "retain", "reference"],
    ("dpo_gd", "paper"): ["forget", "template", "retain", "reference"],
    ("dpo_kl", "paper"): ["forget", "template", "retain", "reference"],
    ("idk_kl", "paper"): ["template", "retain", "reference"],
    **{("rmu", variant): ["forget", "retain", "reference"] for variant in ("paper", "release")},
}
BETA = [(name, variant) for name in ("npo", "npo_rt", "dpo", "idk_ap") for variant in ("paper", "release")]
BETA += [(name, "paper") for name in ("npo_kl", "dpo_gd", "dpo_kl")]
PARAMETERS = {key: {"beta": 0.1} for key in BETA} | {(name, "release"): {"padded_length": 500} for name in FLAT}
PARAMETERS |= {("me_gd", variant): {"alpha": 0.1} for variant in ("paper", "release", "answer")}
PARAMETERS |= {("rmu", variant): {"steering": 6.5, "alpha": 1200, "layer": 7} for variant in ("paper", "release")}
NEEDS |= {("uld", variant): ["forget", "retain"] for variant in ("paper", "release")}
NEEDS |= {("offset_kl", "paper"): ["forget", "retain", "reference"]}
NEEDS |= {("offset_dpo_kl", "paper"): ["forget", "template", "retain", "reference"]}
NEEDS |= {("offset_npo_kl", "paper"): ["forget", "retain", "reference"]}
NEEDS |= {(name, "paper"): ["forget", "a reinforced model"] for name in ("task_vector", "whp", "whp_generic")}
PARAMETERS |= {("uld", "paper"): {"beta": 6.5, "alpha": 0.75, "filter": 0.01}}
PARAMETERS |= {("uld", "release"): {"beta": 5.0, "alpha": 0.8, "filter": 0.01}, ("offset_kl", "paper"): {"alpha": 1.0}}
PARAMETERS |= {(name, "paper"): {"beta": 0.1, "alpha": 1.0} for name in ("offset_dpo_kl", "offset_npo_kl")}
PARAMETERS |= {(name, "paper"): {"alpha": None} for name in ("task_vector", "whp", "whp_generic")}
SIMNPO = str(Path(__file__).resolve().parent.parent / "params" / "own" / "simnpo.py")
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
    for label in ("paper", "release"):  # LLMU's 0.5 / 1 / 1
        assert [term["weight"] for term in described["llmu", label]["terms"]] == [0.5, 1.0, 1.0]
    for label in ("paper", "release", "answer"):  # alpha ME + GD; the value is under parameters
        assert [term["weight"] for term in described["me_gd", label]["terms"]] == ["alpha", 1.0]
    for label in ("paper", "release"):
        assert [term["weight"] for term in described["rmu", label]["terms"]] == [1.0, "alpha"]
    assert [term["weight"] for term in described["uld", "paper"]["terms"]] == [1.0, "beta"]
    others = [one for key, one in described.items() if key[0] not in ("llmu", "me_gd", "rmu", "uld")]
    assert all(term["weight"] == 1.0 for one in others for term in one["terms"])
    fixed = {key for key, one in described.items() if one["pairing"] == "fixed"}
    assert fixed == {("me_gd", "release"), ("idk_ap", "release")}


def test_a_method_is_listed_by_what_it_trains_and_by_every_name_that_papers_print():
    described = methods.describe()
    trains = {entry["method"]: entry["trains"] for entry in described}
    assert {name for name, what in trains.items() if what == "assistant"} == methods.ASSISTED.keys()
    assert {name for name, what in trains.items() if what == "reinforced model"} == methods.ARITHMETIC.keys()
    assert {name for name, what in trains.items() if what == "model"} == METHODS.keys()
    names = {entry["method"]: [entry["printed_as"], *entry["also_printed_as"]] for entry in described}
    assert names["gd"] == ["GD", "GA+GD", "GDIFF"] and names["po"] == ["PO", "IDK+GD"]
    assert names["uld"] == ["ULD"] and names["whp"] == ["WHP"]


def test_order_and_names_are_those_of_the_papers_tables():
    printed = [method.printed_as for method in METHODS.values()]
    assert printed[:9] == ["GA", "KL", "GD", "PO", "Mismatch", "LLMU", "DPO", "NPO", "NPO-RT"]
    assert printed[9:13] == ["FLAT (TV)", "FLAT (KL)", "FLAT (JS)", "FLAT (Pearson)"]
    assert printed[13:] == ["ME", "ME+GD", "IDK+AP", "NPO+KL", "DPO+GD", "DPO+KL", "IDK+KL", "RMU"]


@pytest.mark.parametrize(("name", "label"), VARIANTS)
def test_arguments_of_losses_are_quantities_or_parameters(name, label):
    chosen = methods.variant(name, label)
    arguments = {argument for term in chosen.terms for argument in term.arguments}
    weights = {term.weight for term in chosen.terms if isinstance(term.weight, str)}
    layer = {"layer"} if chosen.inner_parts else set()  # is the trainer's, which says what activations are
    assert (arguments - PART_OF.keys()) | weights | layer == set(chosen.parameters)
    assert arguments & PART_OF.keys()


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
    assert own.compared_parts == ()


def test_a_part_is_read_off_whole_names_only():
    """A hyper-parameter may be called like a part."""

    def pull(forget_logp, retain_weight, retain_kl_all, template_logits):
        return forget_logp

    own = Variant((Term(pull, over="sequences"),), "a test", {"retain_weight": 2.0})
    assert own.parts == ("forget", "template", "retain")
    assert own.compared_parts == ("template", "retain")
    assert Variant(
        (Term(lambda forget_logp, retain_weight: forget_logp, "answer_tokens"),), "a test", {"retain_weight": 1}
    )


def test_the_uniform_distribution_is_no_reference():
    chosen = methods.variant("me_gd")
    assert chosen.uniform_parts == ("forget",)
    assert chosen.compared_parts == chosen.reference_parts == ()


def test_activations_are_asked_for_by_part():
    chosen = methods.variant("rmu")
    assert chosen.inner_parts == ("forget", "retain") and chosen.frozen_parts == ("retain",)
    assert chosen.reference and chosen.reference_parts == chosen.compared_parts == chosen.uniform_parts == ()
    assert [one for one in METHODS if methods.variant(one).inner_parts] == ["rmu"]


def test_a_weight_is_a_number_or_a_parameter_by_name():
    term = Term("ga", "answer_tokens", weight="strength")
    assert Variant((term,), "a test", {"strength": 2.0}).terms[0].weight_in({"strength": 3.0}) == 3.0
    assert Term("ga", "answer_tokens", weight=0.5).weight_in({"strength": 3.0}) == 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Variant((Term("ga", "answer_tokens", weight="alhpa"),), "a test", {"alpha": 1.0}),
            "loss 'ga': its weight 'alhpa' is no parameter of the method; did you mean 'alpha'?",
        ),
        (
            lambda: Variant((Term("ga", "answer_tokens", weight="alpha"),), "a test"),
            "loss 'ga': its weight 'alpha' is no parameter of the method: it has none",
        ),
        (
            lambda: Variant((Term("ga", "answer_tokens"),), "a test", pairing="fixd"),
            "no pairing 'fixd'; did you mean 'fixed'?",
        ),
        (
            lambda: Variant((Term("rmu_retain", "sequences"), Term("npo", "sequences")), "a test", {"beta": 1.0}),
            "a method looks at activations ('retain_frozen_states') or at probabilities ('forget_logp')",
        ),
        (
            lambda: Variant((Term("rmu_retain", "sequences"),), "a test"),
            "'retain_frozen_states': behind which layer? The method has no parameter 'layer'",
        ),
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
            "loss 'ga': no denominator 'answer_token'; did you mean 'answer_tokens'?",
        ),
        (lambda: Term("npoo", over="sequences"), "no loss 'npoo'; did you mean 'npo'?"),
        (
            lambda: Variant((Term(lambda forget_meanlogp: 0, "sequences"),), "a test"),
            "loss '<lambda>': nothing is called 'forget_meanlogp'; did you mean 'forget_mean_logp'?",
        ),
        (
            lambda: Term(lambda forget_logp, template_logp: 0, "answer_tokens"),
            "over answer_tokens of which part? It takes ['forget', 'template']",
        ),
        (lambda: Term(lambda beta: 0, "answer_tokens"), "over answer_tokens of which part? It takes []"),
    ],
)
def test_wrong_names_are_answered_with_the_nearest(call, message):
    with pytest.raises(KitError) as raised:
        call()
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


# --- methods of one's own -----------------------------------------------------------------------------------


def test_a_file_of_ones_own_adds_to_the_kits_methods():
    assert list(methods.known(SIMNPO)) == [*METHODS, "simnpo"]
    assert methods.known() == methods.known(None) == METHODS
    own = methods.variant("simnpo", own=SIMNPO)
    assert own.parts == ("forget", "retain") and not own.reference_parts
    assert own.parameters == {"beta": 2.5, "gamma": 0.0}
    assert [term.weight for term in own.terms] == [0.1375, 1.0]
    assert methods.variant("ga", own=SIMNPO) is methods.variant("ga")
    (described,) = [entry for entry in methods.describe(SIMNPO) if entry["method"] == "simnpo"]
    assert described["terms"][0]["loss"] == "simnpo" and described["trains"] == "model"
    with pytest.raises(KitError, match="no method 'simnpp'; did you mean 'simnpo'"):
        methods.variant("simnpp", own=SIMNPO)
    with pytest.raises(KitError, match="no method 'simnpo'"):
        methods.variant("simnpo")


def test_a_fresh_process_loads_it_by_its_path():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(methods.describe, (SIMNPO,)) == methods.describe(SIMNPO)


def test_planning_with_the_example_imports_no_torch():
    code = f"import sys; from unlearnkit import methods; methods.describe({SIMNPO!r}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


HEAD = "from unlearnkit.methods import Method, Term, Variant\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such file of methods"),
        ("", "it defines no METHODS, a dictionary from names to Method objects"),
        ("METHODS = [1]", "METHODS is a list, not a dictionary"),
        ("METHODS = {", "SyntaxError: '{' was never closed (own.py, line 1)"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        (HEAD + "METHODS = {'ga': Method('GA', {})}", "METHODS: the kit has a method 'ga' already"),
        (HEAD + "METHODS = {'whp': Method('WHP', {})}", "METHODS: the kit has a method 'whp' already"),
        (
            "from unlearnkit.methods import Assisted\nMETHODS = {'mine': Assisted('Mine', {}, 'uld')}",
            "METHODS['mine'] is of type Assisted, not Method",
        ),
        (HEAD + "METHODS = {'my/way': Method('Mine', {})}", "METHODS: 'my/way' is no name"),
        (HEAD + "METHODS = {7: Method('Mine', {})}", "METHODS: 7 is no name"),
        ("METHODS = {'mine': print}", "METHODS['mine'] is of type builtin_function_or_method, not Method"),
        (HEAD + "Term('gaa', over='sequences')", "no loss 'gaa'; did you mean 'ga'?"),
        (
            HEAD + "Variant((Term(lambda forget_lgp: 0, over='sequences'),), '')",
            "nothing is called 'forget_lgp'; did you mean 'forget_logp'?",
        ),
    ],
)
def test_a_mistake_in_it_is_one_line_with_the_file(text, message, tmp_path):
    file = tmp_path / "own.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(KitError) as raised:
        methods.known(str(file))
    assert str(raised.value).startswith(f"{file}: ")
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_an_edited_file_is_read_again(tmp_path):
    file = tmp_path / "own.py"
    for name in ("one", "two"):
        file.write_text(HEAD + f"METHODS = {{'{name}': Method('Mine', {{}})}}")
        assert list(methods.known(str(file)))[-1] == name
    assert not (tmp_path / "__pycache__").exists()
