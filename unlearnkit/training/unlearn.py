"""UnlearnTrainer: TRL's SFTTrainer with its own collator and one overridden public method, `compute_loss`.

A micro-batch is one forward pass over all parts that the method needs, stacked. Every term states its denominator,
which is counted over the whole effective batch: accumulation changes nothing (release variants exempt, by name).
"""

from trl import SFTTrainer

from unlearnkit.data.collate import pad
from unlearnkit.data.encode import IGNORE
from unlearnkit.errors import KitError, nearest
from unlearnkit.losses import sequence_quantities
from unlearnkit.methods import PARTS, Term, Variant


class Collator:
    """Examples to one stacked batch: rows of the first part, then of the second, ...; the reference beside them."""

    def __init__(self, parts: tuple[str, ...], pad_id: int):
        self.parts, self.pad_id = parts, pad_id

    def __call__(self, examples: list[dict]) -> dict:
        import torch

        stacked = [example[f"{part}_input_ids"] for part in self.parts for example in examples]
        labels = [example[f"{part}_labels"] for part in self.parts for example in examples]
        input_ids, attention_mask = pad(stacked, self.pad_id)
        batch = {"input_ids": input_ids, "attention_mask": attention_mask, "labels": pad(labels, IGNORE)[0]}
        for part in self.parts:
            name = f"{part}_reference_logp"
            if name in examples[0]:
                batch[name] = torch.tensor([example[name] for example in examples])
        return batch


class UnlearnTrainer(SFTTrainer):
    """Minimises the weighted sum of a method's terms. Give it rows of `examples.tokenize`, in the order of use."""

    # Terms divide by counts over the effective batch, so the trainer must not divide again by the accumulation.
    loss_is_scaled_for_ga = True

    def __init__(self, *, variant: Variant, parameters: dict[str, float], processing_class, **kwargs):
        self.variant, self.parameters = variant, parameters
        collator = Collator(variant.parts, processing_class.pad_token_id)
        super().__init__(processing_class=processing_class, data_collator=collator, **kwargs)

    def get_batch_samples(self, epoch_iterator, num_batches, device):
        """The micro-batches of one optimiser step; counts what their terms divide by."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        self.denominators = self._count(batches, device)
        return batches, None

    def _count(self, batches: list[dict], device) -> dict[str, float]:
        """Sequences, and answer tokens of each part, in the effective batch over all processes."""
        import torch

        counts = torch.zeros(1 + len(self.variant.parts), device=device)
        for batch in batches:
            answer = batch["labels"][:, 1:] != IGNORE
            by_part = answer.sum(dim=1).view(len(self.variant.parts), -1)
            counts += torch.tensor([by_part.shape[1], *by_part.sum(dim=1).tolist()], device=device)
        counts = self.accelerator.reduce(counts, reduction="sum").tolist()
        return dict(zip(("sequences", *self.variant.parts), counts, strict=True))

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        outputs = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            labels=inputs["labels"],
            fused_lm_head=True,
        )
        stacked = sequence_quantities(outputs.log_probs, outputs.label_mask)
        given = {name: value for name, value in inputs.items() if name.endswith("_reference_logp")} | self.parameters
        parts = self.variant.parts
        rows = len(inputs["input_ids"]) // len(parts)
        for index, part in enumerate(parts):
            for name, values in stacked.items():
                given[f"{part}_{name}"] = values[index * rows : (index + 1) * rows]
        loss = sum(self._term(term, given, rows) for term in self.variant.terms)
        loss = loss * self.accelerator.num_processes  # gradients are averaged over processes; ours are sums
        return (loss, outputs) if return_outputs else loss

    def _term(self, term: Term, given: dict, rows: int):
        unknown = [name for name in term.arguments if name not in given]
        if unknown:
            name = term.function.__name__
            raise KitError(f"loss '{name}': nothing is called '{unknown[0]}'{nearest(unknown[0], given)}")
        values = term.function(**{name: given[name] for name in term.arguments})
        if values.shape != (rows,):
            raise KitError(f"loss '{term.function.__name__}' returned shape {tuple(values.shape)}, expected ({rows},)")
        if term.over == "sequences":
            return term.weight * values.sum() / self.denominators["sequences"]
        parts = [part for part in PARTS if any(name.startswith(f"{part}_") for name in term.arguments)]
        if len(parts) != 1:
            raise KitError(f"loss '{term.function.__name__}': over answer_tokens of which part? It takes {parts}")
        return term.weight * values.sum() / self.denominators[parts[0]]
