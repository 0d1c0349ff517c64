"""ULD's and Offset's combined model: plain passes as the oracle, cache, padding, generation, and what is saved."""

import math
from collections.abc import Callable

import pytest
import torch
from conftest import MICRO, MICRO_VOCABULARY
from micro import FORGET, FORM, OPT, PHI
from transformers import AutoModelForCausalLM, AutoTokenizer

from unlearnkit import decoding, evaluation, models
from unlearnkit.data.collate import pad
from unlearnkit.data.encode import encode
from unlearnkit.errors import KitError
from unlearnkit.papers.uld_plan import RANGES

pytestmark = pytest.mark.usefixtures("quiet")

FAMILIES = {"llama": MICRO, "opt": OPT, "phi": PHI}
ALPHA, FILTER = 0.75, 0.02  # 12 of 600 tokens at least


@pytest.fixture(scope="module", params=FAMILIES)
def parts(request, micro_tokenizers):
    """(target, assistant of one layer, tokenizer) of a family; random, but with opinions."""
    tokenizer = micro_tokenizers[request.param]
    target = models.build(FAMILIES[request.param] | {"initializer_range": 0.4}, tokenizer, seed=0).eval()
    small = FAMILIES[request.param] | {"initializer_range": 0.4, "num_hidden_layers": 1}
    other = models.build(small, tokenizer, seed=1).eval()
    if request.param == "phi":  # its head has a bias: another level of all logits, which the release minds
        other.lm_head.bias.data += 20
    return target, other, tokenizer


def logits(model, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=ids, use_cache=False).logits


def naive_candidates(logits: list[float], rate: float) -> list[bool]:
    """The relative filter of one position, in Python: sorting, counting, comparing."""
    total = math.log(sum(math.exp(value - max(logits)) for value in logits)) + max(logits)
    logp = [value - total for value in logits]
    kth = sorted(logp, reverse=True)[max(1, int(rate * len(logp))) - 1]
    return [value >= min(kth, max(logp) + math.log(rate)) for value in logp]


def by_hand(target, other, ids: torch.Tensor, rule: str = "uld") -> torch.Tensor:
    """Combined logits of unpadded rows, from two plain passes without a cache; the filter by sorting."""
    ours, theirs = logits(target, ids), logits(other, ids)
    logp = ours.log_softmax(-1).sort(-1, descending=True).values
    least = torch.minimum(logp[..., int(FILTER * MICRO_VOCABULARY) - 1], logp[..., 0] + math.log(FILTER))
    kept = ours.log_softmax(-1) >= least[..., None]
    uniform = theirs.exp().sum(-1, keepdim=True).log() - math.log(MICRO_VOCABULARY)
    outside = {"uld": ours - ALPHA * uniform, "uld_release": ours, "uld_release_spoken": torch.full_like(ours, -1000.0)}
    return torch.where(kept, ours - ALPHA * theirs, outside[rule])


def greedy(target, other, tokenizer, ids: list[int], count: int, rule: str = "uld") -> list[int]:
    said: list[int] = []
    while len(said) < count:
        token = by_hand(target, other, torch.tensor([ids + said]), rule)[0, -1].argmax().item()
        if token == tokenizer.eos_token_id:
            break
        said.append(token)
    return said


def prompts(tokenizer) -> list[list[int]]:
    return [encode(tokenizer, FORM(row["question"]), "x", 128).input_ids[:-2] for row in FORGET[:4]]


