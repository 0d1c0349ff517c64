"""The tiny Table 10: what is planned, what is refused, made-up records, what the paper says; and a random expert."""

import json

import pytest
import yaml

from unlearnkit import papers, params, paths, report, results, runs, tables
from unlearnkit.data import wmdp_rwku
from unlearnkit.errors import KitError
from unlearnkit.metrics.wmdp_rwku import reached, wilson
from unlearnkit.papers import claims_table10, uoe_table10, uoe_text
from unlearnkit.training import callbacks

FILE = "params/tiny/table10.yaml"
TEXT = yaml.safe_load((paths.ROOT / FILE).read_text(encoding="utf-8"))
# Label without its benchmark -> forget efficacy, utility.
SAYS = {
    "original": (0.95, 0.9),
    "ga": (0.3, 0.35),
    "ga_UOE": (0.275, 0.75),
    "rmu": (0.325, 0.2),
    "rmu_UOE": (0.9, 0.85),
}
EXPERT = next(row for row in TEXT["rows"] if row.get("expert"))["expert"]


def content(**changes):
    """The tiny parameters, changed at dotted keys."""
    copy = json.loads(json.dumps(TEXT))
    for key, value in changes.items():
        *path, last = key.split("__")
        at = copy
        for part in path:
            at = at[part]
        at[last] = value
    return params.parse(copy, FILE)


def refusal(**changes) -> str:
    with pytest.raises(KitError) as error:
        papers.make(content(**changes), FILE)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{FILE}: ")


def few_rows() -> list[dict]:
    wanted = [(name.partition("_")[0], "UOE" if "_" in name else None) for name in SAYS]
    rows = [row for row in TEXT["rows"] if (row["method"], row.get("note")) in wanted]
    rows = [row for row in rows if row.get("base_models") != ["dense"]]
    return [{key: value for key, value in row.items() if key != "base_models"} for row in rows]


def few_plan(**changes):
    """Five rows of the two mixtures."""
    mixtures = {name: TEXT["base_models"][name] for name in ("qwen", "deepseek")}
    return papers.make(content(rows=few_rows(), base_models=mixtures, **changes), FILE)


def made_up(run, forgotten: float, kept: float) -> list[dict]:
    (benchmark,), how = run.spec["asked"], run.spec["evaluation"]
    found = [{"set": "zeroshot", "item": task, "accuracy": kept, "questions": 200} for task in how["utility_tasks"]]
    if benchmark == "wmdp":
        tasks = how["wmdp_tasks"]
        return found + [{"set": "zeroshot", "item": task, "accuracy": forgotten, "questions": 80} for task in tasks]
    for level in wmdp_rwku.PROBES:
        for number in range(40):
            knows = number < round(40 * forgotten)
            both = {"reference": "amber", "generation": "amber" if knows else "chalk", "rouge_l_recall": float(knows)}
            found.append({"set": level, "item": str(number), "question": f"{level} {number}", **both})
    return found


def finish(plan) -> None:
    """Close every run, with made-up samples, trajectories and routing."""
    for run in plan.runs.values():
        folder = runs.folder(run)
        folder.mkdir(parents=True)
        facts = {"seconds": 1.0}
        if run.kind == "row":
            label = run.name.partition("/")[2].partition(",")[0].rpartition("_")[0]
            samples = made_up(run, *SAYS[label])
            runs.write_samples(folder / "samples.jsonl.gz", samples)
            if run.spec["unlearn"]:
                at = uoe_table10.measure(samples, None, plan.params.model_dump())
                runs.write_json(folder / "trajectory.json", [{"step": 4, "loss": 1.0} | at])
                routing = {"layers": [1, 2], "selection_shift": [0.25, 0.75]}
                if "expert" in run.spec["unlearn"]["training"]:
                    routing |= {"affinity": [[0.1, 0.2], [0.4, 0.3]], "selected": [[2, 0]]}
                facts |= {"optimiser_steps": 4, "unlearning_seconds": 2.0, "routing": routing}
                facts |= {"parameters": 1000, "trainable_parameters": 10 if "selected" in routing else 1000}
        runs.write_manifest(run, facts)


@pytest.fixture
def few(local):
    plan = few_plan()
    finish(plan)
    return plan


