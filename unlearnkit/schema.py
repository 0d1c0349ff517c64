"""What a parameter file may say: frozen objects without unknown keys, missing keys or conversions."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from unlearnkit.schema_training import NotNegative, Positive, Scratch, Settings, Strict, Training


class Data(Strict):
    """`source`: universe, local (below UNLEARNKIT_DATA), or a hub id with its revision.

    `retain_authors`: how many retain authors are used, null for all. `retain_pool`: the retain authors whose questions
    methods with retain data may draw; what they do to the others is then visible.
    """

    benchmark: Literal["tofu"]
    source: str
    revision: str | None
    forget_split: str
    retain_authors: Positive | None
    retain_pool: Literal["all", "every_second_author"]

    @model_validator(mode="after")
    def _revision(self):
        if self.source in ("universe", "local") and self.revision is not None:
            raise ValueError("'revision' belongs to a hub id; otherwise it is null")
        return self


class BaseModelParams(Strict):
    """`source`: scratch, a hub id or a folder. `printed_as`: its name in the paper's table.

    `retain_log`: a published TOFU evaluation log that stands for the retain model, which is then not trained.
    """

    printed_as: str
    prompt_format: str
    source: str
    revision: str | None
    scratch: Scratch | None
    finetune: Training
    retain_log: str | None = None

    @model_validator(mode="after")
    def _scratch(self):
        if (self.source == "scratch") != (self.scratch is not None):
            raise ValueError("'scratch' describes a model with 'source: scratch'; otherwise it is null")
        if self.scratch and self.revision is not None:
            raise ValueError("'revision' belongs to a hub id; otherwise it is null")
        return self


class Evaluation(Strict):
    """`tokens_per_batch` bounds the padded tokens of one forward pass."""

    max_length: Positive
    max_new_tokens: Positive
    tokens_per_batch: Positive


class Selection(Strict):
    """The grid of `unlearnkit select` and `front`; the selection looks at a forget split of other authors."""

    forget_split: str
    learning_rates: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]
    steps: Annotated[list[Positive], Field(min_length=1)]
    keep_retain_rouge_l: Annotated[float, Field(gt=0, le=1)]


class RowParams(Strict):
    """One row: a reference row (base, original, retain, retain_2) or a method, with what it changes of the defaults.

    `setting`: one of `unlearn`; null for its default. `base_models`: those that have this row; null for all.
    """

    method: str
    variant: str = "paper"
    setting: Literal["selected", "paper"] | None = None
    base_models: Annotated[list[str], Field(min_length=1)] | None = None
    parameters: dict[str, float] = Field({})


class Table(Strict):
    """What every parameter file says. `paper_scale`: whether its numbers may be held against the paper's, and verdicts
    may say "holds".
    """

    table: str
    profile: str
    paper_scale: bool
    title: str
    cost: str

    @property
    def third_party(self) -> bool:
        """Whether other people's texts stand behind the table: they are never copied into a result."""
        return False


class Params(Table):
    """A table whose rows are models: trained, unlearned, evaluated.

    `seeds`: each one fine-tunes an original and a retain model and unlearns; the base model is the first seed's.
    `own_methods`: a Python file with a METHODS dictionary of the user's own.
    """

    seeds: Annotated[list[NotNegative], Field(min_length=1)]
    data: Data
    base_models: Annotated[dict[str, BaseModelParams], Field(min_length=1)]
    unlearn: Settings
    evaluation: Evaluation
    selection: Selection | None
    rows: list[RowParams]
    own_methods: str | None = None

    @property
    def third_party(self) -> bool:
        return self.data.source != "universe"

    def rows_of(self, base_model: str) -> list[RowParams]:
        """The rows that a base model has."""
        return [row for row in self.rows if row.base_models is None or base_model in row.base_models]

    @model_validator(mode="after")
    def _seeds(self):
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: a seed is there twice")
        return self


class Divergences(Table):
    """FLAT's Table 2: the f-divergences that are checked."""

    rows: Annotated[list[str], Field(min_length=1)]


