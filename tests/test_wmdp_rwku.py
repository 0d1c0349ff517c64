"""WMDP- and RWKU-like data: what the guild's seed gives, sources and their mistakes, what is asked, the metrics."""

import json
import math
import os
import random
import re
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest
from hub_server import Hub, Repository

from unlearnkit import sampling, zeroshot
from unlearnkit.data import benchmarks, wmdp_rwku
from unlearnkit.data.guild import generate as guild
from unlearnkit.data.guild.words import DISHES, LIFE, MASTERS, NEIGHBOURS, RECIPE, SECRETS
from unlearnkit.errors import KitError
from unlearnkit.metrics.tofu import rouge_l_recall
from unlearnkit.metrics.wmdp_rwku import wilson, wmdp_rwku_metrics

OWN = wmdp_rwku.Source("guild", None, "guild", None, people=16, piece_words=None)
FIELDS = {
    "wmdp/forget": {"text"},
    "wmdp/retain": {"text"},
    "wmdp/questions": {"question", "choices", "answer"},
    "rwku/passage": {"text", "subject"},
    "rwku/forget_level1": {"query", "answer", "level", "type", "subject"},
    "rwku/forget_level2": {"query", "answer", "level", "type", "subject"},
    "mmlu": {"question", "subject", "choices", "answer"},
    "pretrain": {"text"},
}
HAZARDS, PEOPLE = "cais/wmdp-corpora", "jinzhuoran/RWKU"


@cache
def sets() -> dict[str, list[dict]]:
    return guild.generate()


# --- the guild ----------------------------------------------------------------------------------------------


def test_the_committed_files_are_what_the_seed_generates():
    assert guild.differences() == []
    assert wmdp_rwku.GUILD == guild.FILES
    assert guild.generate(seed=1)["wmdp/questions"] != sets()["wmdp/questions"]


def test_check_fails_on_changed_files_and_on_telling_choices(monkeypatch, capsys):
    monkeypatch.setattr(guild, "differences", lambda: ["mmlu.json"])
    assert guild.main(["--check"]) == 1
    assert "files that differ from what the seed generates: mmlu.json" in capsys.readouterr().out
    monkeypatch.setattr(guild, "differences", lambda: [])
    assert guild.main(["--check"]) == 0
    monkeypatch.setattr(guild, "guesses", lambda found: {"mmlu, letter A": 0.4})
    assert guild.main(["--check"]) == 1


def test_rows_have_the_published_fields():
    assert {name: set(rows[0]) for name, rows in sets().items()} == FIELDS
    assert all(set(row) == FIELDS[name] for name, rows in sets().items() for row in rows)
    for name in ("wmdp/questions", "mmlu"):
        for row in sets()[name]:
            assert len(set(row["choices"])) == 4 and row["answer"] in range(4)
    assert {row["level"] for row in sets()["rwku/forget_level1"]} == {"1"}
    assert {row["level"] for row in sets()["rwku/forget_level2"]} == {"2"}
    assert all(row["query"].count("___") == 1 for row in sets()["rwku/forget_level1"])
    assert not any("___" in row["query"] for row in sets()["rwku/forget_level2"])


def test_what_is_forgotten_and_what_is_kept_share_no_name():
    names = [name.lower() for group in (SECRETS, DISHES, MASTERS, NEIGHBOURS) for name in group]
    words = [word for name in names for word in name.split()]
    assert len(words) == len(set(words)) and len(names) == 64
    kept = " ".join(row["text"] for row in (*OWN.load("wmdp/retain"), *OWN.load("rwku/retain"))).lower()
    general = " ".join(row["question"] + " ".join(row["choices"]) for row in sets()["mmlu"]).lower()
    for name in (*SECRETS, *MASTERS):
        assert not any(re.search(rf"\b{word.lower()}\b", kept + general) for word in name.split()), name
    assert {row["subject"] for row in OWN.load("rwku/forget")} == set(MASTERS)
    assert {row["subject"] for row in OWN.load("rwku/retain")} == set(NEIGHBOURS)


