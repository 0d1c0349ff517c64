"""The loss of every method on a real batch, and its gradient, against plain formulas: unpadded forward passes."""

import copy
import dataclasses
import math

import pytest
import torch
from micro import (
    OPT,
    PHI,
    distributions,
    how,
    largest_difference,
    loss_of,
    token_probabilities,
    tokenized,
    trainer_for,
    unlearn,
)

from unlearnkit import models
from unlearnkit.data.encode import IGNORE
from unlearnkit.errors import KitError
from unlearnkit.methods import METHODS, Term, Variant, variant
from unlearnkit.training.dropout import switch_off_dropout
from unlearnkit.training.reference import add_reference_logp, add_reference_states

pytestmark = pytest.mark.usefixtures("quiet")

LOGITS = [name for name in METHODS if not variant(name).inner_parts]  # the others: test_rmu.py


class Plain:
    """Quantities of a batch of rows, written down with no code of the kit."""

    def __init__(self, model, original, rows):
        self.model, self.original, self.rows = model, original, rows

    def logps(self, part: str) -> list[torch.Tensor]:
        return [token_probabilities(self.model, row, part).log() for row in self.rows]

    def cross_entropy(self, part: str) -> torch.Tensor:
        return -torch.cat(self.logps(part)).mean()

    def log_ratios(self, part: str) -> torch.Tensor:
        with torch.no_grad():
            reference = [token_probabilities(self.original, row, part).log().sum() for row in self.rows]
        return torch.stack([logp.sum() for logp in self.logps(part)]) - torch.stack(reference)

    def mean_prob(self, part: str) -> torch.Tensor:
        return torch.stack([logp.exp().mean() for logp in self.logps(part)])

    def kl(self, part: str = "retain") -> torch.Tensor:
        return torch.stack([self._kl(row, part).sum(-1).mean() for row in self.rows]).mean()

    def _kl(self, row: dict, part: str) -> torch.Tensor:
        with torch.no_grad():
            reference = distributions(self.original, row, part)
        return reference * (reference / distributions(self.model, row, part)).log()

    def kl_batchmean(self, batch: dict, rows: slice) -> torch.Tensor:
        """As released: kl_div over logits of the padded batch after view(-1, V)."""
        given = {name: batch[name][rows] for name in ("input_ids", "attention_mask")}
        ours, reference = (one(**given).logits.flatten(0, 1).log_softmax(-1) for one in (self.model, self.original))
        return torch.nn.functional.kl_div(ours, reference.detach(), reduction="batchmean", log_target=True)

    def raw_logits(self, part: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Of both models at every token of each row, prompt included: (tokens, vocabulary)."""
        found = []
        for row in self.rows:
            ids = torch.tensor([row[f"{part}_input_ids"]])
            found.append(tuple(one(input_ids=ids).logits[0] for one in (self.model, self.original)))
        return [(ours, reference.detach()) for ours, reference in found]

    def kl_release_muse(self) -> torch.Tensor:
        return sum((r.exp() * (r - z)).sum() for z, r in self.raw_logits("retain")) / len(self.rows)

    def npo_release(self, beta: float = 0.1) -> torch.Tensor:
        return torch.stack(
            [2 / beta * torch.log1p(torch.exp(beta * (z - r))).mean() for z, r in self.raw_logits("forget")]
        ).mean()

    def npo(self, beta: float = 0.1) -> torch.Tensor:
        return (2 / beta * torch.log1p(torch.exp(beta * self.log_ratios("forget")))).mean()

    def dpo(self, beta: float = 0.1) -> torch.Tensor:
        margin = self.log_ratios("template") - self.log_ratios("forget")
        return (2 / beta * torch.log1p(torch.exp(-beta * margin))).mean()

    def dpo_release(self, beta: float = 0.1) -> torch.Tensor:
        template, forget = (torch.stack([logp.sum() for logp in self.logps(part)]) for part in ("template", "forget"))
        return (2 / beta * torch.log1p(torch.exp(-beta * (template - forget)))).mean()

    def ap(self, beta: float = 0.1) -> torch.Tensor:
        right, idk = (torch.stack([logp.sum() for logp in self.logps(part)]) for part in ("retain", "retain_template"))
        return (torch.log1p(torch.exp(beta * (idk - right))) / beta).mean()

    def me(self) -> torch.Tensor:
        """log K - entropy at every token but the last, which predicts nothing; unpadded."""
        found = []
        for row in self.rows:
            ids = torch.tensor([row["forget_input_ids"]])
            found.append(log_k_less_entropy(self.model(input_ids=ids).logits[0, :-1].softmax(-1)).mean())
        return torch.stack(found).mean()

    def me_answer(self) -> torch.Tensor:
        return torch.stack(
            [log_k_less_entropy(distributions(self.model, row, "forget")).mean() for row in self.rows]
        ).mean()

    def flat_kl_release(self, padded_length: int = 500) -> torch.Tensor:
        positions = len(self.rows) * (padded_length - 1)
        template, forget = (torch.cat(self.logps(part)).exp().sum() / positions for part in ("template", "forget"))
        return -template + torch.exp(forget - 1)


def log_k_less_entropy(p: torch.Tensor) -> torch.Tensor:
    return math.log(p.shape[-1]) + (p * p.log()).sum(-1)


FORMULAS = {
    "ga": lambda plain: -plain.cross_entropy("forget"),
    "kl": lambda plain: -plain.cross_entropy("forget") + plain.kl(),
    "kl_release_muse": lambda plain: -plain.cross_entropy("forget") + plain.kl_release_muse(),
    "gd": lambda plain: -plain.cross_entropy("forget") + plain.cross_entropy("retain"),
    "po": lambda plain: plain.cross_entropy("template") + plain.cross_entropy("retain"),
    "mismatch": lambda plain: plain.cross_entropy("mismatch") + plain.cross_entropy("retain"),
    "llmu": lambda plain: -0.5 * plain.cross_entropy("forget") + plain.cross_entropy("mismatch") + plain.kl(),
    "dpo": Plain.dpo,
    "dpo_release": Plain.dpo_release,
    "npo": Plain.npo,
    "npo_release": Plain.npo_release,
    "npo_rt_release": lambda plain: plain.npo_release() + plain.cross_entropy("retain"),
    "npo_rt": lambda plain: plain.npo() + plain.cross_entropy("retain"),
    "flat_kl": lambda plain: (-plain.mean_prob("template") + torch.exp(plain.mean_prob("forget") - 1)).mean(),
    "flat_kl_release": Plain.flat_kl_release,
    "me": Plain.me,
    "me_gd": lambda plain: 0.1 * plain.me() + plain.cross_entropy("retain"),
    "me_gd_answer": lambda plain: 0.1 * plain.me_answer() + plain.cross_entropy("retain"),
    "idk_ap": lambda plain: plain.cross_entropy("template") + plain.ap(),
    "idk_ap_release": lambda plain: plain.cross_entropy("template") + plain.ap(),
    "npo_kl": lambda plain: plain.npo() + plain.kl(),
    "dpo_gd": lambda plain: plain.dpo() + plain.cross_entropy("retain"),
    "dpo_kl": lambda plain: plain.dpo() + plain.kl(),
    "idk_kl": lambda plain: plain.cross_entropy("template") + plain.kl(),
}


@pytest.fixture(scope="module")
def pairs(micro_tokenizer, memorised, micro_model):
    """family -> (model in training, original model): different weights, no dropout."""
    found = {"llama": (memorised(), micro_model())}
    for family, architecture in (("opt", OPT), ("phi", PHI)):
        found[family] = tuple(models.build(architecture, micro_tokenizer, seed) for seed in (1, 2))
    for pair in found.values():
        for model in pair:
            switch_off_dropout(model)
            if getattr(model.lm_head, "bias", None) is not None:
                torch.nn.init.normal_(model.lm_head.bias)
    return lambda family: copy.deepcopy(found[family])


def prepared(family, method, label, pairs, tokenizer, training, folder):
    """(trainer, plain formulas) of one method on the same four rows."""
    return prepared_as(variant(method, label), family, pairs, tokenizer, training, folder)


def prepared_as(chosen: Variant, family, pairs, tokenizer, training, folder):
    model, original = pairs(family)
    rows = tokenized(tokenizer, chosen, 4)
    for part in chosen.reference_parts:
        add_reference_logp(rows, part, original, tokenizer, training)
    longest = max(len(row[f"{part}_input_ids"]) for row in rows for part in chosen.parts)
    states = {
        part: add_reference_states(
            rows, part, original, tokenizer, training, longest if f"{part}_kl_all" in chosen.arguments else None
        )
        for part in chosen.compared_parts
    }
    trainer = trainer_for(model, tokenizer, folder, chosen, rows, training, states)
    if states:  # in a real run the head is that of the model in training, before its first step
        trainer.reference_head = type(trainer.head)(original.lm_head.weight.detach(), original.lm_head.bias)
    return trainer, Plain(pairs(family)[0], original, rows)


def assert_equal_with_gradients(trainer, plain: Plain, formula) -> None:
    ours, expected = loss_of(trainer, plain.rows), formula(plain)
    assert ours.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-5)
    ours.backward()
    expected.backward()
    assert any(parameter.grad.abs().max() > 1e-4 for parameter in trainer.model.parameters())
    for (name, parameter), twin in zip(trainer.model.named_parameters(), plain.model.parameters(), strict=True):
        scale = max(1.0, twin.grad.abs().max().item())  # of a sum over the vocabulary in the thousands
        torch.testing.assert_close(parameter.grad, twin.grad, rtol=1e-4, atol=2e-5 * scale, msg=name)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        *(("llama", name) for name in FORMULAS),
        *((family, name) for family in ("opt", "phi") for name in ("llmu", "dpo", "npo_release", "kl_release_muse")),
        *((family, name) for family in ("opt", "phi") for name in ("me_gd", "me_gd_answer", "idk_ap")),
    ],
)
def test_loss_and_gradient_are_the_plain_formula(family, name, pairs, micro_tokenizer, micro_training, tmp_path):
    method, release, of = name.partition("_release")
    label = f"release{of}" if release else "paper"
    if name == "me_gd_answer":
        method, label = "me_gd", "answer"
    trainer, plain = prepared(family, method, label, pairs, micro_tokenizer, micro_training(), tmp_path)
    assert_equal_with_gradients(trainer, plain, FORMULAS[name])


@pytest.mark.parametrize(
    ("method", "label"),
    [*((name, "paper") for name in LOGITS), ("npo_rt", "release"), ("kl", "release_muse"), ("me_gd", "answer")],
)
def test_loss_and_gradient_do_not_depend_on_the_split(method, label, pairs, micro_tokenizer, micro_training, tmp_path):
    """Away from the original model, where KL pulls too: four rows at once, two by two, one by one."""
    found = []
    for size in (4, 2, 1):
        trainer, plain = prepared("llama", method, label, pairs, micro_tokenizer, micro_training(), tmp_path)
        loss = loss_of(trainer, *(plain.rows[start : start + size] for start in range(0, 4, size)))
        loss.backward()
        found.append((loss.item(), [parameter.grad for parameter in trainer.model.parameters()]))
    for loss, gradients in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-5, abs=1e-6)
        scale = max(1.0, *(gradient.abs().max().item() for gradient in gradients))
        torch.testing.assert_close(gradients, found[0][1], rtol=1e-4, atol=1e-5 * scale)


def test_every_method_is_held_against_a_formula():
    """The other divergences of FLAT are the same code with functions that test_losses_flat.py holds against numbers."""
    assert {name for name in LOGITS if not name.startswith("flat")} <= FORMULAS.keys()


@pytest.mark.parametrize("family", ["llama", "opt", "phi"])
@pytest.mark.parametrize("method", ["kl", "llmu"])
def test_the_release_averages_kl_over_all_padded_positions(
    method, family, pairs, micro_tokenizer, micro_training, tmp_path
):
    trainer, plain = prepared(family, method, "release", pairs, micro_tokenizer, micro_training(), tmp_path)
    batch = trainer.data_collator(plain.rows)
    retain = slice(len(batch["input_ids"]) - 4, None)
    assert (batch["attention_mask"][retain] == 0).any()  # there is padding to look at

    def formula(plain):
        others = {
            "kl": lambda: -plain.cross_entropy("forget"),
            "llmu": lambda: -0.5 * plain.cross_entropy("forget") + plain.cross_entropy("template"),
        }
        return others[method]() + plain.kl_batchmean(batch, retain)

    assert_equal_with_gradients(trainer, plain, formula)


@pytest.mark.parametrize("family", ["llama", "opt", "phi"])
def test_released_me_averages_over_all_predictions_of_the_padded_rows(
    family, pairs, micro_tokenizer, micro_training, tmp_path
):
    trainer, plain = prepared(family, "me_gd", "release", pairs, micro_tokenizer, micro_training(), tmp_path)
    batch = trainer.data_collator(plain.rows)
    given = {name: batch[name][:4] for name in ("input_ids", "attention_mask")}
    assert (given["attention_mask"] == 0).any()

    def formula(plain):
        """As released, less the 1e-12 that it adds to probabilities: kl_div with the uniform distribution as target."""
        logp = plain.model(**given).logits[:, :-1].log_softmax(-1).flatten(0, 1)
        uniform = torch.full_like(logp, 1 / logp.shape[-1])
        me = torch.nn.functional.kl_div(logp, uniform, reduction="none").sum(-1).mean()
        return 0.1 * me + plain.cross_entropy("retain")

    assert_equal_with_gradients(trainer, plain, formula)


@pytest.mark.parametrize("method", ["me_gd", "idk_ap", "npo_kl", "dpo_gd", "dpo_kl", "idk_kl"])
def test_a_method_pulls_as_its_terms_do_each_alone(method, pairs, micro_tokenizer, micro_training, tmp_path):
    def gradients(chosen: Variant) -> list[torch.Tensor]:
        trainer, plain = prepared_as(chosen, "llama", pairs, micro_tokenizer, micro_training(), tmp_path)
        loss_of(trainer, plain.rows[:1], plain.rows[1:]).backward()
        return [parameter.grad for parameter in trainer.model.parameters()]

    whole = variant(method)
    factors = [term.weight_in(whole.parameters) for term in whole.terms]
    alone = [
        gradients(dataclasses.replace(whole, terms=(dataclasses.replace(term, weight=1.0),))) for term in whole.terms
    ]
    expected = [sum(f * one for f, one in zip(factors, several, strict=True)) for several in zip(*alone, strict=True)]
    assert len(factors) == 2 and all(max(one.abs().max() for one in several) > 1e-3 for several in alone)
    torch.testing.assert_close(gradients(whole), expected, rtol=1e-4, atol=2e-5)


def test_alpha_weighs_me(pairs, micro_tokenizer, micro_training, tmp_path):
    trainer, plain = prepared("llama", "me_gd", "paper", pairs, micro_tokenizer, micro_training(), tmp_path)
    losses = []
    for trainer.parameters in ({"alpha": 0.0}, {"alpha": 1.0}, {"alpha": 3.0}):
        losses.append(loss_of(trainer, plain.rows).item())
    me = plain.me().item()
    assert me > 1
    assert [losses[1] - losses[0], losses[2] - losses[0]] == pytest.approx([me, 3 * me], rel=1e-4)


@pytest.mark.parametrize(("method", "label"), [("npo", "release"), ("kl", "release_muse")])
def test_on_rows_of_one_length_it_is_what_muse_released(
    method, label, pairs, micro_tokenizer, micro_training, tmp_path
):
    """MUSE's rows are pieces of one stream, all of one length: its means and sums go over the whole batch."""
    trainer, plain = prepared("llama", method, label, pairs, micro_tokenizer, micro_training(), tmp_path)
    part = "forget" if method == "npo" else "retain"
    for row in plain.rows:
        ids = (row[f"{part}_input_ids"] * 9)[:40]
        row |= {f"{part}_input_ids": ids, f"{part}_labels": ids}
    original = plain.original
    states = add_reference_states(plain.rows, part, original, micro_tokenizer, micro_training(), None)
    trainer.data_collator.states = {part: states}

    def formula(plain):
        ids = torch.tensor([row[f"{part}_input_ids"] for row in plain.rows])
        ours, reference = plain.model(input_ids=ids).logits, original(input_ids=ids).logits.detach()
        if method == "npo":
            return -torch.nn.functional.logsigmoid(0.1 * (reference - ours)).mean() * 2 / 0.1
        divergence = torch.nn.functional.kl_div(ours, reference, reduction="batchmean", log_target=True)
        return divergence - plain.cross_entropy("forget")

    assert_equal_with_gradients(trainer, plain, formula)


def test_every_term_has_its_own_weight_and_denominator(memorised, micro_tokenizer, micro_training, tmp_path):
    both = Variant((Term("ga", "answer_tokens"), Term("retain_cross_entropy", "answer_tokens", weight=0.5)), "a test")
    rows = tokenized(micro_tokenizer, both, 4)
    trainer = trainer_for(memorised(), micro_tokenizer, tmp_path, both, rows, micro_training())
    loss = loss_of(trainer, rows[:1], rows[1:])
    forget, retain = (
        torch.cat([token_probabilities(memorised(), row, part).log() for row in rows]) for part in ("forget", "retain")
    )
    assert trainer.denominators == {"sequences": 4, "forget": len(forget), "retain": len(retain)}
    assert loss.item() == pytest.approx((forget.mean() - 0.5 * retain.mean()).item(), abs=1e-5)


def test_a_loss_must_return_one_value_a_sequence(memorised, micro_tokenizer, micro_training, tmp_path):
    def already_averaged(forget_logp):
        return forget_logp.mean()

    chosen = Variant((Term(already_averaged, "sequences"),), "a test")
    rows = tokenized(micro_tokenizer, chosen, 4)
    trainer = trainer_for(memorised(), micro_tokenizer, tmp_path, chosen, rows, micro_training())
    with pytest.raises(KitError, match=r"'already_averaged' returned shape \(\), expected \(4,\)"):
        loss_of(trainer, rows)


# --- where they start ---------------------------------------------------------------------------------------


def starts(family, method, training, pairs, tokenizer, folder, label="paper") -> float:
    spec = how(method, training, label)
    return unlearn(pairs(family)[0], tokenizer, folder, spec)["losses"]["1"]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("method", "label"), [("npo", "paper"), ("npo", "release"), ("dpo", "paper")])
