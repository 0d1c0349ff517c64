"""ULD's Table 3 with models of 30,000 parameters: ULD and Offset on a book, from their runs to the stored result."""

from pathlib import Path

import pytest
import torch
import yaml

from unlearnkit import decoding, models, papers, params, report, runs, stages

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quiet")]

FILE = Path(__file__).resolve().parent.parent / "params" / "tiny" / "table9_book.yaml"


def test_a_book_from_its_runs_to_the_check(local):
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    base_model = content["base_models"]["llama"]
    base_model["scratch"]["architecture"] |= {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
    for training in (base_model["scratch"]["pretrain"], base_model["finetune"]):
        training |= {"epochs": None, "steps": 3}
    for training in (content["unlearn"]["paper"], content["assistant"]["training"]):
        training |= {"epochs": 2.0, "batch_size": 3, "learning_rate": 1.0e-2}
    content["data"] |= {"count": 6, "repeat": 1}
    content["evaluation"] |= {"max_new_tokens": 6, "tasks": ["tiny_piqa"]}
    content |= {"rows": [*content["rows"][:2], *({"method": name} for name in ("npo", "offset_npo_kl", "uld"))]}
    plan = papers.make(params.parse(content, "here"), "here")
    for run in plan.runs.values():
        stages.execute(run, lambda *_: None)

    by_label = {row.label: plan.runs[row.draws[0].run] for row in plan.rows}
    original, _ = models.load(runs.folder(by_label["uld"].spec["start"]["run"], "finetuned") / "checkpoint")
    for name in ("uld", "offset_npo_kl"):
        model, _ = models.load(runs.folder(by_label[name]) / "checkpoint")
        assert isinstance(model, decoding.PairModel) and model.other is not None
        assert all(map(torch.equal, model.target.state_dict().values(), original.state_dict().values()))

    found = {one["method"]: one for one in report.assemble(plan, {}, local / "result")}
    assert papers.of("table9_book").problems(local / "result") == []
    assert {one["steps"] for name, one in found.items() if name not in ("base", "original")} == {4}
    uld, offset, npo, target = (found[name] for name in ("uld", "offset_npo_kl", "npo", "original"))
    assert (
        uld["updates_per_epoch"] == 2 and uld["trainable_parameters"] < npo["trainable_parameters"] == npo["parameters"]
    )
    assert 2 * uld["extra_parameters"] == offset["extra_parameters"] > npo["extra_parameters"] == 0
    # lm-eval asked the pair, not its target.
    assert len({one["word_perplexity"] for one in (uld, offset, npo, target)}) == 4
