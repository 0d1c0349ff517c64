"""LoRA: small matrices are trained beside frozen weights, and merged into them at the end."""

from unlearnkit.errors import KitError, nearest


def lora_config(model, lora: dict):
    """peft's configuration of `lora`: {"rank", "alpha", "target_modules"}; no dropout, no bias.

    KitError: a target is not the name of a linear layer. The output head is none: losses use its weight directly.
    """
    import torch
    from peft import LoraConfig

    head = model.get_output_embeddings()
    layers = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }
    for target in lora["target_modules"]:
        if target not in layers:
            raise KitError(f"lora.target_modules: no linear layer '{target}' to adapt{nearest(target, sorted(layers))}")
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        lora_dropout=0.0,
        target_modules=list(lora["target_modules"]),
    )
