"""Where a checkpoint's files come from: a folder, or a repository on the Hugging Face hub.

Apart from what the files mean. A file is fetched when it is asked for, so that only those that are
needed are downloaded; the hub's client resumes broken downloads, draws the progress bar and keeps
the files in its cache. There is no falling back from one place to another: the first error is the
one that is told.
"""

import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Protocol, cast

from .. import config
from .error import CheckpointError, NotDownloadedError

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Download(Protocol):
    """Fetches one file of a repository into a cache and returns its place there."""

    def __call__(self, repo: str, name: str, *, revision: str | None, offline: bool) -> Path:
        """Raises `CheckpointError` with the true cause."""
        ...


@dataclass(frozen=True)
class Folder:
    """A folder on this machine."""

    root: Path

    def __str__(self) -> str:
        return str(self.root)

    def file(self, name: str) -> Path:
        """The path of a file that is there; `name` is relative, with slashes.

        Raises `CheckpointError` when it is missing or no file.
        """
        path = self.root / _inside(name)
        if path.is_dir():
            raise CheckpointError(f"{name} is a folder where a file should be ({path})")
        if not path.exists():
            raise CheckpointError(f"{name} is missing: copy or download it again ({path})")
        return path


@dataclass(frozen=True)
class Repository:
    """A repository on the hub, at a branch, tag or commit (`None`: its main branch)."""

    repo: str
    revision: str | None
    offline: bool
    download: Download

    def __str__(self) -> str:
        return self.repo if self.revision is None else f"{self.repo}@{self.revision}"

    def file(self, name: str) -> Path:
        """The path of a file in the cache, downloaded where it is not there yet.

        Raises `CheckpointError` with the true cause when that fails.
        """
        name = _inside(name)
        return self.download(self.repo, name, revision=self.revision, offline=self.offline)

    def pinned(self, name: str) -> "Repository":
        """This repository at the commit that a file came from, so that files fetched later fit it.

        Where the cache does not tell the commit, the revision stays.
        """
        # The cache keeps a file at snapshots/<commit>/<name>.
        above = self.file(name).parents[len(PurePosixPath(name).parts) - 1]
        return replace(self, revision=above.name) if is_commit(above.name) else self


Source = Folder | Repository


def is_commit(name: str) -> bool:
    """Whether a name is that of a commit, as the hub's cache calls the folder that holds one."""
    return _COMMIT.fullmatch(name) is not None


def fingerprint(folder: Path, files: Iterable[Path]) -> str:
    """The folder's name with a hash that changes when one of some files does.

    Reading gigabytes would take seconds, so that only their names, sizes and times count.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file()):
        stat = path.stat()
        digest.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return f"{folder.resolve().name}@{digest.hexdigest()[:16]}"


def open_source(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    offline: bool = False,
    download: Download | None = None,
) -> Source:
    """The folder of that name, or else the hub's repository `owner/name`.

    Raises `CheckpointError` when `source` can be neither.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        if revision is not None:
            raise CheckpointError(
                f"revision '{revision}' makes sense for a hub repository only, not for a folder "
                f"({path})"
            )
        return Folder(path)
    if path.exists():
        raise CheckpointError(f"this is a file: name the folder that holds pipeline.json ({path})")
    if isinstance(source, str) and _REPOSITORY.fullmatch(source) and not source.startswith("."):
        return hub_repository(source, revision=revision, offline=offline, download=download)
    raise CheckpointError(
        f"there is no such folder, and it is no hub repository of the form owner/name ({source})"
    )


def hub_repository(
    repo: str, *, revision: str | None = None, offline: bool = False, download: Download | None
) -> Repository:
    """The repository of that name, offline also where the environment says so."""
    offline = offline or config.hub_is_offline()
    return Repository(repo, revision, offline, download or download_from_hub)


def download_from_hub(repo: str, name: str, *, revision: str | None, offline: bool) -> Path:
    """A `Download` by the hub's own client, into its own cache."""
    import huggingface_hub

    # Untyped: one of its parameters has a type that is only partly known.
    fetch = cast(Callable[..., str], huggingface_hub.hf_hub_download)  # pyright: ignore[reportUnknownMemberType]
    try:
        path = fetch(repo, name, revision=revision, local_files_only=offline)
    # The client passes on what its network libraries raise, and those have changed between
    # versions: whatever it is, the caller learns it.
    except Exception as error:
        raise hub_error(error, repo, name, revision=revision, offline=offline) from error
    return Path(path)


def hub_error(
    error: Exception, repo: str, name: str, *, revision: str | None, offline: bool
) -> CheckpointError:
    """What an error of the hub's client means and what to do about it."""
    where = f"({repo}, file {name})"
    for cause in _chain(error):
        number = cause.errno if isinstance(cause, OSError) else None
        if number in {errno.ENOSPC, errno.EDQUOT}:
            return CheckpointError(
                "the disk is full: free some space or set HF_HOME to a folder on another disk, "
                f"then run this again; the download goes on where it stopped {where}"
            )
        if number in {errno.EACCES, errno.EPERM, errno.EROFS}:
            return CheckpointError(
                f"the download cache cannot be written: set HF_HOME to a folder of yours {where}"
            )
    kind = NotDownloadedError if _is_uncached(error) and offline else CheckpointError
    return kind(f"{_told(error, repo, revision, offline=offline)} {where}")


def _is_uncached(error: Exception) -> bool:
    from huggingface_hub import errors

    return isinstance(error, (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled))


def _told(error: Exception, repo: str, revision: str | None, *, offline: bool) -> str:
    """The error in our words. Subclasses come before their parents."""
    from huggingface_hub import errors

    match error:
        case _ if _is_uncached(error) and offline:
            return (
                "this file was never downloaded, and offline mode forbids it: run once without "
                f"offline mode ({config.OFFLINE_VARIABLE}), or name a folder that holds the model"
            )
        case _ if _is_uncached(error):
            return f"the hub cannot be reached and the file is not cached: {_innermost(error)}"
        case errors.GatedRepoError():
            return (
                f"access to this repository must be granted: accept its terms at "
                f"https://huggingface.co/{repo} and log in with 'hf auth login'"
            )
        case errors.RevisionNotFoundError():
            return f"the repository has no revision '{revision}': name a branch, tag or commit"
        case errors.RepositoryNotFoundError():
            return (
                "neither a folder of this name exists here nor, as far as the hub shows you, a "
                "repository: check the spelling, or log in with 'hf auth login' if it is private"
            )
        case errors.EntryNotFoundError():
            return "the repository has no such file: it holds another kind of model"
        case errors.HFValidationError():
            return f"this is no name of a hub repository: {_first_line(error)}"
        case _:
            return f"the download failed: {_innermost(error)}; run it again, it goes on from there"


def _inside(name: str) -> str:
    """The name, where it stays inside its folder."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in name:
        raise CheckpointError(
            f"the file name '{name:.80}' leads outside its folder: use a relative path such as "
            "ckpts/name"
        )
    return name


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it, outermost first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _innermost(error: Exception) -> str:
    return _first_line([*_chain(error)][-1])


def _first_line(error: BaseException) -> str:
    line = next(iter(str(error).strip().splitlines()), "")
    return f"{line:.200}" or type(error).__name__
