"""FLAT as its authors released it (`flat_*_release`): the paper's divergences after another reduction.

Token probabilities are averaged over all padded positions and over the batch before g* and f* are applied.

Source: FLAT's released code (UCSC-REAL/FLAT, commit bf2ef07, dataloader.py, loss_type "cl"); the divergences
are those of FLAT (arXiv 2410.11143), Table 2, as shown on FLAT's ICLR slides. Three consequences:
  - v is the paper's mean token probability times about |y| / padded_length: near 0 even for memorised text.
    There the weights (template, forget) of the gradient are TV (1/2, 1/2), JS (1/2, 1/2), Pearson (1, 1) and
    KL (1, 1/e): up to a global scale, which Adam ignores, three of the four are one method.
  - Padding is part of the loss: its length is a hyper-parameter, `padded_length`.
  - NOT invariant to gradient accumulation: g* and f* see the mean of one micro-batch, not of the effective
    batch. Use over="sequences": the micro-batch values are then averaged, weighted by their sequences.
"""

from torch import Tensor

from unlearnkit.losses.flat import DIVERGENCES, Divergence, flat_objective


def _released_objective(
    divergence: Divergence, template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int
) -> Tensor:
    """The batch-level value in each of (batch,) entries, so that their mean over sequences is that value."""
    batch = forget_prob_sum.shape[0]
    positions = batch * (padded_length - 1)  # next-token positions, prompt and padding included
    template_v = template_prob_sum.sum() / positions
    forget_v = forget_prob_sum.sum() / positions
    return flat_objective(divergence, template_v, forget_v).expand(batch)


def flat_tv_release(template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int) -> Tensor:
    """Released FLAT with total variation.

    template_prob_sum, forget_prob_sum: (batch,), token probabilities summed over answer tokens.
    padded_length: tokens every sequence is padded to (the release: 500 on TOFU, 1024 on Harry Potter).
    Returns (batch,), every entry the same value of the whole micro-batch. Source: head of this file.
    """
    return _released_objective(DIVERGENCES["tv"], template_prob_sum, forget_prob_sum, padded_length)


def flat_kl_release(template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int) -> Tensor:
    """Released FLAT with KL; arguments, shapes and source as in `flat_tv_release`."""
    return _released_objective(DIVERGENCES["kl"], template_prob_sum, forget_prob_sum, padded_length)


def flat_js_release(template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int) -> Tensor:
    """Released FLAT with Jensen-Shannon; arguments, shapes and source as in `flat_tv_release`."""
    return _released_objective(DIVERGENCES["js"], template_prob_sum, forget_prob_sum, padded_length)


def flat_pearson_release(template_prob_sum: Tensor, forget_prob_sum: Tensor, padded_length: int) -> Tensor:
    """Released FLAT with Pearson; arguments, shapes and source as in `flat_tv_release`."""
    return _released_objective(DIVERGENCES["pearson"], template_prob_sum, forget_prob_sum, padded_length)
