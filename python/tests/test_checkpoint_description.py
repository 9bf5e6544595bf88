"""What a checkpoint says about itself: which descriptions are taken, and how others are refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from golden_data import MODEL

from crossworld_trellis.checkpoint import Checkpoint, CheckpointError
from crossworld_trellis.checkpoint.arguments import read_object, to_config
from crossworld_trellis.checkpoint.description import locate, read_pipeline
from crossworld_trellis.checkpoint.roles import ROLES, roles_for
from crossworld_trellis.sampler import SamplerSettings


@dataclass(frozen=True, kw_only=True)
class Inner:
    rank: int = 16


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """One field of every kind that configs have."""

    num_blocks: int
    ratio: float = 4
    flag: bool = False
    mode: Literal["swin", "full"] = "swin"
    channels: tuple[int, ...] = ()
    interval: tuple[float, float] = (0.0, 1.0)
    heads: int | None = None
    kernel: float = field(default=0.1, metadata={"json": "3d_kernel"})
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.num_blocks == 13:
            raise ValueError("num_blocks 13 brings bad luck")


def config(**arguments: Any) -> Arguments:
    return to_config(Arguments, {"num_blocks": 2, **arguments}, where="role (x.json)")


def edited(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A copy of the golden `pipeline.json` with something changed."""
    whole = json.loads((MODEL / "pipeline.json").read_text())
    change(whole["args"])
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps(whole))
    return path


def edited_model(tmp_path: Path, role: str, path: str) -> Checkpoint:
    """The golden checkpoint with another model in a role."""
    folder = shutil.copytree(MODEL, tmp_path / "model")
    whole = json.loads((folder / "pipeline.json").read_text())
    whole["args"]["models"][role] = path
    (folder / "pipeline.json").write_text(json.dumps(whole))
    return Checkpoint.open(folder)


