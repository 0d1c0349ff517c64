"""Downloads, pinned commits and use without a network, against a hub that runs on this machine."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hub_server import Hub, Repository

from unlearnkit import hub, models, papers, params, paths
from unlearnkit.data import muse, tofu
from unlearnkit.errors import KitError

DATA, MODEL, OTHER = "someone/TOFU", "someone/micro-llama", "someone/other"
COMMIT, LATER = "c0" * 20, "1a" * 20
SETS = {"forget01.json", "full.json"}
NOT_NEEDED = {  # beside the files of a saved model
    "pytorch_model.bin": b"again",
    "pytorch_model.bin.index.json": b"{}",
    "tf_model.h5": b"again",
    "consolidated.safetensors": b"again",
    "onnx/model.onnx": b"again",
    "onnx/config.json": b"{}",
    "README.md": b"read",
    ".gitattributes": b"",
}


@pytest.fixture
def server():
    found = Hub()
    sets = {name: (tofu.UNIVERSE / name).read_bytes() for name in SETS}
    found.repositories[f"datasets/{DATA}"] = Repository(
        COMMIT, sets | {"old/forget01.json": b"{}", "README.md": b"read"}
    )
    found.repositories[f"models/{MODEL}"] = Repository(COMMIT, {"config.json": b"{}", "model.safetensors": b"12345"})
    yield found
    found.close()


@pytest.fixture
def table(tmp_path, micro_params):
    """A function that writes a parameter file whose data and two base models are on the hub."""

    def write(**revisions: str | None) -> Path:
        content = micro_params()
        content["data"] |= {"source": DATA, "revision": revisions.get("data")}
        llama = content["base_models"]["llama"] | {"scratch": None, "revision": revisions.get("llama")}
        content["base_models"] = {
            "llama": llama | {"source": MODEL},
            "other": llama | {"source": OTHER, "revision": "v1"},
        }
        (tmp_path / "table.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        return tmp_path / "table.yaml"

    return write


def run(server: Hub, root: Path, *arguments: object) -> subprocess.CompletedProcess:
    """The command line of a project in `root`, in a process of its own, which may ask the server and nobody else."""
    own = {"HF_ENDPOINT": server.url, "HF_HUB_CACHE": str(root / "hub"), "HF_HUB_OFFLINE": "0"}
    own |= {"NO_PROXY": "127.0.0.1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    code = "import pathlib, sys; from unlearnkit import cli, paths; "
    code += "paths.ROOT = pathlib.Path(sys.argv[1]); sys.exit(cli.main(sys.argv[2:]))"
    command = [sys.executable, "-c", code, str(root), *map(str, arguments)]
    return subprocess.run(command, env=os.environ | own, capture_output=True, text=True)


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_copied_cache_serves_a_machine_without_a_network(server, table, tmp_path, micro_model, micro_tokenizer):
    from huggingface_hub import constants

    model = micro_model()
    models.save(model, micro_tokenizer, tmp_path / "saved")
    saved = {name: (tmp_path / "saved" / name).read_bytes() for name in files_below(tmp_path / "saved")}
    server.repositories[f"models/{MODEL}"].files = NOT_NEEDED | saved
    done = run(server, tmp_path, "download", table(), "--model", "llama")
    assert done.returncode == 0, done.stderr
    snapshots = [
        tmp_path / "hub" / f"{kind}--{id.replace('/', '--')}" / "snapshots" / COMMIT
        for kind, id in (("datasets", DATA), ("models", MODEL))
    ]
    assert [files_below(folder) for folder in snapshots] == [SETS, saved.keys()]
    sizes = [sum(path.stat().st_size for path in folder.iterdir()) for folder in snapshots]
    assert done.stdout.splitlines() == [
        f"dataset {DATA} at {COMMIT}: 2 files, {sizes[0] / 1e6:.1f} MB",
        f"  in {snapshots[0]}",
        f"model {MODEL} at {COMMIT}: {len(saved)} files, {sizes[1] / 1e6:.1f} MB",
        f"  in {snapshots[1]}",
    ]
    sent = len(server.fetched)
    assert sent == len(saved) + 2
    assert run(server, tmp_path, "download", table(), "--model", "llama").returncode == 0
    assert len(server.fetched) == sent  # what is there is not fetched again

    server.close()
    shutil.copytree(tmp_path / "hub", constants.HF_HUB_CACHE, symlinks=True, dirs_exist_ok=True)
    for revision in (None, COMMIT):
        assert tofu.load(DATA, "forget01", revision) == tofu.load("universe", "forget01")
        loaded, tokenizer = models.load(MODEL, revision)
        assert tokenizer.get_vocab() == micro_tokenizer.get_vocab()
        assert all(a.equal(b) for a, b in zip(loaded.parameters(), model.parameters(), strict=True))
    for asked, message in (
        (lambda: tofu.load(DATA, "forget05"), f"{DATA}, forget05.json: not in the cache {constants.HF_HUB_CACHE}, "),
        (lambda: tofu.load(DATA, "forget01", LATER), f"{DATA}, forget01.json: not in the cache "),
        (lambda: models.load(OTHER), f"no model can be loaded from '{OTHER}': not in the cache "),
    ):
        assert message in refused(asked) and "run make download" in refused(asked)


def refused(function) -> str:
    with pytest.raises(KitError) as error:
        function()
    assert "\n" not in str(error.value)
    return str(error.value)


BOOKS = "someone/MUSE-Books"


def sets_in_folders() -> dict[str, bytes]:
    """The kit's news, without the sets that a book lacks, as data sets are uploaded: Parquet files, named by a card."""
    import datasets

    files, card = {".gitattributes": b""}, []
    for config in ("raw", "verbmem", "knowmem", "privleak"):
        card.append({"config_name": config, "data_files": []})
        for name, fields in muse.FIELDS.items():
            if name.startswith(f"{config}/"):
                texts = muse.load("news", name)
                rows = texts if fields else [{"text": text} for text in texts]
                buffer = io.BytesIO()
                datasets.Dataset.from_list(rows).to_parquet(buffer)
                files[f"{name}-00000-of-00001.parquet"] = buffer.getvalue()
                card[-1]["data_files"].append({"split": name.partition("/")[2], "path": f"{name}-*"})
    return files | {"README.md": f"---\n{yaml.safe_dump({'configs': card})}---\n".encode()}