def test_preferences_start_at_the_reference(method, label, precision, pairs, micro_tokenizer, micro_training, tmp_path):
    """The reference is computed in the arithmetic of training: in bfloat16, too, the first loss is (2/beta) ln 2."""
    training = micro_training(steps=1, precision=precision)
    first = starts("llama", method, training, pairs, micro_tokenizer, tmp_path, label)
    assert first == pytest.approx(13.862944, abs=1e-4 if precision == "float32" else 2e-2)


@pytest.mark.parametrize("family", ["llama", "opt", "phi"])
def test_kl_starts_at_zero_with_zero_gradient(family, pairs, micro_tokenizer, micro_training, tmp_path):
    only = Variant((Term("kl", "sequences"), Term("kl_release", "sequences")), "a test")
    model, _ = pairs(family)
    rows = tokenized(micro_tokenizer, only, 4)
    states = {"retain": add_reference_states(rows, "retain", model, micro_tokenizer, micro_training(), 128)}
    loss = loss_of(trainer_for(model, micro_tokenizer, tmp_path, only, rows, micro_training(), states), rows)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert max(parameter.grad.abs().max().item() for parameter in model.parameters()) < 1e-5


def test_muses_kl_starts_at_zero_and_pulls_already(pairs, micro_tokenizer, micro_training, tmp_path):
    """No minimum at the original model: the first loss is GA's alone, the second step is another one."""
    firsts, seconds = zip(
        *(
            unlearn(pairs("llama")[0], micro_tokenizer, tmp_path / method,
                    how(method, micro_training(steps=2, learning_rate=1e-7), label))["losses"].values()
            for method, label in (("ga", "paper"), ("kl", "release_muse"))
        ), strict=True
    )  # fmt: skip
    assert firsts[1] == pytest.approx(firsts[0], abs=1e-4)
    assert seconds[1] < seconds[0] - 1e-3


