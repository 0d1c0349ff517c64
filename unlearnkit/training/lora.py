"""LoRA: small matrices are trained beside frozen weights, and merged into them at the end."""

from unlearnkit.errors import KitError, nearest


def linear_layers(model) -> list[str]:
    """Names of the linear layers that LoRA may adapt: all but the output head, whose weight losses use directly."""
    import torch

    head = model.get_output_embeddings()
    return sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear) and module is not head
        }
    )


def lora_config(model, lora: dict):
    """peft's configuration of `lora`: {"rank", "alpha", "target_modules"}; no dropout, no bias.

    KitError: a target is not one of `linear_layers`.
    """
    from peft import LoraConfig

    layers = linear_layers(model)
    for target in lora["target_modules"]:
        if target not in layers:
            raise KitError(f"lora.target_modules: no linear layer '{target}' to adapt{nearest(target, layers)}")
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        lora_dropout=0.0,
        target_modules=list(lora["target_modules"]),
    )


def own(model) -> None:
    """Copy frozen weights: they are the model's own then. An assistant's are its target's (training/assistant.py)."""
    for weight in model.parameters():
        if not weight.requires_grad:
            weight.data = weight.data.clone()


def merge(model) -> None:
    """Merge the adapters of peft's `model` into the plain model inside, in place; its weights are its own after that,
    and all trainable.
    """
    own(model)
    model.merge_and_unload().requires_grad_(True)
