"""METHODS, ASSISTED, ARITHMETIC: name -> what a method is made of, its source; and the methods of a user's own file."""

from dataclasses import dataclass
from pathlib import Path

from unlearnkit import paths
from unlearnkit.errors import KitError, nearest
from unlearnkit.terms import Term, Variant


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
_DPO = Term("dpo", over="sequences")
_NPO = Term("npo", over="sequences")
_NPO_RELEASE = Term("npo_release", over="sequences")
_AP = Term("ap", over="sequences")
_MUSE = "jaechan-repo/muse_bench e000038, iterative.py"
_CLOSER = "A Closer Look (arXiv 2410.08109)"
_CLOSER_RELEASE = "sail-sg/closer-look-LLM-unlearning b622294, trainer/losses.py"
_BETA = {"beta": 0.1}  # of NPO's experiments on TOFU, of FLAT's and A Closer Look's configurations, DPO's and AP's too


def _me_gd(loss: str, source: str, pairing: str = "fresh") -> Variant:
    terms = (Term(loss, over="sequences", weight="alpha"), _RETAIN)
    return Variant(terms, source, {"alpha": 0.1}, pairing)  # the release's in its fictitious scenario


def _rmu(suffix: str, source: str) -> Variant:
    terms = (Term(f"rmu_forget{suffix}", "sequences"), Term(f"rmu_retain{suffix}", "sequences", weight="alpha"))
    return Variant(terms, source, {"steering": 6.5, "alpha": 1200, "layer": 7})  # of its run on Zephyr-7B


# In the order of FLAT's Table 4; then what A Closer Look adds; then RMU, whose steering and layer are a model's own:
# which weights it updates, training says (`updated`).
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
            (_DPO,),
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
    "me": _method("ME", Variant((Term("me", over="sequences"),), f"{_CLOSER}, Eq. 8: over question and answer")),
    "me_gd": _method(
        "ME+GD",
        _me_gd("me", f"{_CLOSER}, Eq. 8; alpha of its code on TOFU: 0.1, continual 1.0, real-world 0.5"),
        _me_gd("me_release", f"{_CLOSER_RELEASE}: KL(U || P) over all padded positions, fixed pairing", "fixed"),
        answer=_me_gd("me_answer", f"{_CLOSER}, Eq. 8, over the answer alone: what the question's part does is ours"),
    ),
    "idk_ap": _method(
        "IDK+AP",
        Variant((_TEMPLATE, _AP), f"{_CLOSER}: answer preservation, template responses to forget questions", _BETA),
        Variant((_TEMPLATE, _AP), f"{_CLOSER_RELEASE}: as the paper's, fixed pairing", _BETA, pairing="fixed"),
    ),
    "npo_kl": _method("NPO+KL", Variant((_NPO, _KL), f"{_CLOSER}; NPO (arXiv 2404.05868)", _BETA)),
    "dpo_gd": _method("DPO+GD", Variant((_DPO, _RETAIN), f"{_CLOSER}; DPO as in `dpo`", _BETA)),
    "dpo_kl": _method("DPO+KL", Variant((_DPO, _KL), f"{_CLOSER}; DPO as in `dpo`", _BETA)),
    "idk_kl": _method("IDK+KL", Variant((_TEMPLATE, _KL), f"{_CLOSER}; IDK+GD is PO")),
    "rmu": _method(
        "RMU",
        _rmu("", "WMDP (arXiv 2403.03218), RMU: means over a text's tokens; means over hidden units, as released"),
        _rmu("_release", "centerforaisafety/wmdp, rmu/unlearn.py: mean over all positions, padding on the left too"),
    ),
}


# What other papers call some of them.
PRINTED_BY = {
    "A Closer Look": {"gd": "GA+GD", "kl": "GA+KL", "npo_rt": "NPO+GD", "po": "IDK+GD"},
    "SEUF": {"gd": "GDIFF", "npo_rt": "NPO"},  # both have a retain loss of weight 1
}


