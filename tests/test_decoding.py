"""WHP: a worked example, plain passes as the oracle, one cache for two models, and what is saved is what is loaded."""

import copy
import json

import pytest
import torch
from conftest import MICRO, MICRO_VOCABULARY
from micro import FORGET, FORM, OPT, PHI
from transformers import BloomConfig, DynamicCache, LlamaConfig

from unlearnkit import decoding, evaluation, models
from unlearnkit.data.collate import pad
from unlearnkit.data.encode import IGNORE, encode
from unlearnkit.errors import KitError

pytestmark = pytest.mark.usefixtures("quiet")

FAMILIES = {"llama": MICRO, "opt": OPT, "phi": PHI}
ALPHA = 2.0


@pytest.fixture(scope="module", params=FAMILIES)
def parts(request, micro_tokenizers):
    """(target, reinforced, tokenizer) of a family; the second has fewer layers, as ULD's assistants do."""
    tokenizer = micro_tokenizers[request.param]
    target = models.build(FAMILIES[request.param], tokenizer, seed=0).eval()
    smaller = FAMILIES[request.param] | {"num_hidden_layers": 1}
    return target, models.build(smaller, tokenizer, seed=1).eval(), tokenizer


def combined(target, other, ids: torch.Tensor) -> torch.Tensor:
    """WHP's logits of unpadded rows, from two plain passes without a cache."""
    with torch.no_grad():
        ours, theirs = (model(input_ids=ids, use_cache=False).logits for model in (target, other))
    return ours - ALPHA * (theirs - ours).clamp(min=0)


def greedy(target, other, tokenizer, ids: list[int], count: int) -> list[int]:
    """Plain greedy decoding of one prompt, everything computed anew for every token."""
    said: list[int] = []
    while len(said) < count:
        token = combined(target, other, torch.tensor([ids + said]))[0, -1].argmax().item()
        if token == tokenizer.eos_token_id:
            break
        said.append(token)
    return said


def prompts(tokenizer) -> list[list[int]]:
    return [encode(tokenizer, FORM(row["question"]), "x", 128).input_ids[:-2] for row in FORGET]


def test_worked_example():
    target, reinforced = torch.tensor([1.0, 2.0, -1.0, 0.5]), torch.tensor([3.0, 1.0, -1.0, 1.0])
    # Louder by 2 and by 0.5: lowered by 8 and by 2. Quieter, or the same: untouched.
    assert decoding.whp(target, reinforced, alpha=4.0).tolist() == [-7.0, 2.0, -1.0, -1.5]
    assert decoding.whp(target, reinforced, alpha=0.0).tolist() == target.tolist()


