"""UnlearnTrainer: TRL's SFTTrainer with its own collator and one overridden public method, `compute_loss`.

A micro-batch is one forward pass over all parts that the method needs, stacked. Every term states its denominator,
which is counted over the whole effective batch: accumulation changes nothing (release variants exempt, by name).
"""

from contextlib import nullcontext

import torch
from torch.nn.functional import pad as lengthen
from trl import SFTTrainer

from unlearnkit.data.collate import pad
from unlearnkit.data.encode import IGNORE
from unlearnkit.errors import KitError
from unlearnkit.losses import sequence_quantities
from unlearnkit.terms import Term, Variant
from unlearnkit.training.divergence import (
    compare,
    head_of,
    last_states,
    mean_kl,
    mean_uniform_kl,
    mean_uniform_reverse_kl,
)
from unlearnkit.training.expert import Anchor


class Collator:
    """Examples to one stacked batch: rows of the first part, then of the second, ...; the reference beside them.

    `states`: part -> the original model's last hidden states, which `<part>_reference_index` of an example points to.
    """

    def __init__(self, parts: tuple[str, ...], pad_id: int, states: dict[str, list] | None = None):
        self.parts, self.pad_id, self.states, self.side = parts, pad_id, states or {}, "right"

    def __call__(self, examples: list[dict]) -> dict:
        stacked = [example[f"{part}_input_ids"] for part in self.parts for example in examples]
        labels = [example[f"{part}_labels"] for part in self.parts for example in examples]
        input_ids, attention_mask = pad(stacked, self.pad_id, self.side)
        labels, _ = pad(labels, IGNORE, self.side)
        batch = {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
        for part in self.parts:
            name = f"{part}_reference_logp"
            if name in examples[0]:
                batch[name] = torch.tensor([example[name] for example in examples])
        for part, states in self.states.items():
            kept = [states[example[f"{part}_reference_index"]] for example in examples]
            padded = kept[0].new_zeros(len(kept), input_ids.shape[1], kept[0].shape[1])
            for row, one in zip(padded, kept, strict=True):
                row[: len(one)] = one[: len(row)]
            batch[f"{part}_reference_states"] = padded
        return batch


class UnlearnTrainer(SFTTrainer):
    """Minimises the weighted sum of a method's terms. Give it rows of `examples.tokenize`, in the order of use.

    `reference_states`: for every part of `variant.compared_parts` what `add_reference_states` returned for `reference`,
    the model that losses compare with (None: `model` as it is now). `anchor`: added to the terms, where there is one.
    """

    # Terms divide by counts over the effective batch, so the trainer must not divide again by the accumulation.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        *,
        model,
        variant: Variant,
        parameters: dict[str, float],
        processing_class,
        reference_states=None,
        reference=None,
        anchor: Anchor | None = None,
        **kwargs,
    ):
        self.variant, self.parameters, self.anchor = variant, parameters, anchor
        collator = Collator(variant.parts, processing_class.pad_token_id, reference_states)
        # The plain model's own modules, which stay what they are inside of adapters and wrappers.
        self.backbone, plain = model.base_model, model
        super().__init__(model=model, processing_class=processing_class, data_collator=collator, **kwargs)
        self.over_vocabulary = bool(variant.compared_parts or variant.uniform_parts)
        if self.over_vocabulary:
            self.head = head_of(plain)
        if variant.compared_parts:
            self.reference_head = self.head.frozen() if reference is None else head_of(reference).frozen()

    def get_batch_samples(self, epoch_iterator, num_batches, device):
        """The micro-batches of one optimiser step; counts what their terms divide by."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        self.denominators = self._count(batches, device)
        return batches, None

    def _count(self, batches: list[dict], device) -> dict[str, float]:
        """Sequences, and answer tokens of each part, in the effective batch over all processes."""
        counts = torch.zeros(1 + len(self.variant.parts), device=device)
        for batch in batches:
            answer = batch["labels"][:, 1:] != IGNORE
            by_part = answer.sum(dim=1).view(len(self.variant.parts), -1)
            counts += torch.tensor([by_part.shape[1], *by_part.sum(dim=1).tolist()], device=device)
        counts = self.accelerator.reduce(counts, reduction="sum").tolist()
        return dict(zip(("sequences", *self.variant.parts), counts, strict=True))

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        with self.anchor.recorded() if self.anchor else nullcontext() as routed:
            given, outputs = self.quantities(model, inputs)
        given |= self.parameters
        rows = len(inputs["input_ids"]) // len(self.variant.parts)
        loss = sum(self._term(term, given, rows) for term in self.variant.terms)
        if self.anchor:
            loss = loss + self.anchor(routed, inputs) / self.denominators["sequences"]
        loss = loss * self.accelerator.num_processes  # gradients are averaged over processes; ours are sums
        return (loss, outputs) if return_outputs else loss

    def quantities(self, model, inputs: dict) -> tuple[dict, object]:
        """What losses take of one micro-batch, by the names of their arguments; and the model's outputs.

        One forward pass of `model`, whose routers an anchor records.
        """
        with last_states(self.backbone) if self.over_vocabulary else nullcontext() as states:
            outputs = model(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                labels=inputs["labels"],
                fused_lm_head=True,
            )
        stacked = sequence_quantities(outputs.log_probs, outputs.label_mask)
        given = {name: value for name, value in inputs.items() if name.endswith("_reference_logp")}
        rows = len(inputs["input_ids"]) // len(self.variant.parts)
        for index, part in enumerate(self.variant.parts):
            own = slice(index * rows, (index + 1) * rows)
            given |= {f"{part}_{name}": values[own] for name, values in stacked.items()}
            text = inputs["attention_mask"][own].bool()
            if part in self.variant.uniform_parts:
                given |= self._uniform(part, states[0][own], outputs.label_mask[own], text)
            if part in self.variant.compared_parts:
                pair = states[0][own], inputs[f"{part}_reference_states"]
                given |= self._compared(part, pair, outputs.label_mask[own], text)
        return given, outputs

    def _compared(self, part: str, pair: tuple, label_mask, text) -> dict:
        """What the method asks for of the comparison with the original model. pair: last hidden states of both."""
        answer = lengthen(label_mask, (0, 1))  # position i predicts token i + 1; the last one predicts nothing
        heads = self.head, self.reference_head
        kinds = {f"{part}_kl": answer, f"{part}_kl_all": torch.ones_like(answer)}
        found = {
            name: mean_kl(*pair, positions, *heads)
            for name, positions in kinds.items()
            if name in self.variant.arguments
        }
        found[f"{part}_logits"] = lambda f: compare(f, *pair, text, *heads).split(text.sum(dim=1).tolist())
        return found

    def _uniform(self, part: str, states, label_mask, text) -> dict:
        """What the method asks for of the divergence from the uniform distribution. states: last hidden states."""
        states = states[:, :-1]  # position i predicts token i + 1; the last one predicts nothing
        kinds = {
            f"{part}_uniform_kl": (mean_uniform_kl, text[:, 1:]),
            f"{part}_uniform_kl_answer": (mean_uniform_kl, label_mask),
            f"{part}_uniform_reverse_kl_all": (mean_uniform_reverse_kl, torch.ones_like(label_mask)),
        }
        return {
            name: mean(states, positions, self.head)
            for name, (mean, positions) in kinds.items()
            if name in self.variant.arguments
        }

    def _term(self, term: Term, given: dict, rows: int):
        values = term.function(**{name: given[name] for name in term.arguments})
        if values.shape != (rows,):
            raise KitError(f"loss '{term.name}' returned shape {tuple(values.shape)}, expected ({rows},)")
        denominator = "sequences" if term.over == "sequences" else term.parts[0]
        return term.weight_in(self.parameters) * values.sum() / self.denominators[denominator]