def random_ids(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(5, MICRO_VOCABULARY, shape, generator=torch.Generator().manual_seed(seed))


def uld(target, other, rule: str = "uld"):
    return decoding.pair(target, other, rule, alpha=ALPHA, filter=FILTER)


# --- rules --------------------------------------------------------------------------------------------------


def test_worked_example():
    """Logits 4, 3, 0, -1 and half of the tokens: the best two, the others are below ln 0.5 under the best."""
    target, other = torch.tensor([4.0, 3.0, 0.0, -1.0]), torch.tensor([5.0, 1.0, 1.0, 1.0])
    assert decoding.candidates(target, 0.5).tolist() == [True, True, False, False]
    level = math.log((math.exp(5.0) + 3 * math.exp(1.0)) / 4)
    expected = [4 - 2.5, 3 - 0.5, 0 - 0.5 * level, -1 - 0.5 * level]
    assert decoding.uld(target, other, alpha=0.5, filter=0.5).tolist() == pytest.approx(expected)
    assert decoding.uld_release(target, other, alpha=0.5, filter=0.5).tolist() == [1.5, 2.5, 0.0, -1.0]
    assert decoding.uld_release_spoken(target, other, alpha=0.5, filter=0.5).tolist() == [1.5, 2.5, -1000.0, -1000.0]
    assert decoding.uld(target, other, alpha=0.5, filter=0.0).tolist() == [1.5, 2.5, -0.5, -1.5]  # Eq. 2 itself
    assert decoding.uld(target, other, alpha=0.0, filter=0.5).tolist() == target.tolist()


@pytest.mark.parametrize("rate", [0.9, 0.3, 0.05, 0.01, 0.001])
def test_filter_is_the_naive_one(rate):
    drawn = torch.randn(20, 97, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.2, 6, 20)[:, None]
    kept = decoding.candidates(drawn, rate)
    assert kept.tolist() == [naive_candidates(row, rate) for row in drawn.tolist()]
    assert kept.sum(-1).min() >= max(1, int(rate * 97))
    assert decoding.candidates(drawn, 0.0).all()


@pytest.mark.parametrize("rate", [1.0, -0.1])
def test_filter_outside_of_its_range_is_refused(rate):
    with pytest.raises(KitError, match=rf"^filter: {rate} is not in \[0, 1\)$"):
        decoding.candidates(torch.zeros(1, 4), rate)


def test_what_is_planned_is_what_the_filter_takes():
    """Planning imports no torch, so that it has the range itself."""
    least, end = RANGES["filter"]
    for rate in (least, math.nextafter(end, least)):
        decoding.candidates(torch.zeros(1, 4), rate)
    for rate in (math.nextafter(least, -1), end):
        with pytest.raises(KitError, match=r"is not in \[0, 1\)$"):
            decoding.candidates(torch.zeros(1, 4), rate)


def test_an_assistant_without_an_opinion_changes_nothing_whatever_its_level():
    target = 3 * torch.randn(5, 50, generator=torch.Generator().manual_seed(0))
    before = target.log_softmax(-1)
    for level in (-7.0, 0.0, 11.0):
        uniform = torch.full_like(target, level)
        torch.testing.assert_close(decoding.uld(target, uniform, 0.75, 0.1).log_softmax(-1), before)
    released = decoding.uld_release(target, torch.full_like(target, 11.0), 0.75, 0.1).log_softmax(-1)
    assert (released - before).abs().max() > 1  # the release's 0 is another opinion


def test_level_of_the_assistants_logits_is_no_part_of_the_distribution():
    target, other = torch.randn(2, 5, 50, generator=torch.Generator().manual_seed(0)) * 3
    one, two = (decoding.uld(target, other + level, 0.75, 0.1).log_softmax(-1) for level in (0.0, 9.0))
    torch.testing.assert_close(one, two, rtol=0, atol=1e-5)
    assert one.isfinite().all() and one.min() > -60  # every answer has a probability


# --- the combined model -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["uld", "uld_release", "uld_release_spoken"])
def test_logits_are_the_difference_of_two_plain_passes(parts, rule):
    target, other, _ = parts
    ids = random_ids(3, 9)
    expected = by_hand(target, other, ids, rule)
    assert (uld(target, other, rule)(input_ids=ids).logits - expected).abs().max() < 1e-5
    plain = logits(target, ids) - ALPHA * logits(other, ids)
    share = ((expected - plain).abs() < 1e-6).float().mean().item()
    assert 0.02 <= share < 0.9  # candidates and others


def check_with_a_cache_and_padded_left(model, tokenizer, plain: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Logits of padded rows, whole and in two parts, are `plain` ones of each row alone."""
    asked = [ids[:length] for ids, length in zip(prompts(tokenizer), (9, 5, 7), strict=False)]
    ids, mask = pad(asked, tokenizer.pad_token_id, side="left")
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        whole = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits
        cache = model(
            input_ids=ids[:, :6], attention_mask=mask[:, :6], position_ids=positions[:, :6], use_cache=True
        ).past_key_values
        rest = model(
            input_ids=ids[:, 6:], attention_mask=mask, position_ids=positions[:, 6:], past_key_values=cache
        ).logits
    for row, one in enumerate(asked):
        alone = plain(torch.tensor([one]))[0]
        assert (whole[row, -len(one) :] - alone).abs().max() < 1e-5
        assert (rest[row] - alone[-3:]).abs().max() < 1e-5


@pytest.mark.parametrize("rule", ["uld", "uld_release", "uld_release_spoken"])
def test_with_a_cache_and_padded_left_they_are_the_same(parts, rule):
    target, other, tokenizer = parts
    model = uld(target, other, rule)
    check_with_a_cache_and_padded_left(model, tokenizer, lambda ids: by_hand(target, other, ids, rule))


@pytest.mark.parametrize("rule", ["uld", "uld_release"])
def test_generate_is_the_argmax_by_hand_with_and_without_cache_padded_and_not(parts, rule):
    target, other, tokenizer = parts
    model, asked = uld(target, other, rule), prompts(tokenizer)
    spoken = {"uld": "uld", "uld_release": "uld_release_spoken"}[rule]
    expected = [greedy(target, other, tokenizer, ids, 6, spoken) for ids in asked]
    assert any(expected)
    ids, mask = pad(asked, tokenizer.pad_token_id, side="left")
    for use_cache in (True, False):
        how = {"do_sample": False, "max_new_tokens": 6, "use_cache": use_cache}
        together = model.generate(ids, attention_mask=mask, **how)[:, ids.shape[1] :].tolist()
        for row, one in zip(together, expected, strict=True):
            assert row[: len(one)] == one
        alone = model.generate(torch.tensor([asked[1]]), attention_mask=torch.ones(1, len(asked[1])), **how)
        assert alone[0, len(asked[1]) :].tolist()[: len(expected[1])] == expected[1]


def test_sampling_is_reproducible_and_follows_the_distribution(parts):
    """Each of three tokens, the last two by the cache; what came before them is what was drawn."""
    target, other, tokenizer = parts
    model, asked = uld(target, other), torch.tensor([prompts(tokenizer)[0]])
    many, length = asked.expand(2000, -1), asked.shape[1]
    how = {"attention_mask": torch.ones_like(many), "do_sample": True, "max_new_tokens": 3, "top_k": 0}
    torch.manual_seed(3)
    drawn = model.generate(many, **how)
    torch.manual_seed(3)
    assert torch.equal(model.generate(many, **how), drawn)
    for at in range(length, length + 3):
        going = drawn[(drawn[:, length:at] != tokenizer.eos_token_id).all(-1)]
        found = torch.bincount(going[:, at], minlength=MICRO_VOCABULARY) / len(going)
        before, counts = going[:, :at].unique(dim=0, return_counts=True)
        weights = (counts / len(going))[:, None]
        variation = {
            name: ((weights * one[:, -1].softmax(-1)).sum(0) - found).abs().sum().item() / 2
            for name, one in (("rule", by_hand(target, other, before)), ("target", logits(target, before)))
        }
        assert variation["rule"] < 0.2 < 0.3 < variation["target"]


def test_beam_search_is_the_same_with_a_cache_and_its_scores_are_by_hand(parts):
    target, other, tokenizer = parts
    model, asked, size = uld(target, other), prompts(tokenizer), 6
    ids, mask = pad(asked, tokenizer.pad_token_id, side="left")
    how = {"attention_mask": mask, "do_sample": False, "max_new_tokens": size}
    beams = how | {"num_beams": 3, "num_return_sequences": 3, "length_penalty": 0.0, "return_dict_in_generate": True}
    one, two = (model.generate(ids, use_cache=use_cache, **beams, output_scores=True) for use_cache in (True, False))
    assert torch.equal(one.sequences, two.sequences)
    said = one.sequences[:, ids.shape[1] :]
    assert not torch.equal(said[::3], model.generate(ids, **how)[:, ids.shape[1] :]), "beams were never reordered"
    for number, (row, score) in enumerate(zip(said.tolist(), one.sequences_scores.tolist(), strict=True)):
        prompt, end = asked[number // 3], tokenizer.eos_token_id
        answer = row[: row.index(end) + 1] if end in row else row
        logp = by_hand(target, other, torch.tensor([prompt + answer]))[0].log_softmax(-1)
        expected = sum(logp[len(prompt) - 1 + at, token].item() for at, token in enumerate(answer))
        assert score == pytest.approx(expected, abs=1e-4)


def test_sampling_of_the_release_says_candidates_only(parts):
    target, other, tokenizer = parts
    asked = torch.tensor([prompts(tokenizer)[0]]).expand(200, -1)
    how = {"attention_mask": torch.ones_like(asked), "do_sample": True, "top_k": 0, "max_new_tokens": 4}
    torch.manual_seed(0)
    said = uld(target, other, "uld_release").generate(asked, **how, temperature=3.0)
    kept = decoding.candidates(logits(target, said), FILTER)
    assert len(said.unique(dim=0)) > 20
    for at in range(asked.shape[1], said.shape[1]):
        going = (said[:, asked.shape[1] : at] != tokenizer.eos_token_id).all(-1)
        assert kept[range(len(said)), at - 1, said[:, at]][going].all()


@pytest.mark.parametrize("rule", ["uld", "uld_release"])
def test_the_kits_evaluation_scores_and_generates_by_the_rule(parts, rule):
    target, other, tokenizer = parts
    rows = [row | {"perturbed_answer": ["Nobody.", "A tower by the sea."]} for row in FORGET[:3]]
    asked = evaluation.questions("forget", rows, {})
    samples = evaluation.evaluate(
        uld(target, other, rule), tokenizer, asked, FORM, max_length=128, max_new_tokens=5, tokens_per_batch=300
    )
    spoken = {"uld": "uld", "uld_release": "uld_release_spoken"}[rule]
    for row, ids, sample in zip(rows, prompts(tokenizer), samples, strict=False):
        said = greedy(target, other, tokenizer, ids, 5, spoken)
        assert sample["generation"] == tokenizer.decode(said, skip_special_tokens=True).strip()
        for text, scored in zip([row["answer"], *row["perturbed_answer"]], sample["answers"], strict=True):
            encoded = encode(tokenizer, FORM(row["question"]), text, 128)
            logp = by_hand(target, other, torch.tensor([encoded.input_ids]), rule)[0].log_softmax(-1)
            answer = range(encoded.prompt_length, len(encoded.input_ids))
            expected = sum(logp[at - 1, encoded.input_ids[at]].item() for at in answer)
            assert scored["logp"] == pytest.approx(expected, rel=1e-5, abs=1e-4)
            assert scored["logp"] > -100 * scored["n_tokens"]


@pytest.mark.parametrize("rule", ["uld", "uld_release"])
def test_what_is_saved_is_what_is_loaded(parts, rule, tmp_path):
    target, other, tokenizer = parts
    model = uld(target, other, rule)
    models.save(model, tokenizer, tmp_path)
    loaded, same_tokenizer = models.load(tmp_path)
    assert isinstance(loaded, decoding.PairModel) and loaded.config.rule == rule
    assert loaded.config.parameters == {"alpha": ALPHA, "filter": FILTER}
    ids, mask = pad(prompts(same_tokenizer), same_tokenizer.pad_token_id, side="left")
    with torch.no_grad():
        one, two = (each.eval()(input_ids=ids, attention_mask=mask).logits for each in (model, loaded))
    assert torch.equal(one, two)
    for how in ({"do_sample": False}, {"do_sample": True, "top_k": 0}):
        said = []
        for each in (model, loaded):
            torch.manual_seed(1)
            said.append(each.generate(ids, attention_mask=mask, max_new_tokens=5, **how))
        assert torch.equal(*said)


@pytest.mark.parametrize("rule", ["uld", "uld_release"])
def test_plain_transformers_loads_it_once_decoding_is_imported(parts, rule, tmp_path):
    """Bit for bit the saved weights, but inside the mapped file, where a tensor may start at no multiple of 16 bytes:
    the CPU's product of a matrix and one vector, a single token's, is then rounded differently. In memory of its own
    (models.load) every logit is bit for bit that of the saved model.
    """
    target, other, tokenizer = parts
    model = uld(target, other, rule)
    models.save(model, tokenizer, tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).get_vocab() == tokenizer.get_vocab()
    assert isinstance(loaded, decoding.PairModel) and not loaded.training
    weights = loaded.state_dict()
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(weights[name], weight) for name, weight in model.state_dict().items())
    shapes = [(1, 1), (1, 8), (3, 9), (16, 40)]
    for shape in shapes:
        assert (logits(loaded, random_ids(*shape)) - logits(model, random_ids(*shape))).abs().max() < 1e-5
    for tensor in (*loaded.parameters(), *loaded.buffers()):
        tensor.data = tensor.data.clone()
    for shape in shapes:
        assert torch.equal(logits(loaded, random_ids(*shape)), logits(model, random_ids(*shape)))


def test_pairing_draws_no_new_weights(micro_tokenizer):
    """Transformers draws weights for what it does not know to have some, as it does not of modules made here."""
    target, other = (models.build(MICRO, micro_tokenizer, seed) for seed in (0, 1))
    for module in (*target.modules(), *other.modules()):
        module.__dict__.pop("_is_hf_initialized", None)
    before = [[weight.clone() for weight in one.parameters()] for one in (target, other)]
    model = uld(target, other)
    for one, weights in zip((model.target, model.other), before, strict=True):
        assert all(map(torch.equal, one.parameters(), weights))


# --- offset -------------------------------------------------------------------------------------------------


def offset(target, after, tokenizer) -> tuple:
    """(a pair in a pair, what its logits are by hand)."""
    small = FAMILIES[target.config.model_type] | {"initializer_range": 0.4, "num_hidden_layers": 1}
    before = models.build(small, tokenizer, seed=2).eval()
    model = decoding.pair(target, decoding.pair(after, before, "minus"), "offset", alpha=0.5)
    return model, lambda ids: logits(target, ids) + 0.5 * (logits(after, ids) - logits(before, ids))


def test_offset_with_a_cache_and_padded_left_is_the_same(parts):
    model, plain = offset(*parts)
    check_with_a_cache_and_padded_left(model, parts[2], plain)


def test_offset_is_a_pair_in_a_pair(parts, tmp_path):
    tokenizer = parts[2]
    model, plain = offset(*parts)
    ids = random_ids(3, 9, seed=1)
    expected = plain(ids)
    with torch.no_grad():
        assert (model(input_ids=ids).logits - expected).abs().max() < 1e-5
        cache = model(input_ids=ids[:, :5], use_cache=True).past_key_values
        assert len(cache.layers) == 4
        rest = model(input_ids=ids[:, 5:], past_key_values=cache).logits
    assert (rest - expected[:, 5:]).abs().max() < 1e-5
    models.save(model, tokenizer, tmp_path)
    loaded, _ = models.load(tmp_path)
    with torch.no_grad():
        assert torch.equal(loaded.eval()(input_ids=ids).logits, model(input_ids=ids).logits)
    asked, mask = pad(prompts(tokenizer), tokenizer.pad_token_id, side="left")
    said = [one.generate(asked, attention_mask=mask, do_sample=False, max_new_tokens=4) for one in (model, loaded)]
    assert torch.equal(*said)