def test_a_config_takes_json_by_the_names_and_types_of_its_fields() -> None:
    made = config(
        **{"3d_kernel": 1},
        channels=[3, 4],
        interval=[0, 0.5],
        heads=None,
        inner={"rank": 3},
        use_checkpoint=True,
    )
    assert made == Arguments(
        num_blocks=2, kernel=1.0, channels=(3, 4), interval=(0.0, 0.5), inner=Inner(rank=3)
    )
    assert isinstance(made.kernel, float)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"num_block": 3}, "unknown arguments 'num_block' in role (x.json)"),
        ({"kernel": 1.0}, "unknown arguments 'kernel'"),
        ({"inner": {"rang": 3}}, "unknown arguments 'rang' in inner of role (x.json)"),
        ({"num_blocks": 2.0}, "'num_blocks' should be a whole number from 1 to 1024, got 2.0"),
        ({"num_blocks": True}, "got true in role (x.json)"),
        ({"num_blocks": 10**9}, "got 1000000000"),
        ({"num_blocks": 0}, "got 0"),
        ({"heads": "many"}, 'got "many"'),
        ({"ratio": "4"}, "'ratio' should be a number"),
        ({"flag": 1}, "'flag' should be true or false"),
        ({"mode": "windows"}, "'mode' should be one of 'swin', 'full'"),
        ({"mode": []}, "'mode' should be one of"),
        ({"channels": 5}, "'channels' should be a list of entries, got 5"),
        ({"channels": [5, "x"]}, "'channels' should be a whole number"),
        ({"interval": [1]}, "'interval' should be a list of 2 entries, got [1]"),
        ({"inner": 16}, "'inner' should be an object"),
        ({"num_blocks": 13}, "num_blocks 13 brings bad luck in role (x.json)"),
    ],
)
def test_a_config_refuses_what_its_fields_do_not_allow(
    arguments: dict[str, Any], told: str
) -> None:
    with pytest.raises(CheckpointError) as error:
        config(**arguments)
    assert told in str(error.value)


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"'num_blocks' is missing in role \(x.json\)"):
        to_config(Arguments, {}, where="role (x.json)")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty: download it again"),
        (b"  \n", "empty: download it again"),
        (b"{", "is no valid JSON"),
        (b"[1]", "holds [1] where an object should be"),
        (b"null", "holds null where an object should be"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b'{"a": 1e999}', "1e999 is too large a number"),
        (b"[" * 100_000, "is no valid JSON"),
        (b"\xff\xfe\x00", "is no valid JSON"),
        (b'{"a": 1}' + b" " * (1 << 20), "too large for a model's description"),
        (b"<!DOCTYPE html><html>", "a web page: download the file again"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
    ],
)
def test_a_file_that_is_no_json_object_is_refused_with_its_cause(
    content: bytes, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "pipeline.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as error:
        read_object(path)
    message = str(error.value)
    assert told in message and message.endswith(f"({path})") and "\n" not in message


def test_the_golden_pipeline_is_read_number_by_number() -> None:
    description = read_pipeline(MODEL / "pipeline.json")
    assert description.models.keys() == ROLES.keys()
    assert description.structure_sampler == SamplerSettings(
        steps=6, cfg_strength=5.0, cfg_interval=(0.5, 1.0), rescale_t=3.0, sigma_min=1e-5
    )
    assert description.latent_sampler.steps == 5
    assert description.latent_mean[0] == -2.1687545776367188
    assert description.latent_std[7] == 2.684523105621338


def test_what_a_sampler_leaves_open_is_the_default_of_the_original(tmp_path: Path) -> None:
    def change(args: dict[str, Any]) -> None:
        args["slat_sampler"] = {"name": "FlowEulerGuidanceIntervalSampler", "params": {}}
        args["sparse_structure_sampler"] = {"name": "FlowEulerSampler", "params": {"steps": 4}}

    description = read_pipeline(edited(tmp_path, change))
    assert description.latent_sampler == SamplerSettings()
    assert description.structure_sampler == SamplerSettings(steps=4, cfg_strength=0.0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda args: args.pop("models"), "'models' is missing in"),
        (
            lambda args: args["models"].update(slat_flow_model=3),
            "should be a text on one line, got 3",
        ),
        (lambda args: args.pop("slat_sampler"), "'slat_sampler' is missing in"),
        (lambda args: args["slat_sampler"].update(name="Heun"), "the sampler 'Heun' is not known"),
        (
            lambda args: args["slat_sampler"]["params"].update(steps=0),
            "'steps' should be a whole number from 1",
        ),
        (
            lambda args: args["slat_sampler"]["params"].update(cfg_strength=-1),
            "cfg_strength must be 0 to 100, got -1",
        ),
        (
            lambda args: args["slat_sampler"]["params"].update(guidance_rescale=0.7),
            "unknown arguments 'guidance_rescale' in slat_sampler",
        ),
        (
            lambda args: args["slat_normalization"]["mean"].pop(),
            "as many means (7) as deviations (8)",
        ),
        (lambda args: args["slat_normalization"]["std"].__setitem__(3, 0), "above 0"),
    ],
)
def test_a_pipeline_with_something_wrong_is_refused_with_its_name(
    change: Callable[[dict[str, Any]], object], told: str, tmp_path: Path
) -> None:
    path = edited(tmp_path, change)
    with pytest.raises(CheckpointError) as error:
        read_pipeline(path)
    assert told in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("TrellisTextTo3DPipeline", "made for texts"),
        ("Trellis2ImageTo3DPipeline", "of the second generation"),
        ("StableDiffusionPipeline", "a 'StableDiffusionPipeline'"),
    ],
)
def test_other_pipelines_are_refused_by_their_name(name: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps({"name": name, "args": {}}))
    with pytest.raises(CheckpointError, match="only TrellisImageTo3DPipeline") as error:
        read_pipeline(path)
    assert told in str(error.value)


def test_a_path_of_three_parts_or_more_names_another_repository() -> None:
    assert locate("ckpts/name") == (None, "ckpts/name")
    assert locate("ckpts/deeper/name") == (None, "ckpts/deeper/name")
    assert locate("owner/repo/ckpts/name") == ("owner/repo", "ckpts/name")
    assert locate("owner/repo/name") == ("owner/repo", "name")


