"""Losses: pure functions of log-probabilities. No model, batch or configuration enters them.

A loss takes per-sequence quantities of one micro-batch and returns a vector of shape (batch,), one
contribution per sequence, to be minimised. Dividing is not its job: the caller sums the vector and divides by
a stated denominator, over="sequences" or over="answer_tokens", counted over the whole effective batch. The
result is then independent of how gradient accumulation split that batch (not so for *_release, which say so).

Argument names, part_quantity, are the declaration of what a method needs. A signature without retain_* loads
no retain data, one without *_reference_logp loads no reference model.

    part      forget    forget prompt with the forget response
              template  forget prompt with the template response
              retain    retain prompt with its own response

    quantity, shape (batch,), with p_i = p(y_i | x, y_<i) over the answer tokens i = 1..|y|
              logp            sum_i log p_i           sequence log-probability
              mean_logp       logp / |y|              mean log-probability
              prob_sum        sum_i p_i               sum of token probabilities
              mean_prob       prob_sum / |y|          mean token probability (FLAT's quantity)
              reference_logp  logp under the reference model, the frozen original model: no gradient

Arguments without a part in their name (beta, padded_length) are hyper-parameters; none has a default here.
`sequence_quantities` computes the quantities, and the number of answer tokens, from token log-probabilities.
"""

from unlearnkit.losses.flat import flat_js, flat_kl, flat_pearson, flat_tv
from unlearnkit.losses.flat_release import (
    flat_js_release,
    flat_kl_release,
    flat_pearson_release,
    flat_tv_release,
)
from unlearnkit.losses.ga import ga
from unlearnkit.losses.npo import npo
from unlearnkit.losses.token_stats import sequence_quantities

__all__ = [
    "flat_js",
    "flat_js_release",
    "flat_kl",
    "flat_kl_release",
    "flat_pearson",
    "flat_pearson_release",
    "flat_tv",
    "flat_tv_release",
    "ga",
    "npo",
    "sequence_quantities",
]
