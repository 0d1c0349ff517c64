"""The real TOFU files through loader, a training step and evaluation, with a model of 30,000 parameters."""

import pytest

from unlearnkit import params, plan, planned, runs, stages, tables

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(real_data, tmp_path_factory, micro_params):
    """A plan on the real files whose rows retain, original and flat_kl are computed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLEARNKIT_LOCAL", str(tmp_path_factory.mktemp("local")))
        content = micro_params()
        content["data"] |= {"source": "local", "retain_authors": 44}
        content["selection"] = None
        scratch = content["base_models"]["llama"]["scratch"]
        scratch["architecture"]["max_position_embeddings"] = 512
        content["unlearn"] |= {"selected": None}
        for training in (scratch["pretrain"], content["base_models"]["llama"]["finetune"], content["unlearn"]["paper"]):
            training |= {"max_length": 500, "steps": 1}
        content["evaluation"] |= {"max_length": 500, "max_new_tokens": 4}
        content["rows"] = [{"method": method} for method in ("original", "retain", "flat_kl")]
        made = plan.make(params.parse(content, "test"), "test")
        stages.quieten()
        for run in sorted(made.runs.values(), key=lambda run: ["base_model", "finetuned", "row"].index(run.kind)):
            stages.execute(run, lambda stage, done, total: None)
        yield made


def test_every_question_of_every_set_is_scored(finished):
    row = finished.rows[2]
    samples = tables.draw_samples(finished, row, row.draws[0])
    counts = {name: sum(sample["set"] == name for sample in samples) for name in planned.EVALUATED_SETS}
    assert counts == {"forget": 40, "retain": 400, "real_authors": 100, "world_facts": 117}
    for sample in samples:
        expected = 7 if sample["set"] in ("forget", "retain") else 4
        assert len(sample["answers"]) == expected
        assert all(answer["logp"] < 0 and answer["n_tokens"] > 1 for answer in sample["answers"])


def test_one_step_was_taken_and_metrics_follow(finished):
    row = finished.rows[2]
    draw = row.draws[0]
    assert runs.manifest(finished.runs[draw.run])["optimiser_steps"] == 1
    samples, retain = tables.draw_samples(finished, row, draw), tables.retain_samples(finished, row, draw)
    metrics = tables.metrics(samples, retain, finished.params.data.retain_pool)
    assert metrics["forget_quality_n"] == metrics["forget_quality_m"] == 40
    assert 0 < metrics["forget_quality_p"] <= 1


def test_the_templates_are_tofus_own(finished, real_data):
    from unlearnkit.data.templates import templates

    lines = (real_data / "idontknow.txt").read_text(encoding="utf-8").splitlines()
    assert templates("local") == [line for line in lines if line.strip()]
    assert len(lines) == 100
