"""METHODS: name -> its loss terms, its hyper-parameters, its source. What a method needs is read off its losses'
argument names (`forget_logp`, `template_mean_prob`, `retain_logp`, `forget_reference_logp`): it gets exactly that.
"""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from unlearnkit.errors import KitError, nearest

PARTS = ("forget", "template", "retain")
DENOMINATORS = ("sequences", "answer_tokens")


@cache
def _arguments_of_losses() -> dict[str, tuple[str, ...]]:
    """Argument names of the functions in `unlearnkit.losses`, read as text: importing them would take torch."""
    files = (Path(__file__).parent / "losses").glob("*.py")
    statements = [node for path in files for node in ast.parse(path.read_text(encoding="utf-8")).body]
    functions = [node for node in statements if isinstance(node, ast.FunctionDef)]
    return {node.name: tuple(argument.arg for argument in node.args.args) for node in functions}


@dataclass(frozen=True)
class Term:
    """weight * sum of a loss over the effective batch / its denominator.

    `loss`: a function, or the name of one in `unlearnkit.losses`. `over`: "sequences", or "answer_tokens" (of the
    part that the loss takes): what the sum is divided by, counted over the whole effective batch.
    """

    loss: str | Callable
    over: str
    weight: float = 1.0

    def __post_init__(self):
        if self.over not in DENOMINATORS:
            raise KitError(f"term {self.loss}: over: no denominator '{self.over}'{nearest(self.over, DENOMINATORS)}")

    @property
    def function(self) -> Callable:
        if callable(self.loss):
            return self.loss
        from unlearnkit import losses

        return getattr(losses, self.loss)

    @property
    def arguments(self) -> tuple[str, ...]:
        if callable(self.loss):
            return tuple(inspect.signature(self.loss).parameters)
        return _arguments_of_losses()[self.loss]


@dataclass(frozen=True)
class Variant:
    """One way to write a method down: as the paper prints it, or as its authors released it."""

    terms: tuple[Term, ...]
    source: str
    parameters: dict[str, float] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[str, ...]:
        """The data that a step touches, of forget, template, retain."""
        names = [name for term in self.terms for name in term.arguments]
        return tuple(part for part in PARTS if any(name.startswith(f"{part}_") for name in names))

    @property
    def reference_parts(self) -> tuple[str, ...]:
        """The parts whose sequence log-probabilities under the original model are needed."""
        names = {name for term in self.terms for name in term.arguments}
        return tuple(part for part in PARTS if f"{part}_reference_logp" in names)


@dataclass(frozen=True)
class Method:
    """`printed_as` in papers; `variants`: "paper", and "release" where the released code computes something else."""

    printed_as: str
    variants: dict[str, Variant]


def _flat(divergence: str, printed_as: str) -> Method:
    return Method(
        printed_as,
        {
            "paper": Variant(
                (Term(f"flat_{divergence}", over="sequences"),),
                "FLAT (arXiv 2410.11143), objective and Table 2: mean token probability over the answer, per pair",
            ),
            "release": Variant(
                (Term(f"flat_{divergence}_release", over="sequences"),),
                "UCSC-REAL/FLAT bf2ef07, dataloader.py: mean over all padded positions, batch mean before g* and f*",
                {"padded_length": 500},  # max_length of its TOFU path
            ),
        },
    )


METHODS: dict[str, Method] = {
    "ga": Method(
        "GA",
        {
            "paper": Variant(
                (Term("ga", over="answer_tokens"),),
                "TOFU (arXiv 2401.06121), gradient ascent: minus the token-mean cross-entropy of the forget answers",
            )
        },
    ),
    "npo": Method(
        "NPO",
        {
            "paper": Variant(
                (Term("npo", over="sequences"),),
                "NPO (arXiv 2404.05868); beta: its section on TOFU and FLAT's configuration",
                {"beta": 0.1},
            )
        },
    ),
    "flat_tv": _flat("tv", "FLAT (TV)"),
    "flat_kl": _flat("kl", "FLAT (KL)"),
    "flat_js": _flat("js", "FLAT (JS)"),
    "flat_pearson": _flat("pearson", "FLAT (Pearson)"),
}


def variant(method: str, name: str = "paper") -> Variant:
    """One variant of one method. KitError: no such method, or the method has no such variant."""
    if method not in METHODS:
        raise KitError(f"no method '{method}'{nearest(method, METHODS)}")
    variants = METHODS[method].variants
    if name not in variants:
        raise KitError(f"method '{method}' has no variant '{name}'{nearest(name, variants)}")
    return variants[name]


def describe() -> list[dict]:
    """Every method and variant: needs, hyper-parameters, source; what `unlearnkit methods --json` prints."""
    return [
        {
            "method": name,
            "printed_as": method.printed_as,
            "variant": label,
            "needs": [*chosen.parts, *(["reference"] if chosen.reference_parts else [])],
            "parameters": chosen.parameters,
            "terms": [
                {
                    "loss": term.loss,
                    "weight": term.weight,
                    "over": term.over,
                    "arguments": list(term.arguments),
                }
                for term in chosen.terms
            ],
            "source": chosen.source,
        }
        for name, method in METHODS.items()
        for label, chosen in method.variants.items()
    ]
