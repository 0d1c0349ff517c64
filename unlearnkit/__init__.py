"""unlearnkit: a notebook-first reproducibility kit for LLM unlearning.

Importing it imports nothing else: torch, transformers, trl and evaluate come in where they are used.
"""

__version__ = "0.1.0"
