"""Prompt formats of the model families, as the benchmarks' released code writes them.

A format is the text before and after the question; the answer and one end-of-sequence token follow.
Sources: TOFU's config/model_config.yaml (llama2, question_answer), A Closer Look's template for Llama 3.
"""

from dataclasses import dataclass

from unlearnkit.errors import KitError, nearest


@dataclass(frozen=True)
class PromptFormat:
    """`before` + question + `after`, then the answer. `source` says where the format is defined."""

    before: str
    after: str
    source: str

    def __call__(self, question: str) -> str:
        return f"{self.before}{question}{self.after}"


PROMPT_FORMATS: dict[str, PromptFormat] = {
    # No space before the answer: the released configuration has an empty answer tag.
    # Mixtral-8x7B-Instruct's card has the same.
    "llama2": PromptFormat("[INST] ", " [/INST]", "locuslab/tofu, config/model_config.yaml, llama2-7b"),
    "llama3": PromptFormat(
        "<|start_header_id|>user<|end_header_id|>\n\n",
        "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "sail-sg/closer-look-LLM-unlearning, Meta-Llama-3-8B-Instruct",
    ),
    # Nothing from the system: the default message differs between Qwen's releases.
    "chatml": PromptFormat("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", "Qwen1.5's chat template"),
    # The release scores "Answer: " together with the answer; here the tag belongs to the prompt (DEVIATIONS.md).
    # Its last space does not: `encode` counts it with the answer's first word.
    "question_answer": PromptFormat(
        "Question: ", "\nAnswer: ", "locuslab/tofu, config/model_config.yaml, phi, opt, pythia, stablelm"
    ),
    # A text that goes on: nothing around the prompt, a space before what follows.
    "continuation": PromptFormat("", " ", "FLAT, arXiv 2410.11143: completions of a book's excerpts"),
}

# Documents have no question: nothing is asked, and all of the text is in the loss.
RAW = PromptFormat("", "", "MUSE (arXiv 2407.06460): documents as they are")


def prompt_format(name: str) -> PromptFormat:
    """The format of that name; `raw` is RAW. KitError: no such format."""
    known = PROMPT_FORMATS | {"raw": RAW}
    if name not in known:
        raise KitError(f"no prompt format '{name}'{nearest(name, known)}")
    return known[name]
