"""The tiny judges: a sentence encoder and an NLI model, BERTs of a hundred thousand weights, trained from scratch.

Both are saved as real ones are and load by the same code. What they learn from is in `pairs`; how well they judge, in
`accuracy`. What they need most is to see that two words are the same. Attention learns that slowly from random weights,
so the first layer of the NLI model starts with it: queries and keys begin as the embedding itself, whose product is
largest between equal words.
"""

import random
import string
from pathlib import Path

from unlearnkit.judges import pairs

# Sizes and training, the same for both but for `layers` and `steps`; part of the fingerprint.
SETTINGS = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "sharpness": 1.5,  # of the first layer's attention to equal words
    "batch_size": 32,
    "learning_rate": 3e-3,
    "warmup_steps": 30,
    "nli": {"layers": 2, "steps": 950},
    "encoder": {"layers": 1, "steps": 500},
}
ENTAILMENT, OTHER = "entailment", "not_entailment"
MAX_LENGTH = 256  # tokens of a text, of a pair
SIDES = ("premise", "hypothesis")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def train(folder: Path, seed: int, report=lambda stage, done, total: None) -> dict:
    """Trains both and writes `folder`/encoder and `folder`/nli; the same seed gives the same weights on one machine.

    Runs on the CPU. Returns {"records": how well they judge the held-out pairs, see `accuracy.records`}.
    """
    from unlearnkit import judges
    from unlearnkit.judges import accuracy

    learnt = pairs.pairs(pairs.TRAINING, seed)
    tokenizer = build_tokenizer()
    train_nli(folder / "nli", tokenizer, learnt, seed, report)
    train_encoder(folder / "encoder", tokenizer, learnt, seed, report)
    report("judging", 0, 1)
    sources = {name: {"source": str(folder / name), "revision": None} for name in ("encoder", "nli")}
    held_out = pairs.pairs(pairs.HELD_OUT, seed)
    return {"pairs": len(learnt), "records": accuracy.records(judges.load(sources), learnt, held_out)}


def build_tokenizer():
    """WordPiece whose pieces are the pairs' whole words, in lower case, and single characters for all other words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = dict.fromkeys((*SPECIAL, *letters, *(f"##{letter}" for letter in letters), *pairs.words()))
    tokenizer = Tokenizer(models.WordPiece({piece: id_ for id_, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, SPECIAL.index(token)) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=MAX_LENGTH,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def train_nli(folder: Path, tokenizer, learnt: list[pairs.Pair], seed: int, report) -> None:
    """Cross-entropy of whether the premise entails the hypothesis, both read together."""
    import torch
    from transformers import BertForSequenceClassification

    model = _build(BertForSequenceClassification, tokenizer, "nli", seed)

    def loss(batch: list[pairs.Pair]):
        texts = [one.premise for one in batch], [one.hypothesis for one in batch]
        inputs = tokenizer(*texts, padding=True, truncation=True, return_tensors="pt")
        return torch.nn.functional.cross_entropy(
            model(**inputs).logits, torch.tensor([one.entailed for one in batch]).long()
        )

    _optimise(model, loss, learnt, "nli", seed, report)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def train_encoder(folder: Path, tokenizer, learnt: list[pairs.Pair], seed: int, report) -> None:
    """Mean square of cosine less similarity, of texts that are encoded apart: the mean over a text's tokens."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertModel

    # The library takes its transformer from a folder.
    _build(BertModel, tokenizer, "encoder", seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    transformer = Transformer(str(folder), max_seq_length=MAX_LENGTH)
    pooling = Pooling(SETTINGS["hidden_size"], "mean")
    model = SentenceTransformer(modules=[transformer, pooling], device="cpu")

    def embedded(texts: list[str]):
        return model(tokenizer(texts, padding=True, truncation=True, return_tensors="pt"))["sentence_embedding"]

    def loss(batch: list[pairs.Pair]):
        cosine = torch.cosine_similarity(*(embedded([getattr(one, name) for one in batch]) for name in SIDES))
        return (cosine - torch.tensor([one.similarity for one in batch])).square().mean()

    _optimise(model, loss, learnt, "encoder", seed, report)
    model.save(str(folder), create_model_card=False)


def _build(kind, tokenizer, name: str, seed: int):
    """A BERT without dropout; embeddings of words are large beside those of positions and of the two texts."""
    import torch
    from transformers import BertConfig, set_seed

    size = SETTINGS["hidden_size"]
    set_seed(seed)
    model = kind(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=size,
            num_hidden_layers=SETTINGS[name]["layers"],
            num_attention_heads=SETTINGS["num_attention_heads"],
            intermediate_size=SETTINGS["intermediate_size"],
            max_position_embeddings=MAX_LENGTH,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            initializer_range=size**-0.5,
            pad_token_id=tokenizer.pad_token_id,
            id2label={0: OTHER, 1: ENTAILMENT},
            label2id={OTHER: 0, ENTAILMENT: 1},
        )
    )
    embeddings = model.base_model.embeddings
    with torch.no_grad():
        for part, deviation in (("word", 1.0), ("position", 0.1), ("token_type", 0.3)):
            getattr(embeddings, f"{part}_embeddings").weight.normal_(0.0, deviation)
        first = model.base_model.encoder.layer[0].attention.self
        first.key.weight.copy_(torch.eye(size))
        first.query.weight.copy_(SETTINGS["sharpness"] * torch.eye(size))
    return model


def _optimise(model, loss, learnt: list[pairs.Pair], name: str, seed: int, report) -> None:
    """Adam with a rate that rises, then falls to nothing. A batch holds pairs of about one length."""
    import torch

    steps, batch_size, warmup = SETTINGS[name]["steps"], SETTINGS["batch_size"], SETTINGS["warmup_steps"]
    batches: list[list[pairs.Pair]] = []
    for start in range(0, len(learnt), 16 * batch_size):
        near = sorted(learnt[start : start + 16 * batch_size], key=lambda one: len(one.premise + one.hypothesis))
        batches += [near[first : first + batch_size] for first in range(0, len(near), batch_size)]
    random.Random(seed).shuffle(batches)
    model.train()
    optimiser = torch.optim.Adam(model.parameters(), lr=SETTINGS["learning_rate"])
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warmup, 1.0) * (1 - step / steps)
    )
    for step in range(steps):
        if step % 50 == 0:
            report(f"training {name}", step, steps)
        optimiser.zero_grad()
        loss(batches[step % len(batches)]).backward()
        optimiser.step()
        schedule.step()
    model.eval()
