"""Figures of the tables: plain rows and numbers in, a matplotlib Figure out, with a caption that says what
was measured, on what data, at what scale. A method has one marker and one colour in all of them (`STYLE`).
Importing this package does not import matplotlib."""

from unlearnkit.plots.book import completions, fq_gap_vs_accuracy, rouge_l_vs_perplexity
from unlearnkit.plots.closer_look import over_requests, parts, utility_vs_efficacy
from unlearnkit.plots.convergence import convergence_over_steps
from unlearnkit.plots.costs import training_seconds
from unlearnkit.plots.divergences import flat_beside_dpo, gradient_weights, loss_surfaces, reach_of_the_bound
from unlearnkit.plots.experts import affinity, selection_shift, trained_share, utility_vs_forgetting
from unlearnkit.plots.fronts import fronts
from unlearnkit.plots.likeness import kept_by_likeness
from unlearnkit.plots.lora import over_trained_parameters
from unlearnkit.plots.muse import CURVES, curve, curves, forgotten_vs_kept, privleak
from unlearnkit.plots.needs import needs
from unlearnkit.plots.style import STYLE, save
from unlearnkit.plots.tradeoff import forget_quality_vs_model_utility
from unlearnkit.plots.trajectories import trajectories_over_steps
from unlearnkit.plots.truth_ratios import truth_ratio_distributions

__all__ = [
    "CURVES",
    "STYLE",
    "affinity",
    "completions",
    "convergence_over_steps",
    "curve",
    "curves",
    "flat_beside_dpo",
    "forget_quality_vs_model_utility",
    "forgotten_vs_kept",
    "fq_gap_vs_accuracy",
    "fronts",
    "gradient_weights",
    "kept_by_likeness",
    "loss_surfaces",
    "needs",
    "over_requests",
    "over_trained_parameters",
    "parts",
    "privleak",
    "reach_of_the_bound",
    "rouge_l_vs_perplexity",
    "save",
    "selection_shift",
    "trained_share",
    "training_seconds",
    "trajectories_over_steps",
    "truth_ratio_distributions",
    "utility_vs_efficacy",
    "utility_vs_forgetting",
]