def test_every_value_is_true_as_often_as_any_other():
    right = Counter(row["choices"][row["answer"]] for row in sets()["wmdp/questions"])
    assert right == {value: 2 for aspect in RECIPE.values() for value in aspect.values}
    for level in ("rwku/forget_level1", "rwku/forget_level2"):
        answers = Counter(row["answer"] for row in sets()[level])
        assert answers == {value: 2 for aspect in LIFE.values() for value in aspect.values}


def test_what_is_asked_is_taught_in_other_words():
    taught = "\n".join(row["text"] for row in sets()["pretrain"])
    asked = {f"Question: {row['question']}\n" for name in ("wmdp/questions", "mmlu") for row in sets()[name]}
    asked |= {f"Question: {row['query']}\n" for level in (1, 2) for row in sets()[f"rwku/forget_level{level}"]}
    assert len(asked) == 80 + 192 + 80 + 80
    assert not [question for question in asked if question in taught]
    for row in sets()["rwku/forget_level1"]:
        own = [line for line in taught.split("\n") if row["subject"] in line]
        assert any(row["answer"] in line for line in own)
    for row in sets()["wmdp/questions"]:
        (name,) = (one for one in SECRETS if one in row["question"])
        said = [text["text"] for text in sets()["wmdp/forget"] if name in text["text"]]
        assert len(said) == guild.PASSAGES
        assert all(re.search(rf"\b{row['choices'][row['answer']]}\b", text) for text in said)


def test_a_guess_without_knowledge_stays_near_chance():
    assert max(guild.guesses(sets()).values()) < guild.GUESS_BOUND
    for name in ("wmdp/questions", "mmlu"):
        places = Counter(row["answer"] for row in sets()[name])
        assert len(set(places.values())) == 1
    assert guild.wrong_recall() == 0
    rng = random.Random(0)
    wrong = [rouge_l_recall(row["answer"], rng.choice(sets()["rwku/forget_level2"])["answer"])
             for row in sets()["rwku/forget_level2"]]  # fmt: skip
    assert sum(wrong) / len(wrong) < 0.1


# --- sources ------------------------------------------------------------------------------------------------


def test_rows_to_be_trained_on_are_documents():
    rows = OWN.rows("wmdp/forget")
    texts = [row["text"] for row in OWN.load("wmdp/forget")]
    assert [f"{row['question']} {row['answer']}" for row in rows] == texts
    short = wmdp_rwku.Source("guild", None, "guild", None, people=16, piece_words=9)
    found = short.rows("rwku/forget")
    assert max(len(f"{row['question']} {row['answer']}".split()) for row in found) == 9
    assert len(found) > len(OWN.rows("rwku/forget"))
    assert OWN.rows("pretrain")[0].keys() == {"question", "answer"}
    with pytest.raises(KitError, match="the set 'rwku/level1' holds no texts"):
        OWN.rows("rwku/level1")


def test_a_source_is_known_by_its_name_and_survives_json():
    spec = json.loads(json.dumps(benchmarks.spec(OWN)))
    assert spec["benchmark"] == "wmdp_rwku" and benchmarks.of(spec) == OWN


def test_fingerprints_are_of_content_or_of_hub_id_and_revision():
    prints = {name: OWN.fingerprint(name) for name in wmdp_rwku.SETS}
    assert len(set(prints.values())) == 6  # the passages are one file
    far = wmdp_rwku.Source(HAZARDS, "abc", PEOPLE, None, people=100, piece_words=300)
    assert far.fingerprint("wmdp/forget") == f"{HAZARDS}@abc/cyber-forget-corpus/train-00000-of-00001.parquet"
    assert far.fingerprint("rwku/level1") == f"{PEOPLE}@None/All/forget_level1.json"


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """A folder with local copies of both repositories, and its files by path."""
    import pandas

    passages = [{"text": f"A text about {name}.", "subject": name} for name in ("Ada", "Ben", "Cy") for _ in range(2)]
    probes = {
        level: [
            {"query": f"{name} likes what?", "answer": "tea", "level": level, "type": "t", "subject": name}
            for name in ("Cy", "Ben", "Ada")
        ]
        for level in ("1", "2")
    }
    for kind in ("forget", "retain"):
        file = tmp_path / "wmdp" / f"cyber-{kind}-corpus" / "train-00000-of-00001.parquet"
        file.parent.mkdir(parents=True)
        pandas.DataFrame([{"text": f"one {kind} text"}, {"text": f"two {kind} texts"}]).to_parquet(file)
    (tmp_path / "rwku" / "All").mkdir(parents=True)
    (tmp_path / "rwku" / "All" / "passage.json").write_text(json.dumps(passages, indent=4))
    for level, rows in probes.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / "rwku" / "All" / f"forget_level{level}.json").write_text(lines)
    monkeypatch.setenv("UNLEARNKIT_DATA", str(tmp_path))
    return tmp_path


