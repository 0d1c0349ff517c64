"""What the parameter files of ULD's tables (arXiv 2406.08607) say beyond those of other tables."""

from pydantic import model_validator

from unlearnkit.schema import Book, Params, RowParams
from unlearnkit.schema_closer_look import Note, NotedRow, SplitsData
from unlearnkit.schema_training import NotNegative, Positive, Strict, Unlearning

SET, FIELDS = "set", "fields"


class Assistant(Strict):
    """The assistant of ULD and Offset: the target's first `layers`, and how LoRA beside them is trained."""

    layers: Positive
    training: Unlearning

    @model_validator(mode="after")
    def _complete(self):
        if self.training.lora is None:
            raise ValueError("training.lora is null, and nothing but LoRA is trained in an assistant")
        if self.training.learning_rate is None:
            raise ValueError("training.learning_rate is null")
        if (self.training.epochs is None) == (self.training.steps is None):
            raise ValueError("training: give either 'epochs' or 'steps' and set the other to null")
        return self


class AugmentedAssistant(Assistant):
    """ULD's learns from augmented data: `paraphrases` of every forget question to be remembered, `wrong_answers` to be
    uniform on. `augmentation`: where they come from. set: the source's own set `augmentation`; fields: the paraphrased
    and perturbed answers of the forget set, which forget quality is measured on; else a file, see `data.augment`.
    """

    paraphrases: NotNegative
    wrong_answers: NotNegative
    augmentation: str


class AssistedRow(NotedRow):
    """`augmented`: whether ULD's assistant learns from more than the forget and retain set."""

    augmented: bool = True


class LogitDifference(Params):
    """Table 9: invented authors are forgotten, by training a model or an assistant whose logits are subtracted.

    Every method is measured after each of its epochs; the last one is reported.
    """

    data: SplitsData
    assistant: AugmentedAssistant
    rows: list[AssistedRow]


class BookRow(RowParams):
    """`note`: what sets a row apart from the method's own, part of its name: "alpha 0.75"."""

    note: Note | None = None


class LogitDifferenceBook(Book):
    """ULD's Table 3: a book is forgotten, by training a model or an assistant. Nothing is augmented."""

    assistant: Assistant
    rows: list[BookRow]
