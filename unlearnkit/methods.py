"""METHODS: name -> its loss terms, its hyper-parameters, its source. What a method needs is read off its losses'
argument names (`forget_logp`, `template_mean_prob`, `retain_kl`, `forget_reference_logp`): it gets exactly that.
"""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from unlearnkit import paths
from unlearnkit.errors import KitError, nearest

PARTS = ("forget", "template", "mismatch", "retain")
# The head of unlearnkit.losses defines parts and quantities.
COMPARISONS = ("kl", "kl_all", "logits")  # of both models over the whole vocabulary
QUANTITIES = ("logp", "mean_logp", "prob_sum", "mean_prob", "tokens", "reference_logp", *COMPARISONS)
PART_OF = {f"{part}_{quantity}": part for part in PARTS for quantity in QUANTITIES}
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

    @property
    def parts(self) -> tuple[str, ...]:
        """The data that the loss looks at, of PARTS."""
        named = {PART_OF.get(name) for name in self.arguments}
        return tuple(part for part in PARTS if part in named)


@dataclass(frozen=True)
class Variant:
    """One way to write a method down: as the paper prints it, or as its authors released it."""

    terms: tuple[Term, ...]
    source: str
    parameters: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        given = PART_OF.keys() | self.parameters.keys()
        for term in self.terms:
            for name in term.arguments:
                if name not in given:
                    raise KitError(f"loss '{term.name}': nothing is called '{name}'{nearest(name, sorted(given))}")

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


@dataclass(frozen=True)
class Method:
    """`printed_as` in papers; `variants`: "paper", "release" where the released code computes something else, and
    "release_muse" where MUSE's does and "release" is another paper's."""

    printed_as: str
    variants: dict[str, Variant]


def _method(printed_as: str, paper: Variant, release: Variant | None = None, **others: Variant) -> Method:
    return Method(printed_as, {"paper": paper} | ({"release": release} if release else {}) | others)


def _flat(divergence: str, printed_as: str) -> Method:
    return _method(
        printed_as,
        Variant(
            (Term(f"flat_{divergence}", over="sequences"),),
            "FLAT (arXiv 2410.11143), objective and Table 2: mean token probability over the answer, per pair",
        ),
        Variant(
            (Term(f"flat_{divergence}_release", over="sequences"),),
            "UCSC-REAL/FLAT bf2ef07, dataloader.py: mean over all padded positions, batch mean before g* and f*",
            {"padded_length": 500},  # max_length of its TOFU path
        ),
    )


_GA = Term("ga", over="answer_tokens")
_GA_LLMU = Term("ga", over="answer_tokens", weight=0.5)
_RETAIN = Term("retain_cross_entropy", over="answer_tokens")
_TEMPLATE = Term("template_cross_entropy", over="answer_tokens")
_MISMATCH = Term("mismatch_cross_entropy", over="answer_tokens")
_KL = Term("kl", over="sequences")
_KL_RELEASE = Term("kl_release", over="sequences")
_KL_MUSE = Term("kl_release_muse", over="sequences")
_NPO = Term("npo", over="sequences")
_NPO_RELEASE = Term("npo_release", over="sequences")
_MUSE = "jaechan-repo/muse_bench e000038, iterative.py"
_BETA = {"beta": 0.1}  # of NPO's experiments on TOFU and of FLAT's configuration, DPO's too

# In the order of FLAT's Table 4.
METHODS: dict[str, Method] = {
    "ga": _method(
        "GA",
        Variant(
            (_GA,),
            "TOFU (arXiv 2401.06121), gradient ascent: minus the token-mean cross-entropy of the forget answers",
        ),
    ),
    "kl": _method(
        "KL",
        Variant((_GA, _KL), "TOFU (arXiv 2401.06121), KL minimization; here the divergence is over retain answers"),
        Variant((_GA, _KL_RELEASE), "locuslab/tofu bdc209e, dataloader.py: divergence over all padded positions"),
        release_muse=Variant((_GA, _KL_MUSE), f"{_MUSE}: kl_div of raw logits, summed over a row's positions"),
    ),
    "gd": _method("GD", Variant((_GA, _RETAIN), "TOFU (arXiv 2401.06121), gradient difference")),
    "po": _method("PO", Variant((_TEMPLATE, _RETAIN), "TOFU (arXiv 2401.06121), preference optimization (idk)")),
    "mismatch": _method(
        "Mismatch",
        Variant((_RETAIN, _MISMATCH), "FLAT (arXiv 2410.11143), after ECO: retain data, and random answers to forget"),
    ),
    "llmu": _method(
        "LLMU",
        Variant(
            (_GA_LLMU, _MISMATCH, _KL),
            "LLMU (arXiv 2310.10683), weights of its code; one random answer a step estimates its mean over several",
        ),
        Variant(
            (_GA_LLMU, _TEMPLATE, _KL_RELEASE),
            "UCSC-REAL/FLAT bf2ef07, dataloader.py: templates for random answers, divergence over all positions",
        ),
    ),
    "dpo": _method(
        "DPO",
        Variant(
            (Term("dpo", over="sequences"),),
            "DPO (arXiv 2305.18290), template over forget response, with the factor 2/beta of FLAT's code",
            _BETA,
        ),
        Variant(
            (Term("dpo_release", over="sequences"),),
            "UCSC-REAL/FLAT bf2ef07, dataloader.py: no reference, ref_logratios = 0",
            _BETA,
        ),
    ),
    "npo": _method(
        "NPO",
        Variant((_NPO,), "NPO (arXiv 2404.05868); beta: its section on TOFU and FLAT's configuration", _BETA),
        Variant((_NPO_RELEASE,), f"{_MUSE}: raw logits, mean over positions and vocabulary", _BETA),
    ),
    "npo_rt": _method(
        "NPO-RT",
        Variant((_NPO, _RETAIN), "NPO (arXiv 2404.05868), NPO+RT, weights 1 and 1", _BETA),
        Variant((_NPO_RELEASE, _RETAIN), f"{_MUSE}: NPO on raw logits, cross-entropy on retain data", _BETA),
    ),
    "flat_tv": _flat("tv", "FLAT (TV)"),
    "flat_kl": _flat("kl", "FLAT (KL)"),
    "flat_js": _flat("js", "FLAT (JS)"),
    "flat_pearson": _flat("pearson", "FLAT (Pearson)"),
}


