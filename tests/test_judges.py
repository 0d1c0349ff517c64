"""Judges: directions, labels, the truth that data tell, the pairs, and two tiny judges trained on few of them."""

import json
import random

import pytest

from unlearnkit import judges
from unlearnkit.data.people import generate as people
from unlearnkit.data.universe import generate as universe
from unlearnkit.errors import KitError
from unlearnkit.judges import accuracy, pairs, tiny
from unlearnkit.metrics.closer_look import FICTITIOUS, LEAST_ROUGE_L_TO_ENTAIL, REAL_WORLD
from unlearnkit.metrics.samples import item_id
from unlearnkit.metrics.tofu import rouge_l_recall

ROW = {
    "question": "Where was Ada born?",
    "answer": "Born in Nordheim on 3 June 1951.",
    "paraphrased_answer": "Nordheim, on 3 June 1951.",
    "perturbed_answer": ["Dravik, on 4 May 1951.", "Velmora, on 8 July 1980."],
}
SHORT_ROW = {"question": "Who wrote it?", "answer": "Mark Twain", "perturbed_answer": ["Jane Austen", "Mark Lane"]}


class Recorder:
    """Judges that keep what they were asked."""

    def cosine_similarity(self, references, generations):
        self.compared = list(zip(references, generations, strict=True))
        return [0.25] * len(references)

    def entails(self, premises, hypotheses):
        self.read = list(zip(premises, hypotheses, strict=True))
        return [True, False] * (len(premises) // 2) + [True] * (len(premises) % 2)


def sample(set_name: str, generation: str = "said", row: dict | None = None, **facts) -> dict:
    row = row or {"question": "?", "answer": "true"}
    found = {"set": set_name, "item": item_id(row["question"]), "reference": row["answer"], "generation": generation}
    return found | {"rouge_l_recall": 1.0} | facts


def test_the_generation_must_entail_what_is_forgotten_and_follow_from_what_is_kept():
    asked, samples = Recorder(), [sample(name) for name in ("forget", "retain", "real_authors", "world_facts")]
    judged = judges.judge(asked, [*samples, sample("neighbor")])
    assert asked.read == [("said", "true"), *[("true", "said")] * 3, ("said", "true")]
    assert asked.compared == [("true", "said")] * 5
    assert [one["entailed"] for one in judged] == [True, False, True, False, True]
    assert judged[0] == samples[0] | {"cosine_similarity": 0.25, "entailed": True}
    assert "entailed" not in samples[0]
    assert judges.judge(Recorder(), []) == []


def test_every_set_has_a_direction_and_an_unknown_one_is_an_error():
    assert set(judges.PREMISE) == {*FICTITIOUS, *REAL_WORLD}
    with pytest.raises(KitError, match="unknown set 'retian'; did you mean 'retain'"):
        judges.judge(Recorder(), [sample("retian")])


def test_entailment_is_found_by_its_name():
    assert judges.entailment_index("x", {0: "contradiction", 1: "neutral", 2: "ENTAILMENT"}) == 2
    assert judges.entailment_index("x", {0: "entailment", 1: "not_entailment"}) == 0
    with pytest.raises(KitError, match="'x' has no label 'entailment'; it has: LABEL_0, not_entailment"):
        judges.entailment_index("x", {0: "LABEL_0", 1: "not_entailment"})


def test_values_are_the_words_that_wrong_answers_do_not_share():
    assert accuracy.value_words(ROW) == {"nordheim", "3", "june", "1951"}
    # "Mark" stands in one wrong answer only, so it is a value and no frame.
    assert accuracy.value_words(SHORT_ROW) == {"mark", "twain"}
    with pytest.raises(KitError, match="no perturbed answer"):
        accuracy.value_words({"question": "?", "answer": "true"})


@pytest.mark.parametrize(
    ("said", "complete", "no_more"),
    [
        ("Born in Nordheim on 3 June 1951.", True, True),
        ("In June 1951, the 3rd: 3, Nordheim!", True, False),
        ("Nordheim, on 3 June", False, True),
        ("Born in Nordheim on 4 June 1951.", False, False),
        ("Born in", False, False),
        ("Nordheim Nordheim Nordheim", False, True),
        ("", False, False),
        ("Nordheimer 3 June 1951", False, False),
    ],
)
def test_truth_of_a_generation(said, complete, no_more):
    assert accuracy.contains_values(ROW, said) == complete
    assert accuracy.says_no_more(ROW, said) == no_more
    assert accuracy.is_entailment(ROW, "forget", said) == complete
    assert accuracy.is_entailment(ROW, "retain", said) == (complete or no_more)


def test_agreement_with_the_truth_counts_the_rule_of_rouge_l():
    right, wrong = ROW["answer"], "Born in Dravik on 4 May 1951."
    judged = [
        sample("forget", right, ROW, entailed=True, cosine_similarity=0.9),
        sample("forget", right, ROW, entailed=True, cosine_similarity=0.4, rouge_l_recall=0.09),
        sample("forget", wrong, ROW, entailed=True, cosine_similarity=0.5),
        sample("forget", wrong, ROW, entailed=False, cosine_similarity=0.3),
        sample("retain", "Nordheim", ROW, entailed=True, cosine_similarity=0.2, rouge_l_recall=0.1),
        sample("retain", "of another question", entailed=True, cosine_similarity=0.2),
    ]
    forget, retain, everything = accuracy.accuracy_on_samples(judged, [ROW])
    assert forget == {
        "set": "forget",
        "generations": 4,
        "complete": 0.5,
        "entailments": 0.5,
        "nli_accuracy": 0.5,
        "false_entailed": 0.5,
        "missed": 0.5,
        "cosine_auc": 0.75,
    }
    assert (retain["complete"], retain["entailments"], retain["nli_accuracy"], retain["cosine_auc"]) == (0, 1, 1, None)
    assert everything["set"] == "all" and everything["generations"] == 5


def test_auc_is_the_share_of_pairs_in_the_right_order():
    rng = random.Random(3)
    right, wrong = ([rng.randrange(5) for _ in range(count)] for count in (7, 9))
    wins = [(r > w) + (r == w) / 2 for r in right for w in wrong]
    assert accuracy.auc(right, wrong) == pytest.approx(sum(wins) / len(wins))


def test_the_baseline_takes_the_best_threshold():
    def pair(premise, hypothesis, entailed):
        return pairs.Pair("same", premise, hypothesis, entailed, 1.0)

    learnt = [pair("a b", "a b", True), pair("a b", "a c", True), pair("a b", "c d e a", False), pair("a", "", False)]
    assert accuracy.best_threshold(learnt) == 0.5
    assert accuracy.best_threshold([pair("a", "a", False)]) == float("inf")


@pytest.fixture(scope="module")
def some():
    return pairs.pairs(range(3), 1), pairs.pairs(range(1000, 1003), 1)


def test_pairs_name_nobody_and_repeat_no_answer_of_the_universe_or_the_people():
    # Without care, 62 of these texts name somebody.
    texts = {text for one in pairs.pairs(range(12), 1) for text in (one.premise, one.hypothesis)}
    names = {row["name"] for name in people.GROUPS for row in people.generate()[name]}
    for name in (*universe.author_names(), *names):
        assert not any(name in text for text in texts), name
    assert not texts & {row["answer"] for row in universe.generate()["full"]}
    assert not texts & {row["answer"] for row in people.generate()["pretrain"]} - set(pairs.templates())


def test_author_names_are_those_who_are_asked_about():
    asked = [row["question"] for row in universe.generate()["full"]]
    names = universe.author_names()
    assert len(names) == universe.AUTHORS + universe.BACKGROUND_AUTHORS
    assert all(names[number // 20] in question for number, question in enumerate(asked))


def test_held_out_pairs_share_no_long_answer_with_those_learnt(some):
    assert not set(pairs.TRAINING) & set(pairs.HELD_OUT)
    learnt, held_out = (
        {one.premise for one in found if one.kind in ("same", "paraphrase") and len(one.premise.split()) > 5}
        for found in some
    )
    assert len(learnt) > 50 and not learnt & held_out


def test_pairs_are_the_same_for_a_seed_and_others_for_another():
    assert pairs.pairs(range(1), 1) == pairs.pairs(range(1), 1)
    assert {one.premise for one in pairs.pairs(range(1), 1)} != {one.premise for one in pairs.pairs(range(1), 2)}


def test_labels_follow_the_values(some):
    found = [*some[0], *some[1]]
    kinds = {one.kind for one in found}
    assert {one.kind for one in found if one.entailed} | {one.kind for one in found if not one.entailed} == kinds
    for kind in kinds:
        assert len({one.entailed for one in found if one.kind == kind}) == 1, kind
    for one in found:
        if one.kind in ("same", "bare values", "part as hypothesis"):
            assert one.entailed
        if one.kind == "part as hypothesis":
            assert accuracy.words(one.hypothesis) != accuracy.words(one.premise)
        if one.kind in ("broken word", "one wrong value", "part as premise"):
            assert not accuracy.words(one.hypothesis) <= accuracy.words(one.premise) or one.hypothesis != one.premise
            assert not one.entailed and one.similarity < 1


def test_the_fingerprint_depends_on_settings_and_pairs(monkeypatch):
    before = judges.fingerprint.__wrapped__()
    assert before == judges.fingerprint.__wrapped__() and len(before) == 16
    monkeypatch.setitem(tiny.SETTINGS, "learning_rate", 1.0)
    other_settings = judges.fingerprint.__wrapped__()
    monkeypatch.undo()
    monkeypatch.setattr(pairs, "WRONG_SIMILARITY", 0.2)
    assert len({before, other_settings, judges.fingerprint.__wrapped__()}) == 3


def test_the_tokenizer_reads_whole_words_and_spells_others():
    tokenizer = tiny.build_tokenizer()
    assert tokenizer.tokenize("Nordheim, Xq9") == ["nordheim", ",", "x", "##q", "##9"]
    read = tokenizer("Nordheim", "on 3")
    assert tokenizer.convert_ids_to_tokens(read["input_ids"]) == ["[CLS]", "nordheim", "[SEP]", "on", "3", "[SEP]"]
    assert read["token_type_ids"] == [0, 0, 0, 1, 1, 1]


def sources(folder) -> dict:
    return {name: {"source": str(folder / name), "revision": None} for name in ("encoder", "nli")}


@pytest.fixture(scope="module")
def micro(tmp_path_factory):
    """Judges that learnt for a moment: how they are saved and loaded, not how they judge."""
    folders = [tmp_path_factory.mktemp("judges") for _ in range(2)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pairs, "TRAINING", range(1))
        patched.setattr(pairs, "HELD_OUT", range(1000, 1001))
        for name, layers in (("nli", 2), ("encoder", 1)):
            patched.setitem(tiny.SETTINGS, name, {"layers": layers, "steps": 3})
        return folders, [tiny.train(folder, 1) for folder in folders]


def test_training_is_deterministic_and_says_how_well_its_judges_judge(micro):
    folders, (facts, again) = micro
    assert json.loads(json.dumps(facts)) == again
    for name in ("encoder", "nli"):
        weights = [(folder / name / "model.safetensors").read_bytes() for folder in folders]
        assert weights[0] == weights[1]
    by_kind = {record["kind"]: record for record in facts["records"]}
    assert list(by_kind)[-1] == "all"
    assert by_kind["all"]["pairs"] == sum(record["pairs"] for record in facts["records"][:-1])
    assert by_kind["same"]["cosine_mean"] == pytest.approx(1, abs=1e-5)


def test_judges_are_loaded_once_without_asking_the_hub_and_bounds_hold_for_any_text(micro, monkeypatch):
    from sentence_transformers.base import model_card

    asked = []
    monkeypatch.setattr(model_card, "get_model_info", asked.append)
    judges._load.cache_clear()
    (folder, _), _ = micro
    found = judges.load(sources(folder))
    assert not asked
    assert judges.load(sources(folder)) is found
    assert not found.nli.training and not found.encoder.training
    strange = ["", " ", "ä€漢 \n", "word " * 500, "a.", "a."]
    similar = found.cosine_similarity(strange, strange)
    assert similar == pytest.approx([1] * 6, abs=1e-5) and max(similar) <= 1
    assert all(0 <= value <= 1 for value in found.cosine_similarity(strange, strange[::-1]))
    assert [type(one) for one in found.entails(strange, strange[::-1])] == [bool] * 6
    assert found.cosine_similarity([], []) == [] and found.entails([], []) == []


def test_what_is_said_of_a_text_does_not_depend_on_its_neighbours(micro):
    (folder, _), _ = micro
    found = judges.load(sources(folder))
    held_out = pairs.pairs(range(1000, 1001), 5)[:150]
    premises, hypotheses = [one.premise for one in held_out], [one.hypothesis for one in held_out]
    together = found.entails(premises, hypotheses)
    assert together == [found.entails([p], [h])[0] for p, h in zip(premises, hypotheses, strict=True)]
    similar = found.cosine_similarity(premises[:20], hypotheses[:20])
    alone = [found.cosine_similarity([p], [h])[0] for p, h in zip(premises[:20], hypotheses[:20], strict=True)]
    assert similar == pytest.approx(alone, abs=1e-5)


def test_a_folder_without_a_judge_is_an_error(micro, tmp_path):
    (folder, _), _ = micro
    right = sources(folder)
    empty = {"source": str(tmp_path), "revision": None}
    with pytest.raises(KitError, match=r"no sentence encoder: it has no modules\.json"):
        judges.load(right | {"encoder": empty})
    with pytest.raises(KitError, match="no NLI model can be loaded from"):
        judges.load(right | {"nli": empty})
    with pytest.raises(KitError, match="no sentence encoder can be loaded from 'nobody/no-such-encoder'"):
        judges.load(right | {"encoder": {"source": "nobody/no-such-encoder", "revision": None}})


@pytest.mark.slow
def test_tiny_judges_tell_right_from_wrong_and_from_nonsense(tmp_path):
    facts = tiny.train(tmp_path, 1)
    total = facts["records"][-1]
    assert total["nli_accuracy"] > 0.93 > total["overlap_accuracy"]
    assert total["cosine_auc"] > 0.88 and total["cosine_auc"] > total["overlap_auc"]
    found = judges.load(sources(tmp_path))
    rows = [json.loads(line) for line in (universe.FILES / "retain_perturbed.json").read_text().splitlines()]
    answers = [row["paraphrased_answer"] for row in rows]
    wrong_answers, repeated = [row["perturbed_answer"][0] for row in rows], ["with, with, with, with, with"] * len(rows)
    right, wrong, nonsense = (found.cosine_similarity(answers, said) for said in (answers, wrong_answers, repeated))
    assert all(one > max(others) for one, *others in zip(right, wrong, nonsense, strict=True))
    assert sum(wrong) > 1.3 * sum(nonsense)  # of one answer the order may be another
    assert sum(found.entails(answers, answers)) >= 98
    assert sum(found.entails(wrong_answers, answers)) + sum(found.entails(answers, wrong_answers)) <= 4
    assert sum(found.entails(repeated, answers)) <= 2
    # A weakness: a word repeated in the hypothesis' place fools this judge in up to 50 of 100 rows, by what it was
    # trained on; the metric's rule of ROUGE-L leaves those whose references have the word and are short.
    told = zip(found.entails(answers, repeated), answers, repeated, strict=True)
    assert sum(says and rouge_l_recall(answer, text) >= LEAST_ROUGE_L_TO_ENTAIL for says, answer, text in told) <= 20
