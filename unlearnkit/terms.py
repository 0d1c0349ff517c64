"""What a method is made of: weighted terms, each a loss over a stated denominator. What it needs is read off the names
of its losses' arguments (`forget_logp`, `template_mean_prob`, `retain_kl`, `forget_reference_logp`).
"""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from unlearnkit.errors import KitError, nearest

# The head of unlearnkit.losses defines parts and quantities.
PARTS = ("forget", "template", "mismatch", "retain", "retain_template")
FROM_RETAIN = frozenset({"mismatch", "retain", "retain_template"})  # parts that retain data are drawn for
FROM_TEMPLATES = frozenset({"template", "retain_template"})
COMPARISONS = ("kl", "kl_all", "logits")  # of both models over the whole vocabulary
UNIFORM = ("uniform_kl", "uniform_kl_answer", "uniform_reverse_kl_all")  # of the model with the uniform distribution
INNER = ("states", "frozen_states", "text", "direction")  # of activations behind the layer that a parameter names
QUANTITIES = ("logp", "mean_logp", "prob_sum", "mean_prob", "tokens", "reference_logp", *COMPARISONS, *UNIFORM, *INNER)
PART_OF = {f"{part}_{quantity}": part for part in PARTS for quantity in QUANTITIES}
DENOMINATORS = ("sequences", "answer_tokens")
PAIRINGS = ("fresh", "fixed")


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
    part that the loss takes): what the sum is divided by, counted over the whole effective batch. `weight`: a number,
    or the name of one of the method's parameters.
    """

    loss: str | Callable
    over: str
    weight: float | str = 1.0

    def __post_init__(self):
        if not callable(self.loss) and self.loss not in _arguments_of_losses():
            raise KitError(f"no loss '{self.loss}'{nearest(self.loss, _arguments_of_losses())}")
        if self.over not in DENOMINATORS:
            raise KitError(f"loss '{self.name}': no denominator '{self.over}'{nearest(self.over, DENOMINATORS)}")
        if self.over == "answer_tokens" and len(self.parts) != 1:
            raise KitError(f"loss '{self.name}': over answer_tokens of which part? It takes {list(self.parts)}")

    @property
    def name(self) -> str:
        return self.loss.__name__ if callable(self.loss) else self.loss

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

    def weight_in(self, parameters: dict[str, float]) -> float:
        """The weight as a number; parameters: the method's."""
        return parameters[self.weight] if isinstance(self.weight, str) else self.weight

    @property
    def parts(self) -> tuple[str, ...]:
        """The data that the loss looks at, of PARTS."""
        named = {PART_OF.get(name) for name in self.arguments}
        return tuple(part for part in PARTS if part in named)


@dataclass(frozen=True)
class Variant:
    """One way to write a method down: as the paper prints it, or as its authors released it.

    `pairing`: whether a forget item's retain item, template and random answer are drawn anew each time the item comes
    ("fresh"), or once for the whole training ("fixed").
    """

    terms: tuple[Term, ...]
    source: str
    parameters: dict[str, float] = field(default_factory=dict)
    pairing: str = "fresh"

    def __post_init__(self):
        if self.pairing not in PAIRINGS:
            raise KitError(f"no pairing '{self.pairing}'{nearest(self.pairing, PAIRINGS)}")
        given = PART_OF.keys() | self.parameters.keys()
        for term in self.terms:
            if isinstance(term.weight, str) and term.weight not in self.parameters:
                choices = nearest(term.weight, self.parameters) if self.parameters else ": it has none"
                raise KitError(f"loss '{term.name}': its weight '{term.weight}' is no parameter of the method{choices}")
            for name in term.arguments:
                if name not in given:
                    raise KitError(f"loss '{term.name}': nothing is called '{name}'{nearest(name, sorted(given))}")
        inner = self._of(INNER)
        others = self.arguments & PART_OF.keys() - inner
        if inner and others:
            raise KitError(f"a method looks at activations ('{min(inner)}') or at probabilities ('{min(others)}')")
        if inner and "layer" not in self.parameters:
            raise KitError(f"'{min(inner)}': behind which layer? The method has no parameter 'layer'")

    def _of(self, quantities: tuple[str, ...]) -> set[str]:
        """The losses' arguments that are such quantities, of any part."""
        return {f"{part}_{name}" for part in PARTS for name in quantities} & self.arguments

    @property
    def arguments(self) -> set[str]:
        return {name for term in self.terms for name in term.arguments}

    @property
    def parts(self) -> tuple[str, ...]:
        """The data that a step touches, of PARTS."""
        return tuple(part for part in PARTS if any(part in term.parts for term in self.terms))

    @property
    def reference_parts(self) -> tuple[str, ...]:
        """The parts whose sequence log-probabilities under the original model are needed."""
        return tuple(part for part in PARTS if f"{part}_reference_logp" in self.arguments)

    @property
    def compared_parts(self) -> tuple[str, ...]:
        """The parts on which the original model's distributions are needed."""
        return tuple(part for part in PARTS if {f"{part}_{name}" for name in COMPARISONS} & self.arguments)

    @property
    def uniform_parts(self) -> tuple[str, ...]:
        """The parts on which the model's distributions are compared with the uniform one; no reference is needed."""
        return tuple(part for part in PARTS if {f"{part}_{name}" for name in UNIFORM} & self.arguments)

    @property
    def inner_parts(self) -> tuple[str, ...]:
        """The parts whose activations behind a layer are looked at: all, or none."""
        return self.parts if self._of(INNER) else ()

    @property
    def frozen_parts(self) -> tuple[str, ...]:
        """The parts whose activations in the original model are needed."""
        return tuple(part for part in PARTS if f"{part}_frozen_states" in self.arguments)

    @property
    def reference(self) -> bool:
        """Whether anything of the original model is needed."""
        return bool(self.reference_parts or self.compared_parts or self.frozen_parts)
