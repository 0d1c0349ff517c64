"""Task Vector: unlearning by arithmetic on weights, without a gradient of its own.

Source: Ilharco et al. (arXiv 2212.04089); in MUSE (arXiv 2407.06460) the second model is the original one, trained on
the forget set once more.
"""

import torch

from unlearnkit.errors import KitError


def subtract(model, finetuned, alpha: float) -> None:
    """theta <- theta - alpha * (theta_finetuned - theta), in place, for every parameter of `model`.

    alpha: any size, also far above 1 (MUSE chose 2^9). The vector is computed in float32, whatever the weights are in.
    Buffers stay. KitError, and nothing is changed: the models' parameters differ in name or shape.
    """
    ours, theirs = (dict(one.named_parameters()) for one in (model, finetuned))
    for name in ours.keys() | theirs.keys():
        shapes = [tuple(one[name].shape) if name in one else "no such parameter" for one in (ours, theirs)]
        if shapes[0] != shapes[1]:
            raise KitError(f"task vector: {name}: {shapes[0]} in the model, {shapes[1]} in the one fine-tuned from it")
    with torch.no_grad():
        for name, weight in ours.items():
            start = weight.float()
            weight.copy_(start - alpha * (theirs[name].to(weight.device).float() - start))
