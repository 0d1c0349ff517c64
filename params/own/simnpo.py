"""SimNPO (arXiv 2410.07163), a method of one's own: NPO without a reference, per token (key `own_methods`)."""

from unlearnkit.methods import Method, Term, Variant


def simnpo(forget_mean_logp, beta, gamma):
    from torch.nn.functional import logsigmoid  # here, so that planning a table does not import torch

    return -(2 / beta) * logsigmoid(-beta * forget_mean_logp - gamma)


TERMS = (Term(simnpo, over="sequences", weight=0.1375), Term("retain_cross_entropy", over="answer_tokens"))
PAPER = Variant(TERMS, "SimNPO (arXiv 2410.07163); values of its code for TOFU forget05", {"beta": 2.5, "gamma": 0.0})
METHODS = {"simnpo": Method("SimNPO", {"paper": PAPER})}
