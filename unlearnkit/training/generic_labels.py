"""WHP's last step: a model is fine-tuned on what two models together would have said, and is an ordinary model again.

Source: Eldan and Russinovich (arXiv 2310.02238). Their labels also come from texts whose own terms were replaced by
generic ones (a dictionary made by another language model); ours come from the combined scores alone.
"""

import dataclasses

from unlearnkit import decoding
from unlearnkit.data.encode import IGNORE, Encoded
from unlearnkit.training.reference import batches, frozen


def generic(target, reinforced, alpha: float, tokenizer, sequences: list[Encoded], training: dict) -> list[Encoded]:
    """The sequences with generic labels, for `finetune.train_encoded` of `target`: the inputs stay the original text.

    The label of a token is the best guess for it from those before, by the combined scores
    v_target - alpha * ReLU(v_reinforced - v_target). The models stay as they are.
    """
    return relabelled(decoding.pair(target, reinforced, "whp", alpha=alpha), tokenizer, sequences, training)


def relabelled(model, tokenizer, sequences: list[Encoded], training: dict) -> list[Encoded]:
    """The sequences, every label of an answer replaced by the token that `model` likes most at its place.

    Prompts keep IGNORE, and so does a first token, before which there is nothing to guess from. `training`: its batch
    size and precision count.
    """
    rows = [{"forget_input_ids": one.input_ids, "forget_labels": one.labels} for one in sequences]
    guesses: dict[tuple[int, ...], list[int]] = {}
    with frozen(model, training):
        for inputs, _, batch in batches(rows, "forget", model, tokenizer, training):
            guesses |= zip(inputs, model(**batch).logits.argmax(-1).tolist(), strict=True)
    found = []
    for one in sequences:
        guessed = [IGNORE, *guesses[tuple(one.input_ids)]][: len(one.labels)]  # the rest is said of padding
        pairs = zip(one.labels, guessed, strict=True)
        labels = [IGNORE if label == IGNORE else guess for label, guess in pairs]
        found.append(dataclasses.replace(one, labels=labels))
    return found