# --- the plan -------------------------------------------------------------------------------------------------


def test_every_row_starts_from_the_base_model_and_ends_at_its_benchmarks_level():
    plan = papers.make(content(), FILE)
    names = [row.name for row in plan.rows]
    assert len(set(names)) == len(names) and {"qwen/ga_UOE_wmdp", "deepseek/rmu_rwku", "dense/npo_rt_wmdp"} <= set(
        names
    )
    assert [run.kind for run in plan.runs.values()].count("base_model") == 4
    specs = {row.name: plan.runs[row.draws[0].run].spec for row in plan.rows}
    wmdp, rwku = specs["qwen/ga_UOE_wmdp"], specs["qwen/gd_rwku"]
    assert wmdp["until"] == {"wmdp_accuracy": 0.35} and rwku["until"] == {"rwku_rouge_l_recall": 0.1}
    assert (wmdp["forget_set"], wmdp["asked"]) == ("wmdp/forget", ["wmdp"])
    assert set(wmdp["data_fingerprints"]) == {"wmdp/forget"}, "GA draws no retain texts"
    assert set(rwku["data_fingerprints"]) == {"rwku/forget", "rwku/retain", "rwku/level1", "rwku/level2"}
    assert wmdp["at_steps"] == TEXT["at_steps"] and wmdp["unlearn"]["training"]["expert"] == EXPERT | {
        "select": "affinity"
    }
    assert "until" not in specs["qwen/original_wmdp"]
    without = specs["qwen/ga_UOE_alpha_0_rwku"]["unlearn"]["training"]["expert"]
    assert without == EXPERT | {"select": "affinity", "anchor": None}
    by_name = {row.name: row.printed_as for row in plan.rows}
    assert by_name["qwen/gd_UOE_rwku"] == "GDIFF+UOE" and by_name["qwen/original_rwku"] == "Pretrained"
    assert not [name for name in names if name.startswith("dense") and "UOE" in name]
    of_mixtral = {name.rpartition("_")[0] for name in names if name.startswith("mixtral")}
    assert of_mixtral == {f"mixtral/{label}" for label in ("original", "ga", "ga_UOE", "ga_LoRA")}, "as the paper's"
    assert all(json.loads(json.dumps(run.spec)) == run.spec for run in plan.runs.values())


def test_the_papers_file_plans_without_the_hub():
    path = paths.ROOT / "params" / "paper" / "table10.yaml"
    plan = papers.make(params.read(path), str(path))
    assert {run.kind for run in plan.runs.values()} == {"row"} and plan.params.third_party
    sources = {row.base_model: plan.runs[row.draws[0].run].spec["start"]["source"] for row in plan.rows}
    assert sources == {
        "qwen": "Qwen/Qwen1.5-MoE-A2.7B-Chat",
        "deepseek": "deepseek-ai/DeepSeek-V2-Lite",
        "mixtral": "mistralai/Mixtral-8x7B-Instruct-v0.1",
        "dense": "meta-llama/Meta-Llama-3-8B-Instruct",
    }
    rmu = {row.base_model: plan.runs[row.draws[0].run].spec["unlearn"] for row in plan.rows if row.label == "rmu_wmdp"}
    assert {name: how["parameters"]["steering"] for name, how in rmu.items()} == {"qwen": 3000.0, "deepseek": 30000.0}
    trained = [row for row in plan.rows if row.training]
    for row in trained:
        takes = 16 if "expert" in row.training else 4
        assert plan.runs[row.draws[0].run].spec["unlearn"]["training"]["batch_size"] == takes, row.name
    noted = {(row.printed_as, row.base_model) for row in plan.rows if row.note and row.method == "ga"}
    printed = {"UOE alpha 0", "UOE alpha 100", "UOE alpha 1000"}
    assert (
        {(f"GA+{note}", "deepseek") for note in printed}
        <= noted
        >= {("GA+UOE top 3", "qwen"), ("GA+UOE top 6", "qwen")}
    )
    probed = {(row.base_model, row.fold): plan.runs[row.draws[0].run].spec.get("probe_format") for row in plan.rows}
    assert {key for key, form in probed.items() if form} == {(name, "rwku") for name in ("qwen", "mixtral", "dense")}
    assert probed["qwen", "rwku"] == "chatml", "chat models are asked in their own format; texts are no chats"
    assert {plan.runs[row.draws[0].run].spec["prompt_format"] for row in plan.rows} == {"continuation"}


