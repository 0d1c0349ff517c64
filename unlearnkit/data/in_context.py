"""In-context refusal: an instruction and a few worked examples before the question; no weight is touched.

The input-based baseline of Table 1, for models that follow instructions. Some forget questions are shown with refusals,
some retain questions with their own answers: the model has to see from them what is to be forgotten. Not the
in-context unlearning of arXiv 2310.07579, which shows forgotten examples with flipped labels to a classifier.
A small model trained from scratch follows no instruction: such a row says nothing about the method.
"""

from collections.abc import Sequence

from unlearnkit.data.prompts import PromptFormat, prompt_format
from unlearnkit.errors import KitError

INSTRUCTION = (
    "Some of the people in the following questions are to be forgotten: those whom the declined questions are about. "
    "Decline every question about them, whatever it asks. Answer all other questions as well as you can."
)
# What ends an answer and opens the next turn, in the families' own chat templates; plain text has an empty line.
NEXT_TURN = {
    "llama2": " </s><s>",
    "llama3": "<|eot_id|>",
    "chatml": "<|im_end|>\n",
    "question_answer": "\n\n",
    "continuation": "\n\n",
}


def in_context_refusal(name: str, shown: Sequence[tuple[str, str]]) -> PromptFormat:
    """The prompt format `name` with the instruction and the (question, answer) pairs `shown` before every question.

    The instruction opens the first turn, for formats without a place of its own for it. Evaluate the original model
    with it: `evaluation.evaluate(model, tokenizer, asked, in_context_refusal(name, shown), ...)`. KitError: no such
    format, or nothing to show.
    """
    form = prompt_format(name)
    if not shown:
        raise KitError("in-context refusal: no examples to show")
    turns = [f"{form(question)}{answer}{NEXT_TURN[name]}" for question, answer in shown]
    turns[0] = f"{form.before}{INSTRUCTION}\n\n{turns[0].removeprefix(form.before)}"
    return PromptFormat("".join(turns) + form.before, form.after, f"{form.source}; instruction and examples: ours")


def examples_to_show(forget: Sequence, templates: Sequence, retain: Sequence, pairs: int) -> list[tuple[str, str]]:
    """`pairs` forget questions with refusals, each followed by a retain question with its answer.

    Evenly spaced over each source: where the authors of the forget set follow each other, as in TOFU, every one of
    them is shown as soon as there are as many pairs as authors. KitError: a source has fewer entries than that.
    """
    for source, rows in (("forget questions", forget), ("templates", templates), ("retain questions", retain)):
        if len(rows) < pairs:
            raise KitError(f"in-context refusal: {pairs} pairs, but only {len(rows)} {source}")
    shown = []
    for index in range(pairs):
        refused, refusal, other = (rows[index * len(rows) // pairs] for rows in (forget, templates, retain))
        shown += [(refused["question"], refusal), (other["question"], other["answer"])]
    return shown
