"""A parameter file's training section as TRL's configuration. What TRL would decide by itself is set here."""

from pathlib import Path

from unlearnkit import experts


def sft_config(training: dict, folder: Path, seed: int, steps: int, **overrides):
    """TRL's SFTConfig for `steps` steps over examples in the order of use. `training`: fields of params.Training."""
    import torch
    from trl import SFTConfig

    save_steps = training["save_steps"]
    return SFTConfig(
        output_dir=str(folder),
        learning_rate=training["learning_rate"],
        max_steps=steps,
        per_device_train_batch_size=training["batch_size"],
        gradient_accumulation_steps=training["gradient_accumulation_steps"],
        lr_scheduler_type=training["schedule"],
        warmup_steps=training["warmup_steps"],
        optim=training["optimizer"],
        adam_beta2=training["adam_beta2"],
        weight_decay=training["weight_decay"],
        max_grad_norm=training["max_grad_norm"] or 0.0,  # 0 switches clipping off
        bf16=training["precision"] == "bfloat16",
        activation_checkpointing=training["gradient_checkpointing"],
        max_length=None,  # encode() has checked lengths; nothing is ever truncated
        dataset_kwargs={"skip_prepare_dataset": True},
        train_sampling_strategy="sequential",
        save_strategy="steps" if save_steps else "no",
        save_steps=save_steps or 500,
        save_total_limit=1,
        seed=seed,
        data_seed=seed,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to="none",
        # A mixture's experts are balanced as its configuration says (Qwen2-MoE and Mixtral by a loss of weight 0.001,
        # DeepSeek-V2 not at all); `UnlearnTrainer`, whose loss is its own, never does.
        router_aux_loss_coef=None,
        logging_nan_inf_filter=False,  # a loss that diverged is shown as such
        disable_tqdm=True,
        log_level="error",
        **overrides,
    )


def run(trainer, folder: Path) -> int:
    """Train from the last checkpoint in `folder`, or from the start; returns the number of optimiser steps."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    checkpoint, model = last_checkpoint(folder), trainer.model
    with experts.fused_checkpoints(model.get_base_model() if hasattr(model, "get_base_model") else model):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return trainer.state.global_step


def last_checkpoint(folder: Path) -> Path | None:
    """The trainer's last complete checkpoint: one that was interrupted has no trainer_state.json, written last."""
    complete = [file.parent for file in folder.glob("checkpoint-*/trainer_state.json")]
    return max(complete, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)
