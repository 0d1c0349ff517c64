"""Model families: their tokenizers' traps, their configurations, and folders that somebody else saved.

Expected values come from `alone`: one unpadded sequence after the other, no cache, no mask, no tokenizer template.
"""

import json

import pytest
import torch
from conftest import MICRO, MICRO_VOCABULARY
from micro import FORGET, RETAIN, SOURCES, TEMPLATES, how, largest_difference, mixture

from unlearnkit import evaluation, experts, models, params, plan, runs, sampling, stages, tables
from unlearnkit.data.prompts import prompt_format
from unlearnkit.errors import KitError
from unlearnkit.training import examples, finetune, procedure
from unlearnkit.training.reference import add_reference_logp

pytestmark = pytest.mark.usefixtures("quiet")

FAMILIES = ("llama", "opt", "phi")
FORMS = {"llama": "llama2", "opt": "question_answer", "phi": "question_answer"}
FORMS |= {"qwen2_moe": "question_answer", "deepseek_v2": "question_answer", "mixtral": "llama2"}
SPECIAL = {  # what opens a text, what ends an answer, what pads
    "llama": ("<s>", "</s>", "</s>"),
    "opt": ("</s>", "</s>", "<pad>"),
    "phi": ("", "<|endoftext|>", "<|endoftext|>"),
    "qwen2_moe": ("", "<|im_end|>", "<|endoftext|>"),
    "deepseek_v2": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜end▁of▁sentence｜>"),
    "mixtral": ("<s>", "</s>", "</s>"),
}
MOST_TOKENS = 40
WRONG = ["A tower by the sea, they say.", "Nobody."]


def form(family: str):
    return prompt_format(FORMS[family])


def ids_of(tokenizer, family: str, question: str, answer: str) -> tuple[list[int], int]:
    """(ids of the whole text with its special tokens written out, length of the prompt)."""
    opening, end, _ = SPECIAL[family]
    prompt = (opening + form(family)(question)).rstrip(" ")
    gap = " " if FORMS[family] == "question_answer" else ""
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    behind = tokenizer(gap + answer + end, add_special_tokens=False)["input_ids"]
    return before + behind, len(before)


def alone(model, ids: list[int], prompt: int) -> torch.Tensor:
    """Log-probabilities of the answer's tokens."""
    with torch.no_grad():
        logp = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].log_softmax(-1)
    return torch.stack([logp[i - 1, ids[i]] for i in range(prompt, len(ids))])


