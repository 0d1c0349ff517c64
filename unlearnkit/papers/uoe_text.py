"""Table 10 as people read it: side by side with the print, what was trained, how routing shifted, the pilot."""

from unlearnkit import runs, text
from unlearnkit.planned import Plan
from unlearnkit.text import Block

PRINTED = (("forget_efficacy", "FE", 4), ("utility_accuracy", "UT", 4))
RANKED = 3  # so many experts of highest affinity are shown
Records = list[dict]


def blocks(plan: Plan, found: Records) -> list[tuple[str, Block]]:
    sides = {"paper": text.published(plan), "reference": text.reference(plan), "yours": found}
    routings, parts = _routings(plan), [("the pilot: what plain methods leave at equal forget efficacy", _pilot(found))]
    parts.append(("pairs of rows at equal forget efficacy", pairs(found)))
    for (base_model, fold), mine in groups([marked(one) for one in found]).items():
        name, printed_as = f"{base_model}, {fold}", plan.params.base_models[base_model].printed_as
        parts += [
            (f"{name} (in the paper: {printed_as})", text.side_by_side(mine, sides, PRINTED)),
            (f"{name}: how sure, and after how many steps", _sure(mine)),
            (f"{name}: what was trained", _trained(mine)),
        ]
        shifted = [(one, routings[one["row"]]) for one in mine if one["row"] in routings]
        if shifted:
            parts.append((f"{name}: expert selection shift, layer by layer", _shift(shifted)))
        ranked = [routing for _, routing in shifted if "affinity" in routing]
        if ranked:
            parts.append((f"{name}: the experts of highest affinity", _ranked(ranked[0])))
        if len(plan.params.seeds) > 1:
            heading = f"{name}: median and range over {len(plan.params.seeds)} seeds"
            parts.append((heading, text.over_seeds(mine, PRINTED)))
    return parts


def marked(one: dict) -> dict:
    """A record whose name says so where it never reached its level."""
    missed = one.get("reached") is False and one["method"] != "original"
    return one | {"printed_as": f"{one['printed_as']}, not reached"} if missed else one


def groups(found: Records) -> dict[tuple[str, str], Records]:
    """(base model, benchmark) -> its records, in the order of the table."""
    by: dict[tuple[str, str], Records] = {}
    for one in found:
        by.setdefault((one["base_model"], one["fold"]), []).append(one)
    return by


def first_of(panels: Records) -> Records:
    """Of every base model the first row that chose experts by affinity."""
    chosen: dict[str, dict] = {}
    for one in panels:
        if "affinity" in (one["routing"] or {}) and (one["note"] or "").startswith("UOE"):
            chosen.setdefault(one["base_model"], one)
    return list(chosen.values())


def _routings(plan: Plan) -> dict[str, dict]:
    """Row name -> what its first seed's manifest says of its routers; rows without are left out."""
    found = {}
    for row in plan.rows:
        run = plan.runs[row.draws[0].run]
        routing = runs.manifest(run).get("routing") if runs.is_complete(run) else None
        if routing:
            found[row.name] = routing
    return found


def _interval(one: dict, key: str) -> str:
    ends = [one.get(f"{key}_ci_{end}") for end in ("lo", "hi")]
    return "-" if None in ends else f"{text.number(one[key], 3)} [{ends[0]:.2f}, {ends[1]:.2f}]"


def _sure(found: Records) -> Block:
    lines = [["", "FE, 95 %", "UT, 95 %", "steps", "UT at the level, 95 %"]]
    for one in found:
        steps = "-" if one["method"] == "original" else str(one.get("steps") or "-")
        own = [_interval(one, key) for key, _, _ in PRINTED]
        lines.append([text.label(one), *own, steps, _interval(one, "utility_at_level")])
    return lines


def _trained(found: Records) -> Block:
    lines = [["", "learning rate", "trained", "share", "experts", "mean shift", "unlearning"]]
    for one in (one for one in found if one["method"] != "original"):
        share, seconds = one.get("trainable_share"), one.get("unlearning_seconds")
        lines.append(
            [
                text.label(one),
                f"{one['learning_rate']:g}",
                str(one.get("trainable_parameters") or "-"),
                f"{100 * share:.2f} %" if share else "-",
                one.get("experts") or "-",
                text.number(one.get("selection_shift"), 3),
                f"{seconds:.1f} s" if seconds else "-",
            ]
        )
    return lines