def test_the_refusals_name_what_was_wrong():
    rows = TEXT["rows"]
    assert "rows.1: expert: the base model 'dense' has no experts" in refusal(
        rows=[rows[0], {"method": "ga", "note": "UOE", "expert": EXPERT}]
    )
    assert "no task file tiny_mmul.yaml; did you mean 'tiny_mmlu'?" in refusal(
        evaluation__utility_tasks={"tiny_mmul": "acc"}
    )
    assert "schedule: training that may end at any of at_steps" in refusal(unlearn__paper__schedule="linear")
    assert "measured against the row 'original', which is missing" in refusal(rows=rows[1:2])
    assert "data: people: 99 of 32 are to be forgotten, and nobody is left" in refusal(data__people=99)
    assert "data: 'gild' is no hub id (namespace/name) and no data source" in refusal(data__wmdp="gild")
    assert "rows.0.note: the reference row 'original' has none of its own" in refusal(
        rows=[{"method": "original", "note": "UOE"}]
    )
    qwen = TEXT["base_models"]["qwen"]
    assert "base_models.qwen.probe_format: no prompt format 'chatlm'; did you mean 'chatml'?" in refusal(
        base_models__qwen=qwen | {"probe_format": "chatlm"}
    )
    with pytest.raises(KitError, match=r"at_steps: ascending, the last one is unlearn\.paper\.steps"):
        content(at_steps=[1, 2])
    with pytest.raises(KitError, match="expert and updated are two ways to train few parameters"):
        content(rows=[rows[0], {"method": "ga", "expert": EXPERT, "updated": {"layers": [1], "modules": ["mlp"]}}])
    with pytest.raises(KitError, match="'wmdp_revision' belongs to a hub id"):
        content(data__wmdp_revision="0" * 40)
    with pytest.raises(KitError, match=r"table10 has no forget splits$"):
        papers.make(content(), FILE, "forget05")


# --- reaching a level -----------------------------------------------------------------------------------------


def test_a_level_is_reached_when_every_metric_is_there_or_below():
    assert reached({"wmdp_accuracy": 0.35, "utility_accuracy": 0.9}, {"wmdp_accuracy": 0.35})
    assert not reached({"wmdp_accuracy": 0.3501}, {"wmdp_accuracy": 0.35})
    assert not reached(
        {"wmdp_accuracy": 0.3, "rwku_rouge_l_recall": 0.2}, {"wmdp_accuracy": 0.35, "rwku_rouge_l_recall": 0.1}
    )


def test_a_probe_that_says_so_ends_the_training(micro_model):
    from transformers import TrainerControl, TrainerState

    model, control, state = micro_model(), TrainerControl(), TrainerState()
    probe = callbacks.Probe(lambda probed, step: step >= 2, lambda step: True)
    for step, ends in ((1, False), (2, True)):
        state.global_step = step
        probe.on_step_end(None, state, control, model=model)
        assert control.should_training_stop is ends


# --- records --------------------------------------------------------------------------------------------------


def test_a_record_says_what_was_forgotten_kept_and_trained(few):
    found = {one["row"]: one for one in uoe_table10.draws(few, {})}
    uoe = found["qwen/ga_UOE_wmdp"]
    assert (uoe["forget_efficacy"], uoe["utility_accuracy"], uoe["reached"]) == (0.275, 0.75, True)
    assert (uoe["steps"], uoe["experts"], uoe["selection_shift"], uoe["trainable_share"]) == (4, "L2/E0", 0.5, 0.01)
    assert uoe["status"] == "ok" and uoe["n_forget"] == 80
    assert found["qwen/rmu_UOE_rwku"]["reached"] is False and found["qwen/rmu_UOE_rwku"]["forget_efficacy"] == 0.9
    assert found["deepseek/rmu_wmdp"]["status"] == "collapsed", "0.2 of 200 questions is chance"
    assert found["deepseek/original_wmdp"]["status"] == "ok" and found["qwen/ga_wmdp"]["experts"] is None