@pytest.mark.parametrize("method", LOGITS)
def test_a_step_in_bfloat16(method, memorised, micro_tokenizer, micro_training, tmp_path):
    """About that in float32, in weights that stay float32."""
    losses = []
    for precision in ("float32", "bfloat16"):
        model = memorised()
        spec = how(method, micro_training(steps=1, precision=precision))
        losses.append(unlearn(model, micro_tokenizer, tmp_path / precision, spec)["losses"]["1"])
        assert largest_difference(model, memorised()) > 0
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
        assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert losses[1] == pytest.approx(losses[0], rel=0.02, abs=0.02)


# --- dropout ------------------------------------------------------------------------------------------------


def test_unlearning_runs_without_dropout(micro_tokenizer):
    """OPT keeps its probabilities as floats, Phi as modules; in train mode, as activation checkpointing needs it."""
    for architecture in (OPT, PHI):
        model = models.build(architecture, micro_tokenizer, seed=0)
        ids = torch.arange(5, 25).view(1, -1)
        expected = model.eval()(input_ids=ids).logits
        model.train()
        assert not torch.equal(model(input_ids=ids).logits, model(input_ids=ids).logits)
        before = model.config.to_dict()
        switch_off_dropout(model)
        assert all(torch.equal(model(input_ids=ids).logits, expected) for _ in range(10))
        assert model.training and model.config.to_dict() == before


def test_dropout_does_not_move_where_npo_starts(micro_tokenizer, micro_training, tmp_path):
    model = models.build(OPT, micro_tokenizer, seed=0)
    facts = unlearn(model, micro_tokenizer, tmp_path, how("npo", micro_training(steps=1)))
    assert facts["losses"]["1"] == pytest.approx(13.862944, abs=1e-4)


def test_ignored_positions_are_those_of_the_labels(micro_tokenizer):
    """The plain formulas find an answer by the prompt's last token; the labels must mean the same."""
    for row in tokenized(micro_tokenizer, variant("llmu"), 4):
        for part in ("forget", "mismatch", "retain"):
            labels = row[f"{part}_labels"]
            assert sum(label != IGNORE for label in labels) == len(labels) - 1 - row[f"{part}_input_ids"].index(3)
