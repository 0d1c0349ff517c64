"""The hub: the repositories that a parameter file names, their commits, and their files in the Hugging Face cache.

The cache lies where HF_HUB_CACHE says; a copy of it serves a machine without a network. `params/hub.lock.json` holds
the commits of repositories that a parameter file leaves at `revision: null`.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unlearnkit import paths
from unlearnkit.errors import KitError, at, nearest
from unlearnkit.schema import Needs, Params, Table

WEIGHTS = (  # in the order of preference
    r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?",
    r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?",
)
CARD = "README.md"  # of a data set: says which files are which set's
FILES = {  # of the data sets of which few files are read: set -> file
    "wmdp/forget": "cyber-forget-corpus/train-00000-of-00001.parquet",
    "wmdp/retain": "cyber-retain-corpus/train-00000-of-00001.parquet",
    "rwku/forget": "All/passage.json",
    "rwku/retain": "All/passage.json",
    "rwku/level1": "All/forget_level1.json",
    "rwku/level2": "All/forget_level2.json",
}
CONFIGURATION = (".json", ".jinja", ".model", ".txt")  # of model and tokenizer


@dataclass(frozen=True)
class Repository:
    """A model or data set on the hub. `kind`: "model" or "dataset". `given`: the parameter file's revision. `files`:
    those that are read, where FILES says which.
    """

    kind: str
    id: str
    given: str | None
    files: tuple[str, ...] = ()

    @property
    def revision(self) -> str | None:
        """The commit, branch or tag that is used; None for the newest commit."""
        return revision(self.kind, self.id, self.given)


def lock_file() -> Path:
    """Where `unlearnkit pin` writes: {"models": {id: commit}, "datasets": {id: commit}}."""
    return paths.ROOT / "params" / "hub.lock.json"


def revision(kind: str, id: str, given: str | None) -> str | None:
    """The revision to use: the parameter file's, else the lock's; None where neither has one."""
    return given or _read_lock()[f"{kind}s"].get(id)


def named(content: Table, base_model: str | None = None) -> list[Repository]:
    """What a parameter file takes from the hub: the data set, all base models or the one asked for, and the judges.

    KitError: there is no such base model.
    """
    if not isinstance(content, Params | Needs):
        return []
    if base_model and base_model not in content.base_models:
        raise KitError(f"no base model '{base_model}'{nearest(base_model, content.base_models)}")
    found = []
    if content.data.benchmark in ("tofu", "muse", "real_world") and "/" in content.data.source:
        found.append(Repository("dataset", content.data.source, content.data.revision))
    if content.data.benchmark == "wmdp_rwku":
        for name in ("wmdp", "rwku"):
            id, given = getattr(content.data, name), getattr(content.data, f"{name}_revision")
            files = dict.fromkeys(file for one, file in FILES.items() if one.startswith(f"{name}/"))
            found += [Repository("dataset", id, given, tuple(files))] if "/" in id else []
    for name, one in content.base_models.items():
        if one.scratch is None and not Path(one.source).is_dir() and base_model in (None, name):
            found.append(Repository("model", one.source, one.revision))
    judges = getattr(content, "judges", None)
    for one in (judges.encoder, judges.nli) if judges and not judges.suffix else ():
        if not Path(one.source).is_dir():
            found.append(Repository("model", one.source, one.revision))
    return list(dict.fromkeys(found))


def needed(kind: str, names: Iterable[str]) -> list[str]:
    """Of a repository's files those that the kit reads: all sets of a data set, one form of a model's weights.

    A data set has a JSON file for each set in its root, or a card that says which files in folders are a set's. A
    sentence encoder's modules have folders of their own: 1_Pooling.

    KitError: nothing of the kind is there.
    """
    names = list(names)
    root = [name for name in names if "/" not in name]
    if kind == "dataset":
        sets = [name for name in root if name.endswith(".json")]
        in_folders = [name for name in names if "/" in name]
        if not sets and CARD in root and in_folders:
            sets = [CARD, *in_folders]
        if not sets:
            raise KitError(f"the repository has no JSON file in its root, nor {CARD} with the files of sets in folders")
        return sets
    for pattern in WEIGHTS:
        weights = [name for name in root if re.fullmatch(pattern, name)]
        if weights:
            others = [name for name in root if name.endswith(CONFIGURATION) and not name.endswith(".index.json")]
            modules = [name for name in names if re.fullmatch(r"\d+_\w+/config\.json", name)]
            return weights + others + modules
    raise KitError("the repository has no weights that can be used: model.safetensors or pytorch_model.bin")


def download(repositories: list[Repository]) -> Iterator[str]:
    """Fetches the needed files that the cache lacks; yields what it fetches, how much that is, and where it lies.

    KitError: see `reason`, or nothing of use in a repository.
    """
    from huggingface_hub import HfApi, snapshot_download

    if not repositories:
        yield "nothing is taken from the hub: no network is needed"
    for one in repositories:
        with _asking(one.id):
            info = HfApi().repo_info(one.id, repo_type=one.kind, revision=one.revision, files_metadata=True)
            sizes = {file.rfilename: file.size or 0 for file in info.siblings}
            files = list(one.files) or needed(one.kind, sizes)
            if missing := [name for name in files if name not in sizes]:
                raise KitError(f"the repository has no file {missing[0]}")
        size = sum(sizes[name] for name in files) / 1e6
        yield f"{one.kind} {one.id} at {info.sha}: {len(files)} files, {size:,.1f} MB"
        with _asking(one.id):
            folder = snapshot_download(one.id, repo_type=one.kind, revision=one.revision, allow_patterns=files)
        yield f"  in {folder}"


def data_file(id: str, revision: str | None, name: str) -> Path:
    """One file of a data set: from the cache, else from the hub. KitError: see `reason`."""
    from huggingface_hub import hf_hub_download

    with _asking(f"{id}, {name}"):
        return Path(hf_hub_download(id, name, repo_type="dataset", revision=revision))


def data_folder(id: str, revision: str | None) -> Path:
    """The files of a data set whose sets lie in folders: from the cache, else from the hub. KitError: see `reason`."""
    from huggingface_hub import snapshot_download

    with _asking(id):
        return Path(snapshot_download(id, repo_type="dataset", revision=revision, allow_patterns=[CARD, "*/*"]))


def pin(repositories: list[Repository], update: bool = False) -> list[str]:
    """Writes the hub's present commits of repositories without a revision into the lock; returns what to print.

    What is locked stays as it is without `update`. KitError, and nothing is written: the hub does not give one.
    """
    from huggingface_hub import HfApi

    lock, lines = _read_lock(), []
    for one in repositories:
        if one.given is not None:
            continue
        locked = lock[f"{one.kind}s"]
        if one.id in locked and not update:
            lines.append(f"{one.kind} {one.id} stays at {locked[one.id]}")
            continue
        with _asking(one.id):
            locked[one.id] = HfApi().repo_info(one.id, repo_type=one.kind).sha
        lines.append(f"{one.kind} {one.id} at {locked[one.id]}")
    if not lines:
        return ["nothing to pin: every revision is given, or nothing is taken from the hub"]
    lock_file().write_text(json.dumps(lock, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return [*lines, f"written to {paths.shown(lock_file())}; commit it"]


def reason(error: BaseException) -> str:
    """Why the hub, or a library that asked it, gave nothing, and what to do; one line."""
    from huggingface_hub import constants, errors

    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    known = (
        (errors.GatedRepoError, "gated: accept its licence on its page of the hub, then run: hf auth login"),
        (errors.RepositoryNotFoundError, "no such repository on the hub, or a private one (then run: hf auth login)"),
        (errors.RevisionNotFoundError, "the repository has no such revision"),
        (
            errors.LocalEntryNotFoundError,
            f"not in the cache {constants.HF_HUB_CACHE}, and the hub cannot be reached; run make download for this "
            "table where there is a network and copy the cache",
        ),
        (errors.EntryNotFoundError, "the repository has no such file"),
        (errors.OfflineModeIsEnabled, "the hub is not asked while HF_HUB_OFFLINE is set"),
        (errors.HfHubHTTPError, f"the hub answered: {line}"),
        (errors.HTTPError, f"the hub cannot be reached at {constants.ENDPOINT}"),
    )
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    return next((words for kind, words in known if any(isinstance(cause, kind) for cause in causes)), line)


@contextmanager
def _asking(what: str) -> Iterator[None]:
    from huggingface_hub.errors import HTTPError  # of the HTTP library: also a network that is not there

    with at(what):
        try:
            yield
        except (HTTPError, OSError, ValueError) as error:
            raise KitError(reason(error)) from error


def _read_lock() -> dict[str, dict[str, str]]:
    file = lock_file()
    if not file.exists():
        return {"models": {}, "datasets": {}}
    try:
        lock = json.loads(file.read_text(encoding="utf-8"))
        return {kind: dict(lock[kind]) for kind in ("models", "datasets")}
    except (ValueError, TypeError, KeyError):
        raise KitError(f"{paths.shown(file)}: not a lock file; delete it and run make pin for your tables") from None