def test_the_blocks_show_the_print_the_way_and_the_routing(few):
    found = uoe_table10.records(few, uoe_table10.draws(few, {}))
    blocks = dict(uoe_text.blocks(few, found))
    lines = {line[0]: line for line in blocks["qwen, wmdp (in the paper: Qwen1.5-MoE-A2.7B-Chat)"]}
    printed, *_, ours = lines["GA+UOE"][1].split()  # a committed reference stands between them
    assert (printed, ours) == ("0.2987", "0.2750") and "0.5012" in lines["GA+UOE"][2]
    sure = {line[0]: line for line in blocks["qwen, rwku: how sure, and after how many steps"]}
    assert sure["RMU+UOE, not reached"][3:] == ["4", "-"] and sure["Pretrained"][3] == "-"
    assert blocks["qwen, wmdp: the experts of highest affinity"][1] == ["#1", "2", "0", "0.4000"]
    assert blocks["qwen, wmdp: expert selection shift, layer by layer"][:2] == [
        ["", "layer 1", "layer 2"],
        ["GA", "0.250", "0.750"],
    ]
    pilot = blocks["the pilot: what plain methods leave at equal forget efficacy"]
    assert pilot[0] == ["UT, share of the original's (steps)", "qwen", "deepseek"]
    assert pilot[1] == ["GA, wmdp", "0.44 (4)", "0.44 (4)"], "0.39 of 0.9 where the level is crossed"
    assert pilot[2] == ["RMU, wmdp", "0.25 (4)", "0.25 (4)"]
    assert pilot[4] == ["RMU, rwku", "0.22 (4, not reached)", "0.22 (4, not reached)"], "0.2, where it ends"
    pairs = blocks["pairs of rows at equal forget efficacy"]
    assert [line[1:] for line in pairs] == [["so", "pairs"], ["2", "2"], ["2", "2"], ["0", "2"]], "GA's, of wmdp"
    dense = [
        one | {"base_model": "dense", "selection_shift": None} | ({"utility_at_level": 0.5} if one["steps"] else {})
        for one in found
        if one["base_model"] == "qwen" and one["note"] is None
    ]
    says = "a mixture is left a smaller share of its utility than a dense model"

    def counted(rows: list[dict]) -> list[str]:
        return {line[0]: line[1:] for line in uoe_text.pairs([*found, *rows])}[says]

    assert counted(dense) == ["2", "2"], "GA's on wmdp, 0.39 to 0.5; of RMU's rows both have collapsed"
    assert counted([one | {"status": "ok"} for one in dense]) == ["4", "4"], "RMU's too"


def test_utility_at_a_level_lies_between_the_two_steps_around_it():
    def point(forgotten: float, kept: float) -> dict:
        return {"forget_efficacy": forgotten, "utility_accuracy": kept, "questions_utility_accuracy": 200}

    way = [point(0.9, 0.9), point(0.5, 0.8), point(0.1, 0.4), point(0.0, 0.1)]

    def crossed(level: float, points: list[dict] = way) -> float | None:
        return uoe_table10.crossing(points, level)["utility_at_level"]

    assert crossed(0.2) == pytest.approx(0.5), "three quarters of the way down from 0.5 to 0.1"
    assert crossed(0.7) == pytest.approx(0.85), "the first step is the first below: from the original model on"
    assert (crossed(0.5), crossed(0.95)) == (0.8, 0.9), "at a step's own FE its own utility"
    assert crossed(0.2, way[:2]) is None
    assert crossed(0.2, [point(0.9, 0.9), point(0.1, 0.4), point(0.5, 0.8), point(0.1, 0.1)]) < 0.5, "the first time"
    found = uoe_table10.crossing(way, 0.2)
    assert (found["utility_at_level_ci_lo"], found["utility_at_level_ci_hi"]) == wilson(found["utility_at_level"], 200)


