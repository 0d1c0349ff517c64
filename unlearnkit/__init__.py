"""unlearnkit: a notebook-first reproducibility kit for LLM unlearning.

Importing it imports nothing else: torch, transformers, trl and evaluate come in where they are used. It switches the
telemetry of the hub and of TRL off, unless the environment says otherwise.
"""

import os

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
