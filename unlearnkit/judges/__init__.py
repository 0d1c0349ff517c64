"""The models that read answers (A Closer Look, arXiv 2410.08109): a sentence encoder and an NLI model.

The paper's are sentence-transformers/paraphrase-MiniLM-L6-v2 and sileod/deberta-v3-base-tasksource-nli; the tiny ones,
which the kit trains, are in `tiny`. All load by the same code: from a folder or the hub.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from unlearnkit import hub
from unlearnkit.errors import KitError, nearest

# Set of questions -> which text is the premise of its entailment; the other one is the hypothesis.
# Source: sail-sg/closer-look-LLM-unlearning b622294, metrics/metrics.py.
PREMISE = {
    "forget": "generation",
    "neighbor": "generation",
    "retain": "reference",
    "real_authors": "reference",
    "world_facts": "reference",
}
BATCH_SIZE = 64
MAX_LENGTH = 512  # tokens of premise and hypothesis, where the tokenizer names no limit


class Judges:
    """Both models in evaluation mode, on the GPU where there is one."""

    def __init__(self, encoder, tokenizer, nli, entailment: int):
        """`entailment`: the index of that label among the outputs of `nli`."""
        self.encoder, self.tokenizer, self.nli, self.entailment = encoder, tokenizer, nli, entailment

    def cosine_similarity(self, references: Sequence[str], generations: Sequence[str]) -> list[float]:
        """Cosine of the embeddings of each reference and its generation, clipped to 0 ... 1.

        An empty generation is encoded like any other text, as in the paper's code.
        """
        texts = list(dict.fromkeys([*references, *generations]))
        if not texts:
            return []
        embedded = self.encoder.encode(
            texts, batch_size=BATCH_SIZE, normalize_embeddings=True, show_progress_bar=False, convert_to_tensor=True
        )
        place = {text: number for number, text in enumerate(texts)}
        ours, theirs = (embedded[[place[text] for text in side]] for side in (references, generations))
        return (ours * theirs).sum(dim=-1).float().clamp(0, 1).tolist()

    def entails(self, premises: Sequence[str], hypotheses: Sequence[str]) -> list[bool]:
        """Whether the most likely label of each premise with its hypothesis is entailment; empty texts are read too."""
        import torch

        order = sorted(range(len(premises)), key=lambda number: len(premises[number]) + len(hypotheses[number]))
        found = [False] * len(premises)
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            inputs = self.tokenizer(
                [premises[number] for number in batch],
                [hypotheses[number] for number in batch],
                padding=True,
                truncation=True,
                max_length=min(self.tokenizer.model_max_length, MAX_LENGTH),
                return_tensors="pt",
            )
            with torch.no_grad():
                labels = self.nli(**inputs.to(self.nli.device)).logits.argmax(dim=-1).tolist()
            for number, label in zip(batch, labels, strict=True):
                found[number] = label == self.entailment
        return found


def load(sources: dict) -> Judges:
    """{"encoder": {"source": folder or hub id, "revision": ...}, "nli": the same} -> both; loaded once a process.

    KitError: nothing to load there, or a classifier without the label entailment.
    """
    return _load(*((sources[name]["source"], sources[name]["revision"]) for name in ("encoder", "nli")))


@cache
def _load(encoder: tuple[str, str | None], nli: tuple[str, str | None]) -> Judges:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    source, revision = encoder
    local = Path(source).is_dir()
    if local and not (Path(source) / "modules.json").is_file():
        raise KitError(f"'{source}' is no sentence encoder: it has no modules.json, which says how to pool")
    try:
        # Without local_files_only the library asks the hub about a folder's name.
        model = SentenceTransformer(source, revision=revision, device=device, local_files_only=local).eval()
    except (OSError, ValueError) as error:
        raise KitError(f"no sentence encoder can be loaded from '{source}': {hub.reason(error)}") from error
    source, revision = nli
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
        classifier = AutoModelForSequenceClassification.from_pretrained(source, revision=revision, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise KitError(f"no NLI model can be loaded from '{source}': {hub.reason(error)}") from error
    return Judges(model, tokenizer, classifier.to(device).eval(), entailment_index(source, classifier.config.id2label))


def entailment_index(source: str, labels: dict[int, str]) -> int:
    """The output that means entailment. KitError: none is called so."""
    for index, label in labels.items():
        if label.lower() == "entailment":
            return int(index)
    raise KitError(f"the NLI model of '{source}' has no label 'entailment'; it has: {', '.join(labels.values())}")


def texts_of(sample: dict) -> tuple[str, str]:
    """(premise, hypothesis) of a sample. KitError: no direction is known for its set."""
    if sample["set"] not in PREMISE:
        raise KitError(f"judges: unknown set {sample['set']!r}{nearest(sample['set'], PREMISE)}")
    texts = sample["reference"], sample["generation"]
    return texts if PREMISE[sample["set"]] == "reference" else texts[::-1]


def judge(judges: Judges, samples: list[dict]) -> list[dict]:
    """The samples, each with `cosine_similarity` (0 to 1) and `entailed` (bool) of its generation and its reference.

    Cosine similarity is to the sample's `original_answer` where it has one: how far the model moved from what it said.
    `entailed` is what the NLI model says; the metric counts it only where ROUGE-L recall is at least 0.1
    (`metrics.closer_look.LEAST_ROUGE_L_TO_ENTAIL`), as the paper's code does.
    """
    premises, hypotheses = zip(*map(texts_of, samples), strict=True) if samples else ((), ())
    before = [one.get("original_answer", one["reference"]) for one in samples]
    similar = judges.cosine_similarity(before, [one["generation"] for one in samples])
    entailed = judges.entails(premises, hypotheses)
    return [
        one | {"cosine_similarity": similarity, "entailed": entails}
        for one, similarity, entails in zip(samples, similar, entailed, strict=True)
    ]


@cache
def fingerprint() -> str:
    """What the tiny judges are trained with, for the key of a run: a hash of their settings and of some pairs.

    Comments do not count; a change of how the models are built calls for a new recipe in `planned.RECIPES`.
    """
    from unlearnkit.judges import pairs, tiny

    content = [tiny.SETTINGS, list(pairs.TRAINING), pairs.words(), [asdict(one) for one in pairs.pairs(range(1), 0)]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