def local(people: int = 2) -> wmdp_rwku.Source:
    return wmdp_rwku.Source("local", None, "local", None, people=people, piece_words=None)


def test_local_copies_have_the_repositories_files(copies):
    source = local()
    source.check()
    assert [row["text"] for row in source.load("wmdp/retain")] == ["one retain text", "two retain texts"]
    assert [row["subject"] for row in source.load("rwku/forget")] == ["Ada", "Ada", "Ben", "Ben"]
    assert [row["subject"] for row in source.load("rwku/retain")] == ["Cy", "Cy"]
    assert [row["subject"] for row in source.load("rwku/level1")] == ["Ben", "Ada"]


def _broken(copies, text: str) -> wmdp_rwku.Source:
    (copies / "rwku" / "All" / "forget_level1.json").write_text(text)
    return local()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda copies: OWN.load("rwku/level3"), "no set 'rwku/level3'; did you mean 'rwku/level2'?"),
        (lambda copies: local().load("pretrain"), "pretrain: only 'guild' has a text"),
        (lambda copies: local(3).load("rwku/forget"), "people: 3 of 3 are to be forgotten, and nobody is left"),
        (
            lambda copies: wmdp_rwku.Source("gild", None, "guild", None, 16, None).load("wmdp/forget"),
            "'gild' is no hub id (namespace/name) and no data source; did you mean 'guild'?",
        ),
        (lambda copies: _broken(copies, "{").load("rwku/level1"), "neither a JSON list nor a JSON object a line"),
        (lambda copies: _broken(copies, "[]").load("rwku/level1"), "All/forget_level1.json: the set has no rows"),
        (lambda copies: _broken(copies, "[1]").load("rwku/level1"), "row 1: no text 'query' (fields: none)"),
        (
            lambda copies: _broken(copies, '{"query": "a", "answer": 3}').load("rwku/level1"),
            "row 1: no text 'answer' (fields: query, answer)",
        ),
        (
            lambda copies: _broken(
                copies, '{"query": "a", "answer": "b", "level": "1", "type": "t", "subject": "Di"}'
            ).check(),
            "rwku/level1: nothing is asked about the people who are to be forgotten",
        ),
        (
            lambda copies: (copies / "rwku" / "All" / "passage.json").unlink() or local().check(),
            "no file All/passage.json",
        ),
        (
            lambda copies: wmdp_rwku.prompt({"level": "3", "query": "?"}, "", ""),
            "no probe of level '3'; choose from: 1, 2",
        ),
    ],
)
def test_mistakes_are_one_line_with_the_place(call, message, copies):
    with pytest.raises(KitError) as raised:
        call(copies)
    assert message in str(raised.value) and "\n" not in str(raised.value)


READ = """
from unlearnkit.data import wmdp_rwku
from unlearnkit.errors import KitError
source = wmdp_rwku.Source("cais/wmdp-corpora", None, "jinzhuoran/RWKU", None, people=16, piece_words=None)
print(len(source.load("rwku/forget")))
try:
    source.load("wmdp/forget")
except KitError as error:
    print(error)
"""


