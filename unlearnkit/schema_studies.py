"""What the parameter files of studies beside the papers' tables say."""

from typing import Literal

from unlearnkit.schema import Params, RowParams
from unlearnkit.schema_training import Strict


class LikenessData(Strict):
    """`source`: universe, which alone says what its authors write. Half the facts about the authors of `forget_split`
    are forgotten.
    """

    benchmark: Literal["tofu_likeness"]
    source: str
    forget_split: str


class LikenessRow(RowParams):
    """`retain_from`: the class of `data.likeness` that a method draws retain data from; null where it takes none."""

    retain_from: str | None = None

    @property
    def note(self) -> str | None:
        """What sets a row apart from the method's own; part of its name."""
        return self.retain_from.replace("_", " ") if self.retain_from else None


class Likeness(Params):
    """Methods with retain data that are more and less like what they forget."""

    data: LikenessData
    rows: list[LikenessRow]