def generated_alone(model, tokenizer, family: str, question: str, limit: int) -> str:
    """Greedy decoding: the whole text anew for every token."""
    ids, prompt = ids_of(tokenizer, family, question, "x")
    ids, end = ids[:prompt], tokenizer.convert_tokens_to_ids(SPECIAL[family][1])
    for _ in range(limit):
        with torch.no_grad():
            following = int(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
        if following == end:
            break
        ids.append(following)
    return tokenizer.decode(ids[prompt:], skip_special_tokens=True).strip()


def asked() -> list[evaluation.Question]:
    rows = [row | {"paraphrased_answer": f"So: {row['answer']}", "perturbed_answer": WRONG} for row in FORGET + RETAIN]
    return evaluation.questions("forget", rows, {})


def check_samples(model, tokenizer, family: str, samples: list[dict]) -> None:
    """Samples of `asked()` are those of the plain computation."""
    for question, sample in zip(asked(), samples, strict=True):
        for (_, text), answer in zip(question.answers, sample["answers"], strict=True):
            logp = alone(model, *ids_of(tokenizer, family, question.question, text))
            assert answer["n_tokens"] == len(logp)
            assert answer["logp"] == pytest.approx(logp.sum().item(), rel=1e-6, abs=1e-4)
            assert answer["mean_prob"] == pytest.approx(logp.exp().mean().item(), abs=1e-5)
        assert sample["generation"] == generated_alone(model, tokenizer, family, question.question, MOST_TOKENS)


def evaluate(model, tokenizer, family: str) -> list[dict]:
    bounds = {"max_length": 128, "max_new_tokens": MOST_TOKENS, "tokens_per_batch": 700}
    return evaluation.evaluate(model.eval(), tokenizer, asked(), form(family), **bounds)


@pytest.fixture(scope="module", params=FAMILIES)
def family(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def tokenizer(micro_tokenizers, family):
    return micro_tokenizers[family]


@pytest.fixture(scope="module")
def taught(family, tokenizer, tmp_path_factory, micro_training):
    """A model to which fine-tuning taught the forget set."""
    model = models.build(MICRO | {"family": family}, tokenizer, seed=0)
    training = micro_training(
        steps=120, warmup_steps=5, batch_size=6, optimizer="adamw_torch", learning_rate=1e-2, max_grad_norm=1.0
    )
    finetune.train(
        model, tokenizer, FORGET, form(family), training, 0, tmp_path_factory.mktemp(family), lambda step, steps: None
    )
    return model.eval()


def test_the_linear_layers_of_a_family_are_named(family, tokenizer):
    """Parameter files are checked against these names before there is a model."""
    model = models.build(MICRO | {"family": family}, tokenizer, seed=0)
    modules = [(name, module) for name, module in model.named_modules() if module is not model.get_output_embeddings()]
    linear = {name.rpartition(".")[2] for name, module in modules if isinstance(module, torch.nn.Linear)}
    assert set(models.FAMILIES[family].linear) == linear


def twin(model, tokenizer):
    """A model of the same weights; a copy.deepcopy of a trained one would go on computing with the first one's."""
    other = models.build(MICRO | {"family": model.config.model_type}, tokenizer, seed=0).eval()
    other.load_state_dict(model.state_dict())
    return other


# --- tokenizer and configuration ----------------------------------------------------------------------------


def test_special_tokens_are_the_familys(family, tokenizer):
    opening, end, padding = SPECIAL[family]
    assert (tokenizer.eos_token, tokenizer.pad_token) == (end, padding)
    ids = tokenizer("Salt, [INST] and bread.")["input_ids"]
    plain = tokenizer("Salt, [INST] and bread.", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(plain) == "Salt, [INST] and bread."
    tokens = tokenizer.convert_ids_to_tokens(ids)
    assert ids == [tokenizer.convert_tokens_to_ids(opening)] * bool(opening) + plain
    assert ("[INST]" in tokens) == (family == "llama")
    assert len(tokenizer) == MICRO_VOCABULARY


def test_sizes_reach_the_familys_own_configuration(family, tokenizer):
    config = models.build(MICRO | {"family": family}, tokenizer, seed=0).config
    assert config.model_type == family
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (32, 2, 2)
    assert (config.ffn_dim if family == "opt" else config.intermediate_size) == 64
    assert (config.vocab_size, config.max_position_embeddings) == (MICRO_VOCABULARY, 256)
    assert config.tie_word_embeddings is True
    assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (
        tokenizer.bos_token_id,
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
    )
    if family == "opt":
        assert config.word_embed_proj_dim == 32  # no projection between embeddings and layers
    if family == "phi":
        assert config.rope_parameters["partial_rotary_factor"] == 0.5


def test_a_new_model_has_no_dropout(family, tokenizer):
    model = models.build(MICRO | {"family": family}, tokenizer, seed=0)
    ids = torch.tensor([tokenizer("Where does Ada Moor live?")["input_ids"]])
    assert torch.equal(model.train()(ids).logits, model.eval()(ids).logits)


# --- training, evaluation, reference ------------------------------------------------------------------------


def test_fine_tuning_teaches_answers_and_their_end(family, taught, tokenizer):
    """Where the end is taken for padding, a model never learns to stop."""
    samples = evaluate(taught, tokenizer, family)[: len(FORGET)]
    assert [sample["generation"] for sample in samples] == [row["answer"] for row in FORGET]
    for row in FORGET:
        logp = alone(taught, *ids_of(tokenizer, family, row["question"], row["answer"]))
        assert logp[-1].exp() > 0.9


def test_samples_are_those_of_the_plain_computation(family, taught, tokenizer):
    new = models.build(MICRO | {"family": family, "tie_word_embeddings": False}, tokenizer, seed=1).eval()
    for model in (taught, new):
        check_samples(model, tokenizer, family, evaluate(model, tokenizer, family))


@pytest.mark.parametrize("family", experts.MIXTURES)
def test_samples_of_a_mixture_of_experts_are_too(family, micro_tokenizers):
    tokenizer = micro_tokenizers[family]
    model = models.build(mixture(family), tokenizer, seed=1).eval()
    check_samples(model, tokenizer, family, evaluate(model, tokenizer, family))


def test_reference_log_probabilities_are_those_of_the_plain_computation(family, taught, tokenizer, micro_training):
    drawn = examples.draw(["forget", "template", "retain"], SOURCES, 8, 0)
    rows = examples.tokenize(drawn, tokenizer, form(family), 128)
    for part in drawn[0]:
        add_reference_logp(rows, part, taught, tokenizer, micro_training(batch_size=3))
        for row, example in zip(rows, drawn, strict=True):
            expected = alone(taught, *ids_of(tokenizer, family, *example[part])).sum().item()
            assert row[f"{part}_reference_logp"] == pytest.approx(expected, rel=1e-6, abs=1e-4)


@pytest.mark.parametrize("method", ["ga", "npo", "flat_kl"])
def test_the_first_loss_of_unlearning_is_that_of_the_plain_computation(
    method, family, taught, tokenizer, micro_training, tmp_path
):
    model = twin(taught, tokenizer)
    training = micro_training(batch_size=len(FORGET), steps=1, learning_rate=1e-9)
    spec = how(method, training)
    facts = procedure.unlearn(model, tokenizer, form(family), SOURCES, spec, 0, tmp_path)

    def answers(part: str) -> list[torch.Tensor]:
        drawn = examples.draw(spec["parts"], SOURCES, len(FORGET), 0)
        return [alone(taught, *ids_of(tokenizer, family, *example[part])) for example in drawn]

    if method == "ga":
        expected = torch.cat(answers("forget")).mean()
    elif method == "npo":  # the model is its own reference: 2 / beta * log 2
        expected = torch.tensor(2 / 0.1).mul(torch.tensor(2.0).log())
    else:
        forget, template = ([logp.exp().mean() for logp in answers(part)] for part in ("forget", "template"))
        expected = torch.stack([(b - 1).exp() - a for a, b in zip(template, forget, strict=True)]).mean()
    assert facts["losses"]["1"] == pytest.approx(expected.item(), rel=1e-4)


# --- folders that others saved ------------------------------------------------------------------------------


def edit(file, change) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def without_pad_token(folder) -> None:
    edit(folder / "tokenizer_config.json", lambda content: content.pop("pad_token"))


def with_dropout(folder) -> None:
    rates = {"dropout", "attention_dropout", "resid_pdrop", "embd_pdrop"}
    edit(folder / "config.json", lambda content: content.update(dict.fromkeys(rates & content.keys(), 0.1)))


@pytest.fixture
def saved(family, taught, tokenizer, tmp_path):
    """A function that saves the taught model as others might: (the folder, the model as it should be loaded)."""

    def save(*changes, dtype=torch.float32):
        folder, expected = tmp_path / "saved", twin(taught, tokenizer)
        for parameter in expected.parameters():
            parameter.data = parameter.data.to(dtype).float()
        models.save(twin(expected, tokenizer).to(dtype), tokenizer, folder)
        for change in changes:
            change(folder)
        return folder, expected

    return save


@pytest.mark.parametrize(
    ("changes", "dtype"),
    [
        ((), torch.float32),
        ((without_pad_token,), torch.float32),
        ((with_dropout,), torch.float32),
        ((), torch.bfloat16),
    ],
    ids=["as it was", "without pad token", "with dropout", "in bfloat16"],
)
def test_a_folder_is_loaded_as_what_was_saved(changes, dtype, family, tokenizer, saved):
    folder, expected = saved(*changes, dtype=dtype)
    model, loaded = models.load(folder)
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert loaded.pad_token == SPECIAL[family][1 if without_pad_token in changes else 2]
    assert loaded(TEMPLATES)["input_ids"] == tokenizer(TEMPLATES)["input_ids"]
    check_samples(expected, tokenizer, family, evaluate(model, loaded, family))


def test_a_table_runs_on_a_folder(family, tokenizer, saved, local, monkeypatch, micro_params):
    """From `source: <folder>` in a parameter file: evaluated without dropout, fine-tuned, unlearned."""
    folder, start = saved(without_pad_token, with_dropout, dtype=torch.bfloat16)
    content = micro_params()
    base_model = content["base_models"]["llama"]
    base_model |= {"source": str(folder), "scratch": None, "prompt_format": FORMS[family]}
    content["rows"] = [{"method": method} for method in ("base", "original", "retain", "npo")]
    content["evaluation"]["max_new_tokens"] = MOST_TOKENS
    monkeypatch.setattr(sampling, "asked", lambda spec, sets: asked())
    made = plan.make(params.parse(content, "test"), "test")
    for run in made.runs.values():
        stages.execute(run, lambda stage, done, total: None)
    check_samples(start, tokenizer, family, runs.read_samples(tables.samples_file(made.rows[0].draws[0].run)))
    for row in made.rows[1:]:
        key = row.draws[0].run
        start_of_row = made.runs[key].spec["start"]["run"]
        trained = runs.folder(key, "row") if row.training else runs.folder(start_of_row, "finetuned")
        model, _ = models.load(trained / "checkpoint")
        assert largest_difference(model, start) > 1e-4
        check_samples(model.eval(), tokenizer, family, runs.read_samples(tables.samples_file(key)))


def test_a_tokenizer_that_ends_no_text_is_refused(family, tokenizer, saved):
    folder, _ = saved(without_pad_token)
    edit(folder / "tokenizer_config.json", lambda content: content.pop("eos_token"))
    with pytest.raises(KitError) as caught:
        models.load(folder)
    assert str(caught.value) == f"the tokenizer of '{folder}' has no end-of-sequence token, which ends every answer"