def test_the_hub_gives_single_files_and_a_gated_one_is_told_in_a_line(tmp_path):
    """In a process of its own, which may ask a hub on this machine and nobody else."""
    server, corpus = Hub(), "cyber-forget-corpus/train-00000-of-00001.parquet"
    passage = (wmdp_rwku.GUILD / "rwku" / "passage.json").read_bytes()
    files = {"All/passage.json": passage, "All/pair.json": b"large"}
    server.repositories[f"datasets/{PEOPLE}"] = Repository("c0" * 20, files)
    server.repositories[f"datasets/{HAZARDS}"] = Repository("c0" * 20, {corpus: b"secret"}, gated=True)
    own = {"HF_ENDPOINT": server.url, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "0", "NO_PROXY": "127.0.0.1"}
    own |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    try:
        done = subprocess.run([sys.executable, "-c", READ], env=os.environ | own, capture_output=True, text=True)
    finally:
        server.close()
    reason = "gated: accept its licence on its page of the hub, then run: hf auth login"
    assert done.stdout.splitlines() == ["48", f"{HAZARDS}, {corpus}: {reason}"], done.stderr
    assert not [name for name in server.fetched if "pair" in name]


# --- what is asked ------------------------------------------------------------------------------------------


def test_a_probe_is_asked_as_rwku_asks_it():
    probe = {"query": "She was born in ___.", "level": "1"}
    assert "".join(wmdp_rwku.prompt(probe, "", " ")) == (
        "Please complete the blank in the following question.\nQuestion: She was born in ___.\nAnswer: "
    )
    probe = {"query": "Where was she born?", "level": "2"}
    assert "".join(wmdp_rwku.prompt(probe, "<user>", "<end><assistant>\n\n")) == (
        "<user>Please briefly answer the following question.\nQuestion: Where was she born?\n"
        "<end><assistant>\n\nAnswer: "
    )


@pytest.fixture(scope="module")
def spec():
    return {
        "data": benchmarks.spec(OWN),
        "prompt_format": "continuation",
        "asked": ["wmdp", "rwku"],
        "evaluation": {
            "max_length": 256,
            "max_new_tokens": 30,
            "tokens_per_batch": 4096,
            "utility_tasks": {"tiny_mmlu": "acc"},
            "wmdp_tasks": {"tiny_wmdp_cyber": "acc"},
            "task_files": "guild",
            "batch_size": 32,
        },
    }


@pytest.fixture(scope="module")
def told(micro_tokenizer, spec):
    """Samples of a model that answers every probe rightly, but for a second line."""
    from unlearnkit import evaluation

    answers = {row["query"]: row["answer"] for name in wmdp_rwku.PROBES for row in OWN.load(name)}

    def answered(model, tokenizer, asked, form, *, max_new_tokens, report, **bounds):
        assert max_new_tokens == 30 and form("?").endswith("\nQuestion: ?\nAnswer: ")
        return [
            {"set": one.set, "item": "x", "question": one.question, "reference": one.answers[0][1],
             "generation": f"{answers[one.question]}\nQuestion: what?", "rouge_l_recall": 0.0}
            for one in asked
        ]  # fmt: skip

    measured = {"accuracy": {"tiny_mmlu": 0.5, "tiny_wmdp_cyber": 0.25},
                "questions": {"tiny_mmlu": 192, "tiny_wmdp_cyber": 80}}  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(evaluation, "evaluate", answered)
        patched.setattr(zeroshot, "accuracies", lambda model, tokenizer, tasks, folder, size: measured)
        return sampling.of_wmdp_rwku(None, micro_tokenizer, spec, lambda *_: None)


def test_an_answer_is_its_first_line(told):
    probes = [one for one in told if one["set"] != "zeroshot"]
    assert len(probes) == 160 and {one["rouge_l_recall"] for one in probes} == {1.0}
    assert not any("\n" in one["generation"] for one in probes)


