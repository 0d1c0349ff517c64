"""Unlearning runs without dropout: the trained and the original model are then compared by the same function."""

import torch


def switch_off_dropout(model) -> None:
    """Set every dropout probability in the modules of `model` to 0, for good; its configuration stays as it is.

    With dropout neither NPO nor DPO would start at (2/beta) ln 2, nor KL at 0. TRL's DPOTrainer does this by default
    for nn.Dropout; OPT and others keep the probability as a float (`dropout`, `attention_dropout`, `layerdrop`).
    """
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name, value in list(vars(module).items()):
            if "drop" in name and isinstance(value, float):
                setattr(module, name, 0.0)
