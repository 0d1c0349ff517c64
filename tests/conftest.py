"""Shared fixtures. Real data are reached through two environment variables only."""

import copy
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

# Before anything imports torch or huggingface_hub: no network, no caches of the person who runs the tests,
# one thread, and no GPU unless CUDA_VISIBLE_DEVICES names one.
HF_HOME = tempfile.TemporaryDirectory(prefix="unlearnkit-tests-")
os.environ |= {
    "HF_HOME": HF_HOME.name,
    "HF_HUB_CACHE": f"{HF_HOME.name}/hub",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

MICRO = {
    "family": "llama",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 256,
    "tie_word_embeddings": True,
}
MICRO_VOCABULARY = 600


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with local copies of the real data, or a skip; a failure where they are required."""
    folder = os.environ.get("UNLEARNKIT_DATA")
    if folder and Path(folder).is_dir():
        return Path(folder)
    message = "UNLEARNKIT_DATA does not name a folder with the real data"
    if os.environ.get("UNLEARNKIT_REQUIRE_DATA") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def local(tmp_path, monkeypatch) -> Path:
    """An empty folder that takes this machine's runs and results during one test."""
    monkeypatch.setenv("UNLEARNKIT_LOCAL", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def quiet() -> None:
    """No progress bars and no chatter from libraries, as in a worker."""
    from unlearnkit import stages

    stages.quieten()


@pytest.fixture(scope="session")
def micro_tokenizers() -> dict:
    """Of every family the kit's own kind of tokenizer with 600 tokens, trained on universe text."""
    from unlearnkit import models
    from unlearnkit.data import templates, tofu

    rows = tofu.load("universe", "forget05")
    texts = [row[field] for row in rows for field in ("question", "answer")] + templates.templates()
    return {family: models.train_tokenizer(texts, MICRO_VOCABULARY, family) for family in models.FAMILIES}


@pytest.fixture(scope="session")
def micro_tokenizer(micro_tokenizers):
    """The Llama family's."""
    return micro_tokenizers["llama"]


@pytest.fixture(scope="session")
def micro_model(micro_tokenizer) -> Callable:
    """A function that returns a fresh Llama of 30,000 parameters, always with the same random weights."""
    from unlearnkit import models

    model = models.build(MICRO, micro_tokenizer, seed=0)
    return lambda: copy.deepcopy(model)


@pytest.fixture(scope="session")
def dropout_model(micro_tokenizer) -> Callable:
    """As micro_model, with dropout: its training consumes random numbers."""
    from unlearnkit import models

    model = models.build(MICRO | {"attention_dropout": 0.2}, micro_tokenizer, seed=0)
    return lambda: copy.deepcopy(model)


@pytest.fixture(scope="session")
def micro_params() -> Callable[[], dict]:
    """A function that returns the content of params/tiny/table4.yaml, shrunk: a table takes seconds."""
    import yaml

    path = Path(__file__).resolve().parent.parent / "params" / "tiny" / "table4.yaml"
    text = path.read_text(encoding="utf-8")

    def shrunk() -> dict:
        content = yaml.safe_load(text)
        micro = {"epochs": None, "warmup_steps": 0, "max_length": 256}
        base_model = content["base_models"]["llama"]
        content["base_models"] = {"llama": base_model}
        base_model["scratch"]["architecture"] = MICRO | {"vocab_size": MICRO_VOCABULARY}
        for training in (base_model["scratch"]["pretrain"], base_model["finetune"]):
            training |= micro | {"steps": 5, "batch_size": 8}
        given = {"learning_rate": 1e-3, "steps": 3, "batch_size": 4, "trajectory_every": None}
        content["unlearn"]["default"] = "paper"
        content["unlearn"]["paper"] |= micro | given
        content["unlearn"]["selected"] |= micro | {"batch_size": 4, "trajectory_every": None}
        content["evaluation"] |= {"max_length": 256, "max_new_tokens": 4}
        content["selection"] |= {"learning_rates": [1e-3], "steps": [1, 2]}
        content["base_models"] = {"llama": base_model}
        rows = ("base", "original", "retain", "retain_2", "ga", "npo", "flat_kl")
        content["rows"] = [{"method": method} for method in rows]
        return content

    return shrunk


@pytest.fixture(scope="session")
def one_seed(micro_params, tmp_path_factory) -> tuple:
    """(plan, records, result folder) of two base models, one seed; from made-up runs."""
    import made_up

    return made_up.assembled(made_up.two_models(micro_params, tmp_path_factory), tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="session")
def three_seeds(micro_params, tmp_path_factory) -> tuple:
    """As one_seed, three seeds."""
    import made_up

    plan = made_up.two_models(micro_params, tmp_path_factory, seeds=[1, 2, 3])
    return made_up.assembled(plan, tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="session")
def micro_training() -> Callable[..., dict]:
    """A function that returns a training section. SGD: a difference of weights is one of gradients."""

    def training(**changes) -> dict:
        content = {
            "learning_rate": 0.1,
            "epochs": None,
            "steps": 2,
            "batch_size": 4,
            "gradient_accumulation_steps": 1,
            "schedule": "constant_with_warmup",
            "warmup_steps": 0,
            "optimizer": "sgd",
            "adam_beta2": 0.999,
            "weight_decay": 0.0,
            "max_grad_norm": None,
            "precision": "float32",
            "gradient_checkpointing": False,
            "max_length": 128,
            "save_steps": None,
        }
        assert changes.keys() <= content.keys()
        return content | changes

    return training


@pytest.fixture(scope="session")
def adam(micro_training) -> Callable[..., dict]:
    """A function that returns a training section like those in use: AdamW, clipping, six steps."""
    usual = {"optimizer": "adamw_torch", "learning_rate": 3e-3, "max_grad_norm": 1.0, "steps": 6}
    return lambda **changes: micro_training(**usual | changes)


@pytest.fixture(scope="session")
def memorised(micro_model, micro_tokenizer):
    """A function that returns a fresh model that knows the forget set by heart."""
    import torch
    from micro import FORGET, FORM, token_probabilities

    from unlearnkit.training import examples
    from unlearnkit.training.unlearn import Collator

    model = micro_model()
    rows = examples.tokenize(
        [{"forget": (row["question"], row["answer"])} for row in FORGET], micro_tokenizer, FORM, 128
    )
    batch = Collator(("forget",), micro_tokenizer.pad_token_id)(rows)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        model(**batch).loss.backward()
        optimiser.step()
    assert min(token_probabilities(model, row, "forget").mean().item() for row in rows) > 0.9
    return lambda: copy.deepcopy(model)