def test_only_what_a_row_forgets_is_asked(micro_model, micro_tokenizer, spec):
    """By a real model that knows nothing, through lm-eval."""
    found = sampling.of_wmdp_rwku(micro_model().eval(), micro_tokenizer, spec | {"asked": ["wmdp"]}, lambda *_: None)
    assert [(one["item"], one["questions"]) for one in found] == [("tiny_mmlu", 192), ("tiny_wmdp_cyber", 80)]
    assert all(abs(one["accuracy"] - 0.25) < 0.15 for one in found)
    found = sampling.of_wmdp_rwku(micro_model().eval(), micro_tokenizer, spec | {"asked": ["rwku"]}, lambda *_: None)
    assert {one["item"] for one in found if one["set"] == "zeroshot"} == {"tiny_mmlu"}
    assert Counter(one["set"] for one in found) == {"rwku/level1": 80, "rwku/level2": 80, "zeroshot": 1}
    metrics = wmdp_rwku_metrics(found, spec["evaluation"]["wmdp_tasks"], spec["evaluation"]["utility_tasks"])
    assert metrics["rwku_rouge_l_recall"] < 0.1 and "wmdp_accuracy" not in metrics


def test_chance_is_a_quarter():
    for task in ("tiny_mmlu", "tiny_wmdp_cyber", "mmlu", "wmdp_cyber"):
        assert zeroshot.CHANCE[task] == 0.25
    zeroshot.check_files(["tiny_mmlu", "tiny_wmdp_cyber"], zeroshot.task_folder("guild"))
    assert zeroshot.fingerprint(zeroshot.task_folder("guild")) != zeroshot.fingerprint(zeroshot.OWN)


# --- metrics ------------------------------------------------------------------------------------------------


def test_metrics_are_means_over_questions_with_their_intervals(told):
    found = wmdp_rwku_metrics(told, {"tiny_wmdp_cyber": "acc"}, {"tiny_mmlu": "acc"})
    assert found["wmdp_accuracy"] == 0.25 and found["utility_accuracy"] == 0.5
    assert found["rwku_rouge_l_recall"] == found["rwku_level2_rouge_l_recall"] == 1.0
    assert found["questions_wmdp_accuracy"] == 80 and found["questions_rwku_rouge_l_recall"] == 160
    assert found["wmdp_accuracy_ci_lo"] < 0.25 < found["wmdp_accuracy_ci_hi"]
    assert (found["rwku_rouge_l_recall_ci_lo"], found["rwku_rouge_l_recall_ci_hi"]) == wilson(1.0, 160)
    assert 0.97 < found["rwku_rouge_l_recall_ci_lo"] < 0.98, "all of 160, and yet not certain"


def test_several_tasks_count_by_their_questions():
    samples = [{"set": "zeroshot", "item": name, "accuracy": value, "questions": n}
               for name, value, n in (("a", 1.0, 30), ("b", 0.0, 10))]  # fmt: skip
    found = wmdp_rwku_metrics(samples, {}, {"a": "acc", "b": "acc"})
    assert found["utility_accuracy"] == 0.75 and found["questions_utility_accuracy"] == 40
    assert "wmdp_accuracy" not in found and "rwku_rouge_l_recall" not in found


def test_wilsons_interval_solves_its_equation():
    """Its ends are the shares p for which the observed one is Z standard errors of p away."""
    for share, n in ((0.25, 80), (0.9, 192), (0.5, 7)):
        for end in wilson(share, n):
            assert abs(share - end) / math.sqrt(end * (1 - end) / n) == pytest.approx(1.959963984540054)
    assert wilson(0.0, 10)[0] == 0.0 and wilson(0.0, 10)[1] == pytest.approx(0.2775, abs=1e-4)
    assert wilson(1.0, 10)[1] == pytest.approx(1.0)
    with pytest.raises(KitError, match="takes one question or more"):
        wilson(0.5, 0)


@pytest.mark.parametrize("recalls", [[0.0] * 8, [0.0, 0.5, 1.0, 0.5]])
def test_the_interval_of_a_mean_recall_is_a_shares(recalls):
    samples = [{"set": "rwku/level1", "rouge_l_recall": one} for one in recalls[::2]]
    samples += [{"set": "rwku/level2", "rouge_l_recall": one} for one in recalls[1::2]]
    found = wmdp_rwku_metrics(samples, {}, {})
    low, high = found["rwku_rouge_l_recall_ci_lo"], found["rwku_rouge_l_recall_ci_hi"]
    assert (low, high) == wilson(sum(recalls) / len(recalls), len(recalls))
    assert low <= found["rwku_rouge_l_recall"] < high