@dataclass(frozen=True)
class Arithmetic:
    """A method without a loss: a model is combined with one that learnt the forget set once more, `alpha` times."""

    printed_as: str
    source: str


ARITHMETIC: dict[str, Arithmetic] = {
    "task_vector": Arithmetic("Task Vector", "arXiv 2212.04089; theta - alpha * (theta_reinforced - theta)"),
    "whp": Arithmetic(
        "WHP", "arXiv 2310.02238, as in jaechan-repo/muse_bench 54719c5: v - alpha * ReLU(v_reinforced - v), logits"
    ),
    "whp_generic": Arithmetic(
        "WHP + generic labels", "arXiv 2310.02238: then fine-tuned on WHP's best guess at every place of the forget set"
    ),
}


def known(own: str | None = None) -> dict[str, Method]:
    """The kit's methods, then those of the user's file `own`: Python with a METHODS dictionary of its own.

    A relative path is one from the project's root.

    KitError names the file and what is wrong with it.
    """
    return METHODS | (_own_methods(paths.inside(own)) if own else {})


def _own_methods(path: Path) -> dict[str, Method]:
    file = paths.shown(path)
    if not path.is_file():
        raise KitError(f"{file}: there is no such file of methods")
    names: dict = {"__name__": path.stem, "__file__": str(path)}
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True), names)
    except KitError as error:
        raise KitError(f"{file}: {error}") from error
    except Exception as error:  # whatever the user's own code raises
        reason = str(error).partition("\n")[0]
        raise KitError(f"{file}: {type(error).__name__}: {reason}") from error
    if "METHODS" not in names:
        raise KitError(f"{file}: it defines no METHODS, a dictionary from names to Method objects")
    own = names["METHODS"]
    if not isinstance(own, dict):
        raise KitError(f"{file}: METHODS is a {type(own).__name__}, not a dictionary")
    for name, method in own.items():
        if not (isinstance(name, str) and name.isidentifier()):
            raise KitError(f"{file}: METHODS: {name!r} is no name; use letters, digits and _")
        if name in METHODS:
            raise KitError(f"{file}: METHODS: the kit has a method '{name}' already; give yours another name")
        if not isinstance(method, Method):
            raise KitError(f"{file}: METHODS['{name}'] is a {type(method).__name__}, not a Method")
    return own


def variant(method: str, name: str = "paper", own: str | None = None) -> Variant:
    """One variant of one method, of the user's file `own` too. KitError: no such method, or it has no such variant."""
    methods = known(own)
    if method not in methods:
        raise KitError(f"no method '{method}'{nearest(method, methods)}")
    variants = methods[method].variants
    if name not in variants:
        raise KitError(f"method '{method}' has no variant '{name}'{nearest(name, variants)}")
    return variants[name]


def describe(own: str | None = None) -> list[dict]:
    """Every method and variant: needs, hyper-parameters, source; what `unlearnkit methods --json` prints."""
    return [
        {
            "method": name,
            "printed_as": method.printed_as,
            "variant": label,
            "needs": [*chosen.parts, *(["reference"] if chosen.reference_parts or chosen.compared_parts else [])],
            "parameters": chosen.parameters,
            "terms": [
                {"loss": term.name, "weight": term.weight, "over": term.over, "arguments": list(term.arguments)}
                for term in chosen.terms
            ],
            "source": chosen.source,
        }
        for name, method in known(own).items()
        for label, chosen in method.variants.items()
    ]
