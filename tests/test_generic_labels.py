"""WHP's last step: labels by a worked example and by plain passes, what learning them does, and the row of Table 5."""

import copy
from pathlib import Path

import pytest
import torch
import yaml
from conftest import MICRO, MICRO_VOCABULARY
from micro import FORGET, FORM, token_probabilities

from unlearnkit import models, papers, params, runs, stages
from unlearnkit.data.encode import IGNORE, Encoded, encode
from unlearnkit.decoding import PairModel, whp
from unlearnkit.errors import KitError
from unlearnkit.training import finetune
from unlearnkit.training.generic_labels import generic, relabelled

pytestmark = pytest.mark.usefixtures("quiet")


# --- labels -------------------------------------------------------------------------------------------------


class Bigrams(torch.nn.Module):
    """Scores of the next token by the last one alone: WHP's of two tables, vocabulary 4."""

    device = torch.device("cpu")
    target = torch.tensor([[0.0, 3.0, 2.0, 1.0], [0.0, 0.0, 1.0, 2.0], [1.0, 0.0, 0.0, 0.0], [4.0, 3.0, 0.0, 0.0]])
    reinforced = torch.tensor([[0.0, 4.0, 2.0, 0.0], [0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.5, 0.0], [4.5, 5.0, 0.0, 0.0]])

    def forward(self, input_ids, attention_mask):
        class Output:
            logits = whp(self.target[input_ids], self.reinforced[input_ids], alpha=2.0)

        return Output


class Tokenizer:
    pad_token_id = 0


def test_worked_example(micro_training):
    """After 0: [0, 3 - 2, 2, 1]: 2, not 1, which the reinforced model says louder. After 1: 3. After 2: 0. After 3:
    [4 - 1, 3 - 4, 0, 0]: still 0, louder but far ahead. The padding behind the shorter row is nobody's label."""
    sequences = [
        Encoded(input_ids=[0, 1, 2, 3], labels=[0, 1, 2, 3], prompt_length=0),
        Encoded(input_ids=[3, 0, 1], labels=[IGNORE, IGNORE, 1], prompt_length=2),
        Encoded(input_ids=[3, 0, 3], labels=[IGNORE, 0, 3], prompt_length=1),
    ]
    found = relabelled(Bigrams(), Tokenizer(), sequences, micro_training(batch_size=2))
    assert [one.labels for one in found] == [[IGNORE, 2, 3, 0], [IGNORE, IGNORE, 2], [IGNORE, 0, 2]]
    assert [one.input_ids for one in found] == [one.input_ids for one in sequences]


def louder(model):
    """A model that says everything that it likes louder: its logits times 1.5."""
    found = copy.deepcopy(model)
    with torch.no_grad():
        found.model.norm.weight.mul_(1.5)
    return found


@pytest.fixture
def sequences(micro_tokenizer, micro_training) -> list[Encoded]:
    return finetune.encoded(micro_tokenizer, FORGET, FORM, micro_training())


@pytest.mark.parametrize("alpha", [0.0, 8.0])
def test_labels_are_the_best_guesses_of_plain_passes(alpha, sequences, memorised, micro_tokenizer, micro_training):
    target, reinforced = memorised(), louder(memorised())
    found = generic(target, reinforced, alpha, micro_tokenizer, sequences, micro_training())
    assert len({len(one.input_ids) for one in sequences}) > 1
    same = 0
    for one, new in zip(sequences, found, strict=True):
        ids = torch.tensor([one.input_ids])
        with torch.no_grad():
            ours, theirs = (model(input_ids=ids).logits[0] for model in (memorised(), reinforced))
        guesses = (ours - alpha * (theirs - ours).clamp(min=0)).argmax(-1).tolist()
        assert new.input_ids == one.input_ids
        assert new.labels == [IGNORE] * one.prompt_length + guesses[one.prompt_length - 1 : -1]
        same += new.labels == one.labels
    assert same == (len(sequences) if alpha == 0 else 0)  # it knows them by heart; what it likes most is taken away


def test_what_has_learnt_them_is_an_ordinary_model_that_says_them(
    sequences, memorised, micro_tokenizer, adam, tmp_path
):
    training = adam(steps=100, batch_size=6, learning_rate=1e-2)
    model = memorised()
    labelled = generic(model, louder(model), 8.0, micro_tokenizer, sequences, training)
    assert all(torch.equal(*pair) for pair in zip(model.parameters(), memorised().parameters(), strict=True))
    steps = finetune.train_encoded(
        model, micro_tokenizer, labelled, training, 0, tmp_path / "trainer", lambda done, total: None
    )
    assert steps == 100
    models.save(model.eval(), micro_tokenizer, tmp_path / "saved")
    loaded, _ = models.load(tmp_path / "saved")
    assert type(loaded) is type(model) and not isinstance(loaded, PairModel)
    hits = total = 0
    for row, one in zip(FORGET, labelled, strict=True):
        with torch.no_grad():
            guesses = loaded.eval()(input_ids=torch.tensor([one.input_ids])).logits[0].argmax(-1).tolist()
        answer = range(one.prompt_length, len(one.labels))
        hits += sum(guesses[at - 1] == one.labels[at] for at in answer)
        total += len(answer)
        ids = encode(micro_tokenizer, FORM(row["question"]), row["answer"], 128).input_ids
        assert token_probabilities(loaded, {"forget_input_ids": ids}, "forget").mean() < 0.2  # was above 0.9
        prompt = torch.tensor([one.input_ids[: one.prompt_length]])
        said = loaded.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=1)
        assert said[0, -1] == guesses[one.prompt_length - 1]
    assert hits > 0.9 * total