def test_another_corpus_of_muse_is_planned_without_the_hub_and_read_from_a_copied_cache(server, tmp_path, quiet):
    from huggingface_hub import constants

    files = sets_in_folders()
    server.repositories[f"datasets/{BOOKS}"] = Repository(COMMIT, files)
    content = yaml.safe_load((paths.ROOT / "params" / "paper" / "table5.yaml").read_text(encoding="utf-8"))
    content["data"]["source"] = BOOKS
    content["base_models"]["llama"]["source"] = MODEL
    (tmp_path / "table.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    made = papers.make(params.read(tmp_path / "table.yaml"), "here")
    assert len(made.rows) == len(content["rows"]) and not server.fetched

    done = run(server, tmp_path, "download", tmp_path / "table.yaml")
    assert done.returncode == 0, done.stderr
    snapshot = tmp_path / "hub" / f"datasets--{BOOKS.replace('/', '--')}" / "snapshots" / COMMIT
    assert files_below(snapshot) == files.keys() - {".gitattributes"}

    server.close()
    data = snapshot.parents[1]
    shutil.copytree(data, Path(constants.HF_HUB_CACHE) / data.name, symlinks=True)
    news = muse.Source("news")
    for source in (made.data, muse.Source(BOOKS, COMMIT)):
        assert source.evaluated() == news.evaluated()
        assert source.load("raw/forget") == news.load("raw/forget")
        assert refused(lambda source=source: source.load("scal/forget_1")).startswith(f"{BOOKS}, scal/forget_1: ")


@pytest.mark.parametrize(
    ("change", "revisions", "message"),
    [
        (lambda server: server.repositories.clear(), {}, f"{DATA}: no such repository on the hub, or a private one"),
        (
            lambda server: setattr(server.repositories[f"models/{MODEL}"], "gated", True),
            {},
            f"{MODEL}: gated: accept its licence on its page of the hub, then run: hf auth login",
        ),
        (lambda server: None, {"data": "v2"}, f"{DATA}: the repository has no such revision"),
        (
            lambda server: server.repositories[f"models/{MODEL}"].files.pop("model.safetensors"),
            {},
            f"{MODEL}: the repository has no weights that can be used",
        ),
        (Hub.close, {}, f"{DATA}: the hub cannot be reached at http://127.0.0.1:"),
    ],
    ids=["missing", "gated", "revision", "weights", "network"],
)
def test_what_cannot_be_fetched_is_one_line(server, table, tmp_path, change, revisions, message):
    change(server)
    done = run(server, tmp_path, "download", table(**revisions), "--model", "llama")
    assert done.returncode == 2
    assert done.stderr.startswith(f"unlearnkit: {message}") and done.stderr.count("\n") == 1


def test_pin_locks_present_commits_and_what_is_locked_is_used(server, table, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    hub.lock_file().parent.mkdir()
    model = server.repositories.pop(f"models/{MODEL}")
    failed = run(server, tmp_path, "pin", table())
    assert failed.returncode == 2 and failed.stderr.startswith(f"unlearnkit: {MODEL}: no such repository on the hub")
    assert not hub.lock_file().exists()

    server.repositories[f"models/{MODEL}"] = model
    done = run(server, tmp_path, "pin", table())
    assert done.stdout.splitlines() == [
        f"dataset {DATA} at {COMMIT}",
        f"model {MODEL} at {COMMIT}",
        "written to params/hub.lock.json; commit it",
    ]
    assert json.loads(hub.lock_file().read_text()) == {"datasets": {DATA: COMMIT}, "models": {MODEL: COMMIT}}
    assert [one.revision for one in hub.named(params.read(table()))] == [COMMIT, COMMIT, "v1"]
    assert hub.revision("model", MODEL, "given") == "given"
    assert hub.revision("dataset", MODEL, None) is None

    model.commit = LATER  # and the server forgets the commit before
    refused = run(server, tmp_path, "download", table(), "--model", "llama")
    assert refused.stderr == f"unlearnkit: {MODEL}: the repository has no such revision\n"
    assert f"model {MODEL} stays at {COMMIT}" in run(server, tmp_path, "pin", table()).stdout
    assert run(server, tmp_path, "pin", table(), "--update").returncode == 0
    assert json.loads(hub.lock_file().read_text()) == {"datasets": {DATA: COMMIT}, "models": {MODEL: LATER}}
    assert run(server, tmp_path, "download", table(), "--model", "llama").returncode == 0
    assert len(files_below(tmp_path / "hub" / f"models--{MODEL.replace('/', '--')}" / "snapshots" / LATER)) == 2
    assert not list((tmp_path / "hub").glob("*/refs"))  # no name was asked for, such as main: only commits


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"models": {}, "datasets": 1}'])
def test_a_lock_that_is_none(text, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    hub.lock_file().parent.mkdir()
    hub.lock_file().write_text(text)
    message = refused(lambda: hub.revision("model", MODEL, None))
    assert message == "params/hub.lock.json: not a lock file; delete it and run make pin for your tables"


def test_without_a_lock_the_newest_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    assert hub.revision("model", MODEL, None) is None
    assert hub.revision("dataset", DATA, "v1") == "v1"


def test_what_a_table_takes_from_the_hub(table, tmp_path, micro_params):
    found = hub.named(params.read(table(llama="v2")))
    assert found == [
        hub.Repository("dataset", DATA, None),
        hub.Repository("model", MODEL, "v2"),
        hub.Repository("model", OTHER, "v1"),
    ]
    assert hub.named(params.read(table(llama="v2")), "llama") == found[:2]
    assert refused(lambda: hub.named(params.read(table()), "lama")) == "no base model 'lama'; did you mean 'llama'?"
    content = micro_params()
    assert hub.named(params.parse(content, "here")) == []
    content["base_models"]["llama"] |= {"scratch": None, "source": str(tmp_path)}
    assert hub.named(params.parse(content, "here")) == []
    assert list(hub.download([])) == ["nothing is taken from the hub: no network is needed"]
    assert hub.pin([]) == ["nothing to pin: every revision is given, or nothing is taken from the hub"]


SHARDS = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json"]


@pytest.mark.parametrize(
    ("names", "left_out"),
    [
        (["config.json", *SHARDS, "vocab.json", "merges.txt"], ["flax_model.msgpack", "runs/args.json"]),
        (["config.json", "model-00001-of-00001.safetensors", "model.safetensors.index.json"], SHARDS),
        (["config.json", "model.safetensors", "tokenizer.model", "chat_template.jinja"], ["model.fp16.safetensors"]),
    ],
)
def test_one_form_of_the_weights_is_enough(names, left_out):
    assert sorted(hub.needed("model", names + left_out)) == sorted(names)


def test_a_data_set_without_sets():
    message = "the repository has no JSON file in its root, nor README.md with the files of sets in folders"
    for names in (["data/train.parquet"], ["README.md"], ["train.csv", "README.md"]):
        assert refused(lambda names=names: hub.needed("dataset", names)) == message


def test_asking_the_lock_imports_nothing_of_the_hub():
    code = "import sys; from unlearnkit import hub; hub.revision('model', 'a/b', None); "
    code += "print({'huggingface_hub', 'transformers', 'datasets'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_judges_of_the_hub_are_named_pinned_and_warned_of(tmp_path):
    file = paths.ROOT / "params" / "small" / "table6.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    encoder, nli = (content["judges"][name]["source"] for name in ("encoder", "nli"))
    named = hub.named(params.parse(content, "here"))
    assert [(one.kind, one.id, one.given) for one in named] == [("model", encoder, None), ("model", nli, None)]
    content["judges"]["nli"] = {"source": str(tmp_path), "revision": None}
    content["judges"]["encoder"]["revision"] = "v1"
    assert hub.named(params.parse(content, "here")) == [hub.Repository("model", encoder, "v1")]
    assert hub.named(params.read(file.parents[1] / "tiny" / "table6.yaml")) == []


def test_of_what_the_papers_table_10_forgets_only_the_files_that_are_read_are_fetched(server, tmp_path):
    content = yaml.safe_load((paths.ROOT / "params" / "paper" / "table10.yaml").read_text(encoding="utf-8"))
    wmdp, rwku = (one for one in hub.named(params.parse(content, "here")) if one.kind == "dataset")
    assert (wmdp.id, rwku.id) == ("cais/wmdp-corpora", "jinzhuoran/RWKU")
    assert set(wmdp.files + rwku.files) == set(hub.FILES.values())
    for one in (wmdp, rwku):
        files = dict.fromkeys([*one.files, "bio-retain-corpus/train.parquet", "All/forget_level3.json"], b"[]")
        server.repositories[f"datasets/{one.id}"] = Repository(COMMIT, files)
    local = {"source": str(tmp_path), "revision": None}
    content["base_models"] = {name: one | local for name, one in content["base_models"].items()}
    (tmp_path / "table.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    done = run(server, tmp_path, "download", tmp_path / "table.yaml")
    assert done.returncode == 0, done.stderr
    assert "dataset cais/wmdp-corpora at" in done.stdout
    there = {name.partition("/snapshots/")[2].partition("/")[2] for name in files_below(tmp_path / "hub")}
    assert there - {""} == set(hub.FILES.values())
    del server.repositories[f"datasets/{rwku.id}"].files["All/passage.json"]
    shutil.rmtree(tmp_path / "hub")
    done = run(server, tmp_path, "download", tmp_path / "table.yaml")
    assert "jinzhuoran/RWKU: the repository has no file All/passage.json" in done.stderr


def test_of_a_sentence_encoder_its_modules_folders_are_needed():
    files = ["modules.json", "config.json", "model.safetensors", "1_Pooling/config.json", "onnx/config.json"]
    assert set(hub.needed("model", files)) == set(files[:4])
