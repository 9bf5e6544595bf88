"""From a coarse shape to the latent voxels of a finer one, against the original."""

import torch
from golden_trellis2 import assert_golden, load, params

from crossworld_trellis.cascade import PIPELINE_TYPES, fit, quantise

NAME = "quantise"


def test_latent_voxels_of_every_target_are_those_of_the_original() -> None:
    coords = load(NAME)["coords"]
    for target, tokens in params(NAME)["tokens"].items():
        cells = quantise(coords, int(target))
        assert_golden(cells, NAME, f"grid_{target}")
        assert len(cells) == tokens and cells.dtype == torch.int32


def test_a_limit_of_tokens_lowers_the_resolution_as_far_as_in_the_original() -> None:
    coords = load(NAME)["coords"]
    for example in params(NAME)["limit_examples"]:
        resolution, cells = fit(coords, example["target"], max_tokens=example["max_num_tokens"])
        assert resolution == example["resolution"], example
        assert torch.equal(cells, quantise(coords, resolution))


def test_a_type_shows_each_picture_once() -> None:
    sides = {name: kind.picture_sides for name, kind in PIPELINE_TYPES.items()}
    assert sides == {
        "512": (512,),
        "1024": (512, 1024),
        "1024_cascade": (512, 1024),
        "1536_cascade": (512, 1024),
    }