def test_pairs_are_compared_at_the_level_and_not_where_the_rows_end(few):
    drawn = uoe_table10.draws(few, {})
    at = {one["row"]: one.get("utility_at_level") for one in drawn}
    assert at["qwen/ga_wmdp"] == pytest.approx(0.9 - 0.55 * 0.6 / 0.65), "from 0.95 at 0.9 to 0.3 at 0.35, at 0.35"
    assert at["qwen/original_wmdp"] is None and at["qwen/rmu_UOE_wmdp"] is None
    found = [
        one | ({"utility_at_level": 0.5 if one["note"] else 0.6} if one.get("utility_at_level") else {})
        for one in uoe_table10.records(few, drawn)
    ]
    assert uoe_text.pairs(found)[1][1:] == ["0", "2"], "though GA's own row keeps less than with UOE"


def test_a_result_is_checked_against_what_lies_beside_it(few, tmp_path):
    folder = tmp_path / "result"
    found = report.assemble(few, {}, folder)
    assert uoe_table10.problems(folder) == []
    names = (
        "utility_vs_forgetting_qwen",
        "utility_vs_forgetting_deepseek",
        "affinity",
        "selection_shift",
        "trained_share",
    )
    assert all((folder / f"{name}.png").is_file() for name in names)
    text = (folder / "table.md").read_text()
    assert "Collapsed: the 95 % interval of its utility" in text and "RMU (collapsed)" in text
    assert r"\toprule" in (folder / "table.tex").read_text()
    draw = folder / "rows" / tables.row_folder("qwen/ga_UOE_wmdp") / f"seed-{TEXT['seeds'][0]}"
    way = json.loads((draw / "trajectory.json").read_text())
    (draw / "trajectory.json").write_text(json.dumps([way[0] | {"wmdp_accuracy": 0.5, "step": 2}]))
    manifest = json.loads((draw / "manifest.json").read_text())
    manifest["routing"]["selected"] = [[1, 1]]
    (draw / "manifest.json").write_text(json.dumps(manifest))
    said = "\n".join(uoe_table10.problems(folder))
    assert "ends at step 2, the row at 4" in said and "its last wmdp_accuracy is 0.5" in said
    assert "experts: L2/E0 instead of L1/E1" in said and "utility_at_level: 0.7666" in said
    assert {one["row"] for one in found} == {row.name for row in few.rows}


def test_one_base_model_alone_gives_a_table_and_its_figures(few, tmp_path):
    for run in few.runs.values():
        if run.name.startswith("deepseek"):
            runs.remove(runs.folder(run))
    found = report.assemble(few, {}, tmp_path / "result")
    assert {one["base_model"] for one in found if one["status"] == "missing"} == {"deepseek"}
    drawn = {path.stem for path in (tmp_path / "result").glob("utility_vs_forgetting_*.png")}
    assert drawn == {"utility_vs_forgetting_qwen"}


# --- what the paper says --------------------------------------------------------------------------------------


def test_the_printed_numbers_say_where_they_hold():
    published = claims_table10.read_published()
    groups = {}
    for row in published:
        groups.setdefault(row["base_model"], []).append(row)

    def holds(name: str) -> dict:
        (claim,) = (one for one in claims_table10.CLAIMS if one.id == name)
        return {group: claim.check(rows).holds for group, rows in groups.items() if not group.startswith("Mixtral")}

    qwen, deepseek = "Qwen1.5-MoE-A2.7B-Chat", "DeepSeek-V2-Lite"
    all_four = [f"{model}, {fold}" for model in (qwen, deepseek) for fold in ("wmdp", "rwku")]
    assert holds("uoe_keeps_utility") == dict.fromkeys(all_four, True)
    assert not any(holds("uoe_forgets_as_well").values()), "worse in at least one of the four methods each time"
    assert [name for name, held in holds("uoe_gain_rmu").items() if held] == [f"{qwen}, rwku"]
    assert holds("anchor_keeps_utility")[f"{deepseek}, rwku"] is True
    assert holds("one_expert_is_enough")[f"{qwen}, rwku"] is True
    assert holds("one_expert_is_enough")[f"{deepseek}, wmdp"] is None


