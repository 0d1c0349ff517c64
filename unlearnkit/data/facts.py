"""General facts of the real TOFU: what a model from scratch is taught before it meets the fictitious authors.

They are the facts that TOFU evaluates, about real authors and about the world: a small model has no others. They are
learnt as the short answers that are scored and in full sentences, which a rule makes of question and answer.
"""

FILES = ("real_authors_perturbed", "world_facts_perturbed")


def general(rows: list[dict]) -> list[dict]:
    """Question and right answer of every fact: kept in fine-tuning, so that facts are not forgotten."""
    return [{"question": row["question"], "answer": row["answer"]} for row in rows]


def pretrain(rows: list[dict]) -> list[dict]:
    """Every fact as its short answer and as a full sentence, which another question asks for."""
    return [asked for row in general(rows) for asked in (row, in_a_sentence(**row))]


def in_a_sentence(question: str, answer: str) -> dict:
    """A question and an answer that repeats it: 'Who is it? Answer in a sentence.', 'Who is it? It is Ada.'"""
    return {"question": f"{question} Answer in a sentence.", "answer": f"{question} It is {answer.rstrip('.')}."}
