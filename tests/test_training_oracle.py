"""Our DPO against TRL's DPOTrainer: the same batch, another implementation; ours carries the papers' factor 2/beta."""

import pytest
import torch
from micro import END_OF_PROMPT, loss_of, tokenized, trainer_for

from unlearnkit.methods import variant
from unlearnkit.training.reference import add_reference_logp

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated"),
]


def preference(row: dict) -> dict:
    """Our row in the terms of TRL's collator: template chosen, forget response rejected."""
    prompt = row["forget_input_ids"].index(END_OF_PROMPT) + 1
    return {
        "prompt_ids": row["forget_input_ids"][:prompt],
        "chosen_ids": row["template_input_ids"][prompt:],
        "rejected_ids": row["forget_input_ids"][prompt:],
    }


@pytest.mark.parametrize("beta", [0.1, 0.5])
def test_dpo_is_trls_times_two_over_beta(beta, memorised, micro_model, micro_tokenizer, micro_training, tmp_path):
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer
    from trl.trainer.dpo_trainer import DataCollatorForPreference

    chosen, reference = variant("dpo"), micro_model()
    rows = tokenized(micro_tokenizer, chosen, 4)
    assert max(len(row["forget_input_ids"]) for row in rows) < 100  # TRL cuts at max_length without a word
    oracle = DPOTrainer(
        model=memorised(),
        ref_model=reference,  # None would load the weights that config._name_or_path names
        args=DPOConfig(
            output_dir=str(tmp_path / "trl"), beta=beta, bf16=False, use_cpu=True, report_to="none", disable_tqdm=True
        ),
        train_dataset=Dataset.from_list([{"prompt": "Who?", "chosen": " I.", "rejected": " You."}]),
        processing_class=micro_tokenizer,
    )
    batch = DataCollatorForPreference(micro_tokenizer.pad_token_id)([preference(row) for row in rows])
    theirs = oracle.compute_loss(oracle.model, batch)
    theirs.backward()

    for part in ("forget", "template"):
        add_reference_logp(rows, part, micro_model(), micro_tokenizer, micro_training())
    trainer = trainer_for(memorised(), micro_tokenizer, tmp_path, chosen, rows, micro_training(), beta=beta)
    ours = loss_of(trainer, rows)
    ours.backward()

    assert ours.item() == pytest.approx(2 / beta * theirs.item(), rel=1e-5)
    assert abs(theirs.item() - 0.693147) > 0.01  # not where every DPO loss starts
    for (name, parameter), twin in zip(trainer.model.named_parameters(), oracle.model.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, 2 / beta * twin.grad, rtol=1e-4, atol=1e-4, msg=name)