# --- the row ------------------------------------------------------------------------------------------------

FILE = Path(__file__).resolve().parent.parent / "params" / "tiny" / "table5.yaml"
ROWS = [{"method": "original"}, {"method": "retain"}, *({"method": name, "parameters": {"alpha": 4.0}}
        for name in ("whp", "whp_generic"))]  # fmt: skip


def content(**changes) -> dict:
    """The tiny parameter file with models of 30,000 parameters and short training."""
    found = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    base_model, short = found["base_models"]["llama"], {"epochs": None, "steps": 3, "batch_size": 4, "warmup_steps": 0}
    longest = MICRO | {"vocab_size": MICRO_VOCABULARY, "max_position_embeddings": 1024}
    base_model["scratch"]["architecture"] = longest
    for training in (base_model["scratch"]["pretrain"], base_model["finetune"], found["reinforce"]):
        training |= short | {"max_length": 1024}
    found["evaluation"] |= {"max_length": 1024, "verbmem_tokens": 2, "knowmem_tokens": 2}
    found |= {"curves": None, "rows": ROWS}
    return found | {"generic": found["reinforce"] | {"steps": 2, "learning_rate": 1e-3}} | changes


def planned_rows(**changes):
    made = papers.make(params.parse(content(**changes), "here"), "here")
    return made, {row.method: row for row in made.rows}


def test_the_row_says_how_it_trains_and_shares_the_reinforced_model():
    made, rows = planned_rows()
    plain, trained = (made.runs[rows[name].draws[0].run] for name in ("whp", "whp_generic"))
    assert trained.needs == plain.needs and trained.spec["start"] == plain.spec["start"]
    how = trained.spec["combine"]
    assert how["training"] == made.params.generic.model_dump() and how["forget_set"] == "raw/forget"
    assert plain.spec["combine"] == {"rule": "whp", "alpha": 4.0, "reinforced": how["reinforced"]}
    assert set(trained.spec["data_fingerprints"]) - set(plain.spec["data_fingerprints"]) == {"raw/forget"}
    assert (rows["whp_generic"].printed_as, rows["whp_generic"].training["steps"]) == ("WHP + generic labels", 2)
    _, others = planned_rows(generic=content()["generic"] | {"steps": 5})
    assert others["whp"].draws == rows["whp"].draws and others["whp_generic"].draws != rows["whp_generic"].draws


def test_without_the_section_the_row_is_refused_and_others_are_not():
    with pytest.raises(KitError, match="generic: it is null, but the row 'whp_generic' trains by it") as raised:
        planned_rows(generic=None)
    assert "\n" not in str(raised.value)
    planned_rows(generic=None, rows=ROWS[:3])


def test_an_interrupted_row_goes_on_behind_its_training(local, monkeypatch):
    """Its steps are recorded; after the training its labels are not computed again."""
    made, rows = planned_rows()
    run = made.runs[rows["whp_generic"].draws[0].run]
    asked = []

    def samples(model, tokenizer, spec, report):
        asked.append(model)
        if len(asked) == 1:
            raise KeyboardInterrupt
        return [{"set": "verbmem_forget", "item": "0"}]

    monkeypatch.setitem(stages.sampling.SAMPLES, "muse", samples)
    seen = []
    for one in made.behind([run.key])[:-1]:
        stages.execute(one, lambda *given: None)
    with pytest.raises(KeyboardInterrupt):
        stages.execute(run, lambda stage, done, total: seen.append((stage, done)))
    assert seen == [("unlearning", 1), ("unlearning", 2)]
    stages.execute(run, lambda stage, done, total: seen.append((stage, done)))
    assert len(seen) == 2
    manifest = runs.manifest(run)
    assert manifest["optimiser_steps"] == 2 and manifest["unlearning_seconds"] > 0
    first, again = asked
    assert type(again).__name__ == "LlamaForCausalLM"
    assert all(torch.equal(*pair) for pair in zip(first.parameters(), again.parameters(), strict=True))
    original, _ = stages.start_model(run.spec["start"])
    moved = [not torch.equal(*pair) for pair in zip(first.parameters(), original.parameters(), strict=True)]
    assert all(moved)
