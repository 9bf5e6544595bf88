"""Where the image encoder lies: an own folder, the checkpoint's, or the published one on the hub.

Apart from the checkpoint's models, because it comes from another repository and has no role in
`pipeline.json`. Only its place is found here; `models.image_encoder` reads it.
"""

import os
from pathlib import Path

from .. import config
from .error import CheckpointError
from .source import Download, Folder, Repository, Source, fingerprint, is_commit, open_source

ENCODER_FOLDER = "image_cond"
"""Folder beside `pipeline.json` in which a checkpoint may bring its own image encoder."""

CONFIG_FILE = "config.json"

WEIGHTS_FILES = ("model.safetensors", "hub_state.safetensors")
"""Names of the weights: as Hugging Face publishes them, and with torch.hub's tensor names."""

_PICKLED = (".pth", ".pt", ".bin", ".ckpt")


def encoder_folder(
    asked: str | os.PathLike[str] | None,
    *,
    beside: Source,
    offline: bool,
    download: Download | None,
    published: str = config.DEFAULT_IMAGE_ENCODER,
) -> Path:
    """The folder with the encoder's `config.json` and weights, downloaded if need be.

    `asked` is a folder or a hub repository; without it, the one that `TRELLIS_IMAGE_ENCODER` names,
    else `image_cond` in the folder `beside`, else the `published` one.

    Raises `CheckpointError` when it is not there, or holds pickled weights only.
    """
    asked = asked if asked is not None else config.image_encoder_source()
    if asked is None and isinstance(beside, Folder) and (beside.root / ENCODER_FOLDER).is_dir():
        asked = beside.root / ENCODER_FOLDER
    if asked is None:
        asked = published
    _refuse_pickle(Path(asked), published)
    source = open_source(asked, offline=offline, download=download)
    try:
        if isinstance(source, Repository):
            source = source.pinned(CONFIG_FILE)
            source.file(WEIGHTS_FILES[0])
        elif not any((source.root / name).is_file() for name in WEIGHTS_FILES):
            raise _no_weights(source.root, published)
        return source.file(CONFIG_FILE).parent
    except CheckpointError as error:
        raise type(error)(
            f"image encoder: {error}; {config.IMAGE_ENCODER_VARIABLE} may name a folder that "
            "holds it"
        ) from error


def encoder_identity(folder: Path) -> str:
    """Tells the encoder in a folder from others, for caches: the hub's commit, or a hash."""
    if is_commit(folder.name):
        return f"{folder.parent.name}/{folder.name}"
    return fingerprint(folder, [folder / name for name in (CONFIG_FILE, *WEIGHTS_FILES)])


def _no_weights(folder: Path, published: str) -> CheckpointError:
    for path in folder.iterdir():
        _refuse_pickle(path, published)
    return CheckpointError(f"the folder holds no {' or '.join(WEIGHTS_FILES)} ({folder})")


def _refuse_pickle(path: Path, published: str) -> None:
    if path.suffix in _PICKLED and path.is_file():
        raise CheckpointError(
            f"{path.name} is pickled and could run code, so it is not read: use the safetensors "
            f"file of {published}, which holds the same weights ({path})"
        )