def _shift(found: list[tuple[dict, dict]]) -> Block:
    lines = [["", *(f"layer {layer}" for layer in found[0][1]["layers"])]]
    return lines + [
        [text.label(one), *(text.number(value, 3) for value in routing["selection_shift"])] for one, routing in found
    ]


def _ranked(routing: dict) -> Block:
    every = [
        (value, layer, expert)
        for layer, row in zip(routing["layers"], routing["affinity"], strict=True)
        for expert, value in enumerate(row)
    ]
    lines = [["", "layer", "expert", "affinity"]]
    for place, (value, layer, expert) in enumerate(sorted(every, key=lambda one: -one[0])[:RANKED], 1):
        lines.append([f"#{place}", str(layer), str(expert), text.number(value, 4)])
    return lines


def _pilot(found: Records) -> Block:
    """Rows without a note: utility at the level, of a row that never reaches it at its end, as a share of the
    original's, of every base model.
    """
    plain = [one for one in found if one["note"] is None]
    names = list(dict.fromkeys(one["base_model"] for one in plain))
    kinds = list(dict.fromkeys((one["fold"], one["method"], one["printed_as"]) for one in plain))
    lines = [["UT, share of the original's (steps)", *names]]
    for fold, method, printed_as in (kind for kind in kinds if kind[1] != "original"):
        cells = []
        for name in names:
            one = _one(plain, name, fold, method)
            before = _one(plain, name, fold, "original").get("utility_accuracy")
            missed = ", not reached" if one.get("reached") is False else ""
            after = one.get("utility_accuracy" if missed else "utility_at_level")
            cells.append(f"{after / before:.2f} ({one['steps']}{missed})" if after is not None and before else "-")
        lines.append([f"{printed_as}, {fold}", *cells])
    return lines


def pairs(found: Records) -> Block:
    """In how many pairs of rows what the paper says of mixtures is so: utility is compared at the level itself, where
    both rows cross it. A pair of which both rows have collapsed is not counted.
    """
    there = {(one["base_model"], one["fold"], one["method"], one["note"]): one for one in found}
    mixtures = {one["base_model"] for one in found if one.get("selection_shift") is not None}
    dense = [name for name in dict.fromkeys(one["base_model"] for one in found) if name not in mixtures]

    def crosses(one: dict) -> bool:
        return one.get("utility_at_level") is not None

    def share(one: dict) -> float:
        return one["utility_at_level"] / there[one["base_model"], one["fold"], "original", None]["utility_accuracy"]

    def beside(one: dict, **changes) -> Records:
        """The row that differs in this alone, if it is there to compare."""
        other = there.get(tuple((one | changes)[key] for key in ("base_model", "fold", "method", "note")), {})
        both_fell = one["status"] == other.get("status") == "collapsed"
        return [other] if crosses(other) and not both_fell else []

    plain = [one for one in found if one["note"] is None and crosses(one)]
    by_uoe = [(one, other) for one in plain for other in beside(one, note="UOE")]
    of_mixtures = [one for one in plain if one["base_model"] in mixtures]
    by_model = [(one, other) for one in of_mixtures for name in dense for other in beside(one, base_model=name)]
    more = [other["utility_at_level"] > one["utility_at_level"] for one, other in by_uoe]
    apart = [other["utility_at_level_ci_lo"] > one["utility_at_level_ci_hi"] for one, other in by_uoe]
    steadier = [other["selection_shift"] < one["selection_shift"] for one, other in by_uoe]
    smaller = [share(one) < share(other) for one, other in by_model]
    says = (
        ("one expert keeps more utility than the same method without UOE", more),
        ("... and their 95 % intervals are apart", apart),
        ("fewer tokens change their experts with UOE", steadier),
        ("a mixture is left a smaller share of its utility than a dense model", smaller),
    )
    return [["", "so", "pairs"], *([line, str(sum(so)), str(len(so))] for line, so in says if so)]


def _one(found: Records, base_model: str, fold: str, method: str) -> dict:
    wanted = (base_model, fold, method)
    return next((one for one in found if (one["base_model"], one["fold"], one["method"]) == wanted), {})