def test_the_dense_network_in_the_latent_flow_is_refused_with_the_fix(tmp_path: Path) -> None:
    checkpoint = edited_model(tmp_path, "slat_flow_model", "ckpts/ss_flow_img_dit_tiny")
    for checked in (
        lambda: checkpoint.fetch(["voxels"]),
        lambda: checkpoint.config("slat_flow_model"),
    ):
        with pytest.raises(CheckpointError) as error:
            checked()
        assert str(error.value) == (
            "slat_flow_model is set to ckpts/ss_flow_img_dit_tiny, which holds a "
            "SparseStructureFlowModel (dense, 8^3); this role needs SLatFlowModel or "
            'ElasticSLatFlowModel: restore "ckpts/slat_flow_img_dit_L_64l8p2_fp16" in '
            'pipeline.json ("microsoft/TRELLIS-image-large/ckpts/slat_flow_img_dit_L_64l8p2_fp16" '
            'where that file is not beside it); the "Repository Not Found" message that this edit '
            "works around hides a different error"
        )


def test_an_unknown_class_is_refused_and_never_looked_up(tmp_path: Path) -> None:
    folder = shutil.copytree(MODEL, tmp_path / "model")
    described = folder / "ckpts/ss_flow_img_dit_tiny.json"
    described.write_text(json.dumps({"name": "os.system", "args": {"command": "false"}}))
    with pytest.raises(CheckpointError, match=r"holds a os\.system; this role needs Sparse"):
        Checkpoint.open(folder).config("sparse_structure_flow_model")


def test_elastic_variants_are_the_same_models(tmp_path: Path) -> None:
    folder = shutil.copytree(MODEL, tmp_path / "model")
    described = folder / "ckpts/slat_flow_img_dit_tiny.json"
    elastic = Checkpoint.open(folder).config("slat_flow_model")
    described.write_text(described.read_text().replace("ElasticSLatFlow", "SLatFlow"))
    assert Checkpoint.open(folder).config("slat_flow_model") == elastic
    described.write_text(described.read_text().replace('"SLatFlow', '"FancySLatFlow'))
    with pytest.raises(CheckpointError, match="holds a FancySLatFlowModel; this role needs"):
        Checkpoint.open(folder).config("slat_flow_model")


def test_a_role_that_is_asked_for_and_missing_is_named_and_others_are_not_missed(
    tmp_path: Path,
) -> None:
    folder = shutil.copytree(MODEL, tmp_path / "model")
    whole = json.loads((folder / "pipeline.json").read_text())
    del whole["args"]["models"]["slat_decoder_rf"]
    whole["args"]["models"]["slat_encoder"] = "ckpts/encoder"
    (folder / "pipeline.json").write_text(json.dumps(whole))
    checkpoint = Checkpoint.open(folder)
    checkpoint.fetch(["voxels", "mesh"])
    with pytest.raises(CheckpointError, match=r"pipeline\.json names no slat_decoder_rf"):
        checkpoint.fetch(["radiance_field"])


@pytest.mark.parametrize(
    ("stem", "key", "value", "told"),
    [
        ("slat_dec_gs_tiny", "latent_channels", 16, "latent channels 8 for slat_normalization"),
        ("slat_dec_gs_tiny", "resolution", 64, "resolution 32 for slat_flow_model, but 64 for"),
        ("ss_flow_img_dit_tiny", "resolution", 16, "but 64 for sparse_structure_flow_model with"),
        ("ss_dec_conv3d_tiny", "latent_channels", 4, "but 4 for sparse_structure_decoder"),
        ("slat_flow_img_dit_tiny", "cond_channels", 1024, "condition channels 48 for sparse_"),
    ],
)
def test_models_of_different_checkpoints_are_refused_before_a_tensor_is_read(
    stem: str, key: str, value: int, told: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(MODEL, tmp_path / "model")
    path = folder / "ckpts" / f"{stem}.json"
    whole = json.loads(path.read_text())
    whole["args"][key] = value
    path.write_text(json.dumps(whole))
    with pytest.raises(CheckpointError, match="models do not fit each other") as error:
        Checkpoint.open(folder).fetch(["voxels"])
    assert told in str(error.value)


def test_outputs_need_the_common_models_and_their_own_decoder_only() -> None:
    common = ("sparse_structure_flow_model", "sparse_structure_decoder", "slat_flow_model")
    assert roles_for(["voxels"]) == (*common, "slat_decoder_gs")
    assert roles_for(["mesh", "voxels"]) == (*common, "slat_decoder_gs", "slat_decoder_mesh")
    assert roles_for([]) == ()
    with pytest.raises(ValueError, match="unknown output 'stl': use one of voxels, gaussians"):
        roles_for(["stl"])
