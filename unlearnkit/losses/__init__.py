"""Losses: pure functions of log-probabilities. No model, batch or configuration enters them.

A loss takes per-sequence quantities of one micro-batch and returns a vector of shape (batch,), one
contribution per sequence, to be minimised. Dividing is not its job: the caller sums the vector and divides by
a stated denominator, over="sequences" or over="answer_tokens", counted over the whole effective batch. The
result is then independent of how gradient accumulation split that batch (not so for the releases that look at
padding or at a whole micro-batch: flat_*_release, kl_release, me_release and rmu_*_release, which say so).

Argument names, part_quantity, are the declaration of what a method needs. A signature without retain_* and mismatch_*
loads no retain data, one without *_reference_logp, *_kl, *_kl_all, *_logits and *_frozen_states asks nothing of the
original model (nor do the three with `uniform` in their names).

    part      forget    forget prompt with the forget response
              template  forget prompt with the template response
              mismatch  forget prompt with the answer of another, randomly drawn question of the retain data
              retain    retain prompt with its own response
              retain_template  the same retain prompt with the template response

    quantity, shape (batch,), with p_i = p(y_i | x, y_<i) over the answer tokens i = 1..|y|
              logp            sum_i log p_i           sequence log-probability
              mean_logp       logp / |y|              mean log-probability
              prob_sum        sum_i p_i               sum of token probabilities
              mean_prob       prob_sum / |y|          mean token probability (FLAT's quantity)
              tokens          |y|                     number of answer tokens
              reference_logp  logp under the reference model, the frozen original model: no gradient
              kl              mean over i of KL(p_reference || p_theta) over the vocabulary
              kl_all          the same mean over all positions of the padded row, prompt and padding included
              uniform_kl      mean over the tokens of prompt and answer of KL(p_theta || uniform) over the vocabulary
              uniform_kl_answer        the same mean over the answer's tokens
              uniform_reverse_kl_all   mean of KL(uniform || p_theta) over all predictions of the padded row

    One quantity is no tensor but a question that a loss asks, for losses of logits as they are:
              logits          logits(f) computes f(logits, original model's logits), both (positions, vocabulary), to
                              (positions,), a few positions at a time; returns for each sequence the vector of its
                              values, one for each token of the row: prompt included, padding not

    Others are of the activations behind one decoder layer, which the method's parameter `layer` names, 0 the first;
    a method looks at these or at probabilities:
              states         (batch, length, hidden), of the padded row
              frozen_states  the same of the original model: no gradient
              text           (batch, length), bool: the row's tokens, not its padding
              direction      (hidden,), a fixed random unit vector, drawn once

Arguments without a part in their name (beta, padded_length) are hyper-parameters; none has a default here.
`sequence_quantities` computes the quantities of token log-probabilities, training/divergence.py those over the
vocabulary, training/activations.py those of a layer.
"""

from unlearnkit.losses.ap import ap
from unlearnkit.losses.cross_entropy import mismatch_cross_entropy, retain_cross_entropy, template_cross_entropy
from unlearnkit.losses.dpo import dpo, dpo_release
from unlearnkit.losses.flat import (
    flat_jeffreys,
    flat_js,
    flat_kl,
    flat_neyman,
    flat_pearson,
    flat_reverse_kl,
    flat_squared_hellinger,
    flat_tv,
)
from unlearnkit.losses.flat_release import (
    flat_jeffreys_release,
    flat_js_release,
    flat_kl_release,
    flat_neyman_release,
    flat_pearson_release,
    flat_reverse_kl_release,
    flat_squared_hellinger_release,
    flat_tv_release,
)
from unlearnkit.losses.ga import ga
from unlearnkit.losses.kl import kl, kl_release, kl_release_muse
from unlearnkit.losses.me import me, me_answer, me_release
from unlearnkit.losses.npo import npo, npo_release
from unlearnkit.losses.rmu import rmu_forget, rmu_forget_release, rmu_retain, rmu_retain_release
from unlearnkit.losses.token_stats import sequence_quantities

__all__ = [
    "ap",
    "dpo",
    "dpo_release",
    "flat_jeffreys",
    "flat_jeffreys_release",
    "flat_js",
    "flat_js_release",
    "flat_kl",
    "flat_kl_release",
    "flat_neyman",
    "flat_neyman_release",
    "flat_pearson",
    "flat_pearson_release",
    "flat_reverse_kl",
    "flat_reverse_kl_release",
    "flat_squared_hellinger",
    "flat_squared_hellinger_release",
    "flat_tv",
    "flat_tv_release",
    "ga",
    "kl",
    "kl_release",
    "kl_release_muse",
    "me",
    "me_answer",
    "me_release",
    "mismatch_cross_entropy",
    "npo",
    "npo_release",
    "retain_cross_entropy",
    "rmu_forget",
    "rmu_forget_release",
    "rmu_retain",
    "rmu_retain_release",
    "sequence_quantities",
    "template_cross_entropy",
]
