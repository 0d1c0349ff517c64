"""Parameter files: strict YAML to frozen objects (`schema`). One file describes all rows of one table.

Nothing is filled in silently: every key must be there once, an unknown one is an error, and a number must be a number
(YAML reads 1e-5 as text: write 1.0e-5). Every mistake is one line that names the file and the key.
"""

import math
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from unlearnkit.errors import KitError, nearest
from unlearnkit.schema import Book, Divergences, Muse, Needs, Params, Table
from unlearnkit.schema_closer_look import Continual, Convergence, Fictitious, RealWorld
from unlearnkit.schema_studies import Likeness
from unlearnkit.schema_uld import LogitDifference, LogitDifferenceBook
from unlearnkit.schema_uoe import OneExpertTable

# The parameters of every table.
TABLES: dict[str, type[Table]] = {
    "table1": Needs,
    "table2": Divergences,
    "table3": Book,
    "table4": Params,
    "table5": Muse,
    "table6": Fictitious,
    "table6_convergence": Convergence,
    "table6_likeness": Likeness,
    "table6_lora": Fictitious,
    "table7": Continual,
    "table7_ten": Continual,
    "table8": RealWorld,
    "table9": LogitDifference,
    "table9_book": LogitDifferenceBook,
    "table10": OneExpertTable,
}


def parse(content: object, where: str) -> Table:
    """Validate what a parameter file (or a notebook's injected parameters) says. KitError: the first mistake."""
    if not isinstance(content, dict):
        raise KitError(f"{where}: a parameter file is a mapping of keys to values")
    if "table" not in content:
        raise KitError(f"{where}: missing key 'table'")
    schema = TABLES.get(content["table"]) if isinstance(content["table"], str) else None
    if schema is None:
        raise KitError(f"{where}: table: no table '{content['table']}'{nearest(content['table'], TABLES)}")
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        raise KitError(f"{where}: {_one_line(error, schema)}") from None


def read(path: str | Path) -> Table:
    """Read and validate one parameter file."""
    path = Path(path)
    if not path.is_file():
        have = sorted(str(other) for other in path.parent.parent.glob("*/table*.yaml"))
        raise KitError(f"{path}: no such parameter file{nearest(str(path), have) if have else ''}")
    try:
        content = yaml.load(path.read_bytes(), _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        raise KitError(f"{path}{at}: not valid YAML ({getattr(error, 'problem', 'unreadable')})") from None
    return parse(content, str(path))


class _Loader(yaml.SafeLoader):
    """Plain YAML that refuses a key written twice, where YAML would take the last."""

    def compose_mapping_node(self, anchor):
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.MarkedYAMLError(problem=f"the key '{key.value}' is there twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return node


def _fields_at(location: tuple, model: type[BaseModel]) -> list[str]:
    """The keys that are valid where a location below `model` points to."""
    for step in location:
        if isinstance(step, int) or step not in model.model_fields:
            continue
        found = _model_in(model.model_fields[step].annotation)
        model = found or model
    return list(model.model_fields)


def _model_in(annotation) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found:
            return found
    return None


def _one_line(error: ValidationError, schema: type[Table]) -> str:
    # An unknown key explains the missing one beside it, so it is reported first.
    order = {"extra_forbidden": 0, "missing": 2, "default_factory_not_called": 3}  # the last follows from another one
    first = min(error.errors(), key=lambda e: order.get(e["type"], 1))
    location, value = first["loc"], first["input"]
    if location and location[-1] == "constrained-float":  # a number or a word: pydantic reports one mistake for each
        if isinstance(value, str) and not _rewritten(value, "float_type"):
            first = next(e for e in error.errors() if e["loc"][:-1] == location[:-1] and e["type"] == "literal_error")
        location = location[:-1]
    key = ".".join(str(step) for step in location)
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}'{nearest(location[-1], _fields_at(location[:-1], schema))}"
    if first["type"] == "missing":
        return f"missing key '{key}'"
    if first["type"] == "literal_error":
        choices = [choice.strip("' ") for choice in first["ctx"]["expected"].replace(" or ", ",").split(",")]
        return f"{key}: no such value '{value}'{nearest(value, choices)}"
    if isinstance(value, str) and first["type"] in {"float_type", "int_type"}:
        return f"{key}: '{value}' is text, not a number{_rewritten(value, first['type'])}"
    message = first["msg"].removeprefix("Value error, ")
    got = "" if isinstance(value, dict | BaseModel) else f" (got {value!r})"
    return f"{key}: {message}{got}" if key else message


def _rewritten(text: str, wanted: str) -> str:
    """YAML 1.1 takes 1e-5 for text, and 1.0e5 too; say how to write it. `wanted`: float_type or int_type."""
    try:
        number = float(text)
    except ValueError:
        return ""
    if not math.isfinite(number) or (wanted == "int_type" and not number.is_integer()):
        return ""
    if wanted == "int_type":
        return f"; write {int(number)}"
    mantissa, mark, exponent = text.lower().partition("e")
    if not mark:
        return "; write it without quotes"
    sign = "" if exponent[0] in "+-" else "+"
    return f"; write {mantissa}{'' if '.' in mantissa else '.0'}e{sign}{exponent}"
