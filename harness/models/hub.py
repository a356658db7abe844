"""Models of the Hugging Face hub: the local cache first, then the network, which is asked once and briefly."""

from __future__ import annotations

from pathlib import Path

from harness.errors import InputError
from harness.models import directory

TIMEOUT = 5  # seconds for the first question; transformers by itself retries for over a minute
LEGACY = {
    "openai-community/gpt2": "gpt2",
    "openai-community/gpt2-medium": "gpt2-medium",
    "openai-community/gpt2-large": "gpt2-large",
    "openai-community/gpt2-xl": "gpt2-xl",
    "distilbert/distilgpt2": "distilgpt2",
}
"""Models that moved: caches older than the move hold them under the short name."""

_INSTEAD = "use model=pocket-m, which is embedded, or model=hf with model.name=DIR of a local copy"
_FILES = ["*.json", "*.jinja", "merges.txt", "vocab.txt", "*.model", "model*.safetensors"]


def cached(repo: str, revision: str | None, shown: str) -> Path | None:
    """The directory of a model that the local cache holds completely; None where it does not.

    A moved repository is looked up under its old name too, and the other way round.
    """
    from huggingface_hub import try_to_load_from_cache

    for name in (repo, *(new for new, old in LEGACY.items() if old == repo), *filter(None, [LEGACY.get(repo)])):
        config = try_to_load_from_cache(name, "config.json", revision=revision)
        if not isinstance(config, str):
            continue
        try:
            directory.check(Path(config).parent, shown)
        except InputError:
            continue  # a download that was never finished, or one of other files
        return Path(config).parent
    return None


def ask(repo: str, revision: str | None, shown: str) -> None:
    """Ask the hub whether it has a model that can be loaded: one request of a few seconds at most.

    Raises:
        InputError: the hub cannot be reached, or does not have the model, the revision or safetensors.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    if constants.HF_HUB_OFFLINE:
        raise InputError(
            f"{shown}: the local cache does not hold its config, safetensors and tokenizer, and HF_HUB_OFFLINE keeps "
            f"the hub from being asked; {_INSTEAD}"
        )
    try:
        info = HfApi().model_info(repo, revision=revision, timeout=TIMEOUT)
    except GatedRepoError:
        raise InputError(
            f"{shown}: the hub gives this model only to those who accepted its terms; run `hf auth login`"
        ) from None
    except RepositoryNotFoundError:
        raise InputError(
            f"{shown}: neither a local directory nor a model on the hub (if private: `hf auth login`)"
        ) from None
    except RevisionNotFoundError:
        raise InputError(f"model.revision={revision!r}: {repo} has no such revision on the hub") from None
    except Exception as error:  # which library raises here depends on the version of huggingface_hub
        raise InputError(
            f"{shown}: is not in the local cache, and the hub cannot be reached ({_reason(error)}); {_INSTEAD}, "
            f"or run `hf download {repo}` where there is a network"
        ) from None
    files = {file.rfilename for file in info.siblings or ()}
    if files and not files & {directory.SINGLE, directory.INDEX}:
        raise InputError(f"{shown}: the hub has no safetensors of this model, and other formats are not read")


def download(repo: str, revision: str | None, shown: str) -> Path:
    """Fetch what loading needs, and nothing else, into the local cache; the hub's own progress bar shows it.

    Raises:
        InputError: the download fails; what has arrived is kept, and the next try goes on from there.
    """
    from huggingface_hub import snapshot_download

    try:
        path = snapshot_download(
            repo, revision=revision, allow_patterns=_FILES, ignore_patterns=["*/*"], etag_timeout=TIMEOUT
        )
    except Exception as error:  # which library raises here depends on the version of huggingface_hub
        raise InputError(
            f"{shown}: the download broke off ({_reason(error)}); the same command goes on with it"
        ) from None
    return Path(path)


def _reason(error: Exception) -> str:
    """The first line of what the network says."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