@dataclass(frozen=True)
class Assisted(Method):
    """A method that trains an assistant (training/assistant.py); its logits correct the model's by a rule of decoding's
    RULES, with the suffix `_release` for that variant. A variant's parameters are those of its losses and of the rule.
    A user's own file has none of these.
    """

    rule: str


def _uld(uniform: str, source: str, **parameters: float) -> Variant:
    terms = (Term("remember", over="answer_tokens"), Term(uniform, over="sequences", weight="beta"))
    return Variant(terms, f"ULD ({source})", parameters)


def _offset(printed_as: str, method: str) -> Assisted:
    chosen = METHODS[method].variants["paper"]
    source = f"Offset Unlearning (arXiv 2404.11045), ULD's baseline; its loss, of the sum of logits: {chosen.source}"
    return Assisted(printed_as, {"paper": Variant(chosen.terms, source, chosen.parameters | {"alpha": 1.0})}, "offset")


# Printed in ULD's Table 2. No rows of other tables.
ASSISTED: dict[str, Assisted] = {
    "uld": Assisted(
        "ULD",
        {
            "paper": _uld(
                "uniform", "arXiv 2406.08607, Eq. 2 and 3; values of its TOFU runs", beta=6.5, alpha=0.75, filter=0.01
            ),
            "release": _uld(
                "uniform_release",
                "UCSB-NLP-Chang/ULD 858608c: uniform on padding too, other logits for generation than for scores",
                beta=5.0,
                alpha=0.8,
                filter=0.01,
            ),
        },
        "uld",
    ),
    "offset_kl": _offset("Offset-GA+KL", "kl"),
    "offset_dpo_kl": _offset("Offset-DPO+KL", "dpo_kl"),
    "offset_npo_kl": _offset("Offset-NPO+KL", "npo_kl"),
}


@dataclass(frozen=True)
class Arithmetic:
    """A method without a loss: a model is combined with one that learnt the forget set once more, `alpha` times."""

    printed_as: str
    source: str
    needs: tuple[str, ...] = ("forget", "a reinforced model")


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
        if name in METHODS | ASSISTED | ARITHMETIC:
            raise KitError(f"{file}: METHODS: the kit has a method '{name}' already; give yours another name")
        if type(method) is not Method:  # a subclass would be trained as if it were none
            raise KitError(f"{file}: METHODS['{name}'] is of type {type(method).__name__}, not Method")
    return own


def variant(method: str, name: str = "paper", own: str | None = None) -> Variant:
    """One variant of one method, of the user's file `own` or of ASSISTED too. KitError: no such method or variant."""
    methods = ASSISTED if method in ASSISTED else known(own)
    if method not in methods:
        raise KitError(f"no method '{method}'{nearest(method, methods)}")
    variants = methods[method].variants
    if name not in variants:
        raise KitError(f"method '{method}' has no variant '{name}'{nearest(name, variants)}")
    return variants[name]


def describe(own: str | None = None) -> list[dict]:
    """Every method and variant: what it trains and needs, parameters, source; what `unlearnkit methods --json` prints.

    `trains`: the model; an assistant; or a reinforced model, with which the model is combined. A parameter without a
    value has that of the row alone. A term's weight is a number or the name of one of `parameters`.
    """
    described = [
        {
            "method": name,
            "printed_as": method.printed_as,
            "also_printed_as": [names[name] for names in PRINTED_BY.values() if name in names],
            "variant": label,
            "trains": trains,
            "needs": [*chosen.parts, *(["reference"] if chosen.reference else [])],
            "parameters": chosen.parameters,
            "pairing": chosen.pairing,
            "terms": [
                {"loss": term.name, "weight": term.weight, "over": term.over, "arguments": list(term.arguments)}
                for term in chosen.terms
            ],
            "source": chosen.source,
        }
        for trains, some in (("model", known(own)), ("assistant", ASSISTED))
        for name, method in some.items()
        for label, chosen in method.variants.items()
    ]
    common = {"also_printed_as": [], "variant": "paper", "trains": "reinforced model", "parameters": {"alpha": None}}
    common |= {"pairing": None, "terms": []}
    some = ARITHMETIC.items()
    return described + [{"method": name, **vars(one), "needs": [*one.needs], **common} for name, one in some]