class Needs(Table):
    """FLAT's Table 1: what methods need, measured on the one base model's original model. All methods and variants.

    `rounds`: how often every method's step is timed. `in_context_pairs`: examples of the in-context refusal.
    """

    seeds: Annotated[list[NotNegative], Field(min_length=1, max_length=1)]
    data: Data
    base_models: Annotated[dict[str, BaseModelParams], Field(min_length=1, max_length=1)]
    unlearn: Training
    rounds: Positive
    in_context_pairs: Positive
    own_methods: str | None = None

    @property
    def third_party(self) -> bool:
        return self.data.source != "universe"


class BookData(Strict):
    """`book`: `story`, the kit's own, or a text file of the user's. `general`: `story`, or a text file, one document a
    line: the retain data of methods that take some. Lengths are in `unit`; tokens are those of `tokenizer`.

    `count`: excerpts, evenly spread over the book; null for all. `repeat`: how often an epoch of fine-tuning reads one.
    """

    benchmark: Literal["harry_potter"]
    book: str
    general: str
    unit: Literal["tokens", "words"]
    tokenizer: str | None
    excerpt_length: Positive
    prompt_length: Positive
    count: Positive | None
    repeat: Positive

    @model_validator(mode="after")
    def _lengths(self):
        if (self.unit == "tokens") != (self.tokenizer is not None):
            raise ValueError("'tokenizer' belongs to 'unit: tokens'; otherwise it is null")
        if self.prompt_length >= self.excerpt_length:
            raise ValueError("prompt_length: a prompt is shorter than its excerpt")
        return self


class BookEvaluation(Evaluation):
    """`tasks`, `perplexity`: tasks of lm-eval, or of `task_files`: `story`, the kit's own, or a folder."""

    tasks: Annotated[list[str], Field(min_length=1)]
    perplexity: str
    task_files: str | None
    batch_size: Positive


class Book(Params):
    """FLAT's Table 3: a book is forgotten."""

    data: BookData
    evaluation: BookEvaluation

    @property
    def third_party(self) -> bool:
        return (self.data.book, self.data.general) != ("story", "story")


class MuseData(Strict):
    """`source`: news (the kit's own), local (below UNLEARNKIT_DATA), or a hub id with its revision. `train_on`: the raw
    sets, or, where there are none, the documents asked about. `piece_words`: longer documents are trained on in pieces
    of so many words; null for whole documents. `continuations`: with `train_on: asked`, how often the original model
    learns VerbMem's continuations, which are short, for every time that it learns a document.
    """

    benchmark: Literal["muse"]
    source: str
    revision: str | None
    train_on: Literal["raw", "asked"]
    piece_words: Positive | None
    continuations: Positive = 1

    @model_validator(mode="after")
    def _revision(self):
        if self.source in ("news", "local") and self.revision is not None:
            raise ValueError("'revision' belongs to a hub id; otherwise it is null")
        if self.continuations > 1 and self.train_on == "raw":
            raise ValueError("'continuations' belongs to 'train_on: asked'; raw sets hold documents alone")
        return self


class MuseEvaluation(Strict):
    """`asked`: what is measured, of verbmem, knowmem_forget, knowmem_retain, privleak; the rest is not run. Lengths in
    tokens: of the longest prompt with its continuation, and of continuations; MUSE has 128 and 32.

    `space_in_prompt`: whether a few-shot prompt ends with a space, as MUSE's does for Llama 2's vocabulary.
    """

    asked: Annotated[list[str], Field(min_length=1)]
    max_length: Positive
    verbmem_tokens: Positive
    knowmem_tokens: Positive
    space_in_prompt: bool
    tokens_per_batch: Positive


class Muse(Params):
    """FLAT's Table 5: documents are forgotten. `reinforce`: how the original model learns the forget set once more, for
    Task Vector and WHP. `generic`: how WHP's generic labels are learnt; null where no row `whp_generic` is there.
    `curves`: methods of `rows` that also forget more sets, all at once and one after another.
    """

    data: MuseData
    reinforce: Training
    generic: Training | None = None
    evaluation: MuseEvaluation
    curves: Annotated[list[str], Field(min_length=1)] | None

    @property
    def third_party(self) -> bool:
        return self.data.source != "news"

    @model_validator(mode="after")
    def _folds(self):
        if self.curves and self.data.train_on == "asked":
            raise ValueError("curves: 'train_on: asked' has no further forget sets; set it to null")
        return self