def test_logits_and_loss_are_those_of_two_plain_passes(parts):
    target, other, _ = parts
    model = decoding.pair(target, other, "whp", alpha=ALPHA)
    ids = torch.randint(5, MICRO_VOCABULARY, (3, 9), generator=torch.Generator().manual_seed(0))
    expected = combined(target, other, ids)
    labels = ids.clone()
    labels[0, :4] = IGNORE
    output = model(input_ids=ids, labels=labels)
    assert torch.equal(output.logits, expected)
    logp = expected[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    assert output.loss.item() == pytest.approx(-logp[labels[:, 1:] != IGNORE].mean().item(), rel=1e-5)
    assert output.past_key_values is None
    assert torch.allclose(model(input_ids=ids, logits_to_keep=1).logits, expected[:, -1:], atol=1e-5)
    assert not torch.allclose(expected, combined(target, target, ids), atol=0.1)


def test_one_cache_holds_both_models(parts):
    target, other, _ = parts
    model = decoding.pair(target, other, "whp", alpha=ALPHA)
    ids = torch.randint(5, MICRO_VOCABULARY, (3, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        cache = model(input_ids=ids[:, :5], use_cache=True).past_key_values
        assert len(cache.layers) == 3
        kept = copy.deepcopy(cache)
        kept.batch_select_indices(torch.tensor([2, 0]))
        rest = model(input_ids=ids[[2, 0], 5:], past_key_values=kept).logits
        assert cache.get_seq_length() == 5 and kept.get_seq_length() == 9
    assert torch.allclose(rest, combined(target, other, ids[[2, 0]])[:, 5:], atol=1e-5)


def test_a_cache_of_the_callers_grows_for_both_models_or_is_refused(parts):
    """An empty DynamicCache makes layers as it is written to; one of the target's layers would hold half of it."""
    target, other, _ = parts
    model = decoding.pair(target, other, "whp", alpha=ALPHA)
    ids = torch.randint(5, MICRO_VOCABULARY, (2, 9), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        cache = DynamicCache()
        model(input_ids=ids[:, :5], past_key_values=cache)
        rest = model(input_ids=ids[:, 5:], past_key_values=cache).logits
    assert torch.allclose(rest, combined(target, other, ids)[:, 5:], atol=1e-5)
    how = {"attention_mask": torch.ones_like(ids), "do_sample": False, "max_new_tokens": 6}
    assert torch.equal(model.generate(ids, past_key_values=DynamicCache(), **how), model.generate(ids, **how))
    with pytest.raises(KitError, match="a cache of 2 layers: the two models together have 3"):
        model(input_ids=ids, past_key_values=DynamicCache(config=target.config))


def test_generate_is_plain_greedy_decoding_with_and_without_cache_padded_and_not(parts):
    target, other, tokenizer = parts
    model = decoding.pair(target, other, "whp", alpha=ALPHA)
    asked = prompts(tokenizer)
    expected = [greedy(target, other, tokenizer, ids, 8) for ids in asked]
    ids, mask = pad(asked, tokenizer.pad_token_id, side="left")
    for use_cache in (True, False):
        how = {"do_sample": False, "max_new_tokens": 8, "use_cache": use_cache}
        together = model.generate(ids, attention_mask=mask, **how)[:, ids.shape[1] :].tolist()
        for row, one in zip(together, expected, strict=True):
            assert row[: len(one)] == one
        alone = model.generate(torch.tensor([asked[0]]), attention_mask=torch.ones(1, len(asked[0])), **how)
        assert alone[0, len(asked[0]) :].tolist()[: len(expected[0])] == expected[0]


def test_the_kits_evaluation_takes_it_as_any_model(parts):
    target, other, tokenizer = parts
    model = decoding.pair(target, other, "whp", alpha=ALPHA)
    rows = [row | {"perturbed_answer": ["Nobody.", "A tower by the sea."]} for row in FORGET]
    samples = evaluation.evaluate(
        model,
        tokenizer,
        evaluation.questions("forget", rows, {}),
        FORM,
        max_length=128,
        max_new_tokens=6,
        tokens_per_batch=300,
    )
    for row, ids, sample in zip(rows, prompts(tokenizer), samples, strict=True):
        said = tokenizer.decode(greedy(target, other, tokenizer, ids, 6), skip_special_tokens=True).strip()
        assert sample["generation"] == said
        for text, scored in zip([row["answer"], *row["perturbed_answer"]], sample["answers"], strict=True):
            encoded = encode(tokenizer, FORM(row["question"]), text, 128)
            logp = combined(target, other, torch.tensor([encoded.input_ids]))[0].log_softmax(-1)
            answer = range(encoded.prompt_length, len(encoded.input_ids))
            expected = sum(logp[at - 1, encoded.input_ids[at]].item() for at in answer)
            assert scored["logp"] == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_what_is_saved_is_what_is_loaded(parts, tmp_path):
    target, other, tokenizer = parts
    model = decoding.pair(target, other, "whp", alpha=ALPHA)
    models.save(model, tokenizer, tmp_path)
    loaded, same_tokenizer = models.load(tmp_path)
    assert isinstance(loaded, decoding.PairModel) and loaded.config.parameters == {"alpha": ALPHA}
    ids, mask = pad(prompts(same_tokenizer), same_tokenizer.pad_token_id, side="left")
    with torch.no_grad():
        one, two = (each.eval()(input_ids=ids, attention_mask=mask).logits for each in (model, loaded))
    assert torch.equal(one, two)
    how = {"attention_mask": mask, "do_sample": False, "max_new_tokens": 5}
    assert torch.equal(model.generate(ids, **how), loaded.generate(ids, **how))
    assert loaded.num_parameters() == model.num_parameters() == target.num_parameters() + other.num_parameters()


def test_lm_eval_reads_it_in_the_targets_windows(parts, tmp_path):
    """Or perplexities would be those of other windows than the target's."""
    from lm_eval.models.huggingface import HFLM

    target, other, tokenizer = parts
    model = decoding.pair(target, other, "whp", alpha=ALPHA)
    models.save(model, tokenizer, tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    loaded = [models.load(tmp_path)[0]]
    assert config.pop("max_position_embeddings") == MICRO["max_position_embeddings"]
    file.write_text(json.dumps(config), encoding="utf-8")  # as it was written before pairs had a window
    loaded.append(models.load(tmp_path)[0])
    windows = [HFLM(pretrained=one, tokenizer=tokenizer).max_length for one in (target, model, *loaded)]
    assert windows == [MICRO["max_position_embeddings"]] * 4


def test_its_window_is_the_smaller_one_of_those_that_there_are():
    short, long = (LlamaConfig(max_position_embeddings=size) for size in (96, 128))
    none = BloomConfig()  # ALiBi: as long as you like
    for target, other, window in ((long, short, 96), (short, long, 96), (none, long, 128), (long, none, 128)):
        assert decoding.PairConfig(target, other).max_position_embeddings == window
    assert decoding.PairConfig(long, decoding.PairConfig(long, short)).max_position_embeddings == 96
    assert not hasattr(decoding.PairConfig(none, none), "max_position_embeddings")


@pytest.mark.parametrize(
    ("rule", "parameters", "message"),
    [
        ("wph", {"alpha": 1.0}, "no rule 'wph' combines two models; did you mean 'whp'?"),
        ("whp", {}, "rule 'whp': it needs 'alpha'"),
        ("whp", {"alpha": 1.0, "alhpa": 1.0}, "rule 'whp': it has no 'alhpa'; did you mean 'alpha'?"),
    ],
)
def test_an_unknown_rule_and_other_parameters_are_refused(micro_model, rule, parameters, message):
    with pytest.raises(KitError) as raised:
        decoding.pair(micro_model(), micro_model(), rule, **parameters)
    assert str(raised.value).startswith(message)


def test_two_vocabularies_are_refused(micro_model, micro_tokenizers):
    other = micro_model()
    other.resize_token_embeddings(MICRO_VOCABULARY - 8)
    with pytest.raises(KitError, match=f"vocabularies of {len(micro_tokenizers['llama'])} and {MICRO_VOCABULARY - 8}"):
        decoding.pair(micro_model(), other, "whp", alpha=1.0)