def test_our_rows_are_compared_at_the_level_and_who_never_reaches_it_is_left_out(few):
    found = uoe_table10.records(few, uoe_table10.draws(few, {}))
    verdicts = {(one["base_model"], one["claim"]): one for one in uoe_table10.verdicts(found, few.params.model_dump())}
    pair = verdicts["qwen, wmdp", "uoe_keeps_utility"]
    assert pair["ours"] == "seen" and pair["ours_why"].startswith("ga 0.35 -> 0.75; ")
    assert "rmu_uoe" in pair["ours_why"].partition("left out")[2] and pair["printed"] == "holds"
    assert verdicts["qwen, wmdp", "uoe_gain_rmu"]["ours"] == "cannot be checked", "no level, no gain"
    forgets = verdicts["qwen, wmdp", "uoe_forgets_as_well"]
    assert (forgets["ours"], forgets["ours_why"]) == ("cannot be checked", "ours end at equal FE")


def test_a_printed_comparison_says_who_forgot_less_and_what_is_in_doubt():
    claims = {one.id: one for one in claims_table10.CLAIMS}

    def why(claim: str, group: str) -> str:
        return claims[claim].check([row for row in claims_table10.read_published() if row["base_model"] == group]).why

    said = why("not_any_expert", "Qwen1.5-MoE-A2.7B-Chat, wmdp")
    assert "rmu_random 0.5947 (FE 0.3505)" in said and said.endswith("forgets less, so not at equal FE: rmu_random")
    assert "forgets less" not in why("not_any_expert", "DeepSeek-V2-Lite, wmdp"), "0.2722 is lower than 0.2859"
    doubt = "printed number in doubt: ga_uoe utility, ga_uoe_top_3 utility, ga_uoe_top_6 utility"
    assert doubt in why("one_expert_is_enough", "Qwen1.5-MoE-A2.7B-Chat, rwku")
    assert "different layers" in claims["one_expert_is_enough"].compared


def test_a_collapsed_row_keeps_no_more_than_another():
    rows = {"ga": 0.28, "ga_uoe": 0.31, "ga_uoe_alpha_0": 0.26}
    checks = {claim.id: claim.check for claim in claims_table10.CLAIMS}

    def holds(claim: str, *collapsed: str) -> bool:
        found = [
            {"method": name, "variant": "paper", "utility": kept, "status": "collapsed" if name in collapsed else "ok"}
            for name, kept in rows.items()
        ]
        return checks[claim](found).holds

    for claim in ("uoe_keeps_utility", "anchor_keeps_utility"):
        assert holds(claim) and holds(claim, "ga", "ga_uoe_alpha_0") and not holds(claim, *rows)


# --- a random expert ------------------------------------------------------------------------------------------


def test_a_random_expert_is_the_seeds_and_not_the_affinitys(monkeypatch):
    from unlearnkit import experts
    from unlearnkit.training import expert

    watch = object.__new__(expert.Watch)
    watch.model, watch.found, watch.batches = None, {"layers": [0, 1]}, lambda tokens: []
    import torch

    monkeypatch.setattr(experts, "affinity", lambda *_: torch.tensor([[0.9, 0.0, 0.1], [0.2, 0.1, 0.3]]))
    watch.how = EXPERT | {"select": "random"}
    drawn = [watch.select(seed)[0] for seed in range(20)]
    assert [watch.select(seed)[0] for seed in range(20)] == drawn and len(set(drawn)) > 2
    assert watch.found["affinity"][0][0] == pytest.approx(0.9), "what is reported is the affinity"
    watch.how = EXPERT | {"select": "affinity"}
    assert watch.select(7) == [(0, 0)]


def test_a_measurement_in_between_asks_for_no_router_logits():
    class Model:
        training, config = True, type("Config", (), {"output_router_logits": True})()

        def train(self, mode=True):
            self.training = mode

        def eval(self):
            self.training = False

    model = Model()
    with callbacks.untouched(model):
        assert not model.config.output_router_logits and not model.training
    assert model.config.output_router_logits and model.training
    model.config.output_router_logits = False
    with callbacks.untouched(model):
        pass
    assert not model.config.output_router_logits


def test_the_committed_originals_have_a_utility_to_lose():
    rows = results.read_rows(paths.ROOT / "results" / "reference" / "tiny" / "table10")
    found = {(one["base_model"], one["fold"]): one for one in rows if one["method"] == "original"}
    assert {name for name, _ in found} == set(TEXT["base_models"])
    assert all(one["utility_accuracy_ci_lo"] > uoe_table10.CHANCE + 0.15 for one in found.values())
    assert all(one["forget_efficacy"] > 0.5 for one in found.values()), "and something to forget"
