#!/usr/bin/env python3
"""Rasterises the pictures in source/ to PNG files next to this script.

    pip install resvg-py pillow numpy
    python render.py                 # all pictures
    python render.py cat robot       # only these
    python render.py --svg DIR cat   # also keep the SVG in DIR
    python render.py --check DIR     # write preview sheets to DIR
    python render.py --draft ...     # four times faster, rougher edges

Each picture is drawn at twice its size and halved with premultiplied alpha,
so outlines are clean and carry no halo.
"""

import argparse
import importlib
import io
import sys
from pathlib import Path

import numpy as np
import resvg_py
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE / "source"))
from kit import SIZE, Art  # noqa: E402


def background_rgb(spec):
    """A background as an RGB float array: ('flat', colour), ('gradient', top,
    bottom) or ('noise', colour), the last with a vignette and faint grain."""
    rgb = lambda c: np.array([int(c[i:i + 2], 16) for i in (1, 3, 5)], float)
    if spec[0] == "flat":
        return np.broadcast_to(rgb(spec[1]), (SIZE, SIZE, 3))
    ys, xs = np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1)
    if spec[0] == "gradient":
        return rgb(spec[1]) + (rgb(spec[2]) - rgb(spec[1])) * ys[..., None]
    vignette = 1.12 - 0.75 * ((xs - .5) ** 2 + (ys - .5) ** 2)
    grain = np.random.default_rng(7).normal(0, 1.1, (SIZE // 4, SIZE // 4)).repeat(4, 0).repeat(4, 1)
    return rgb(spec[1]) * vignette[..., None] + grain[..., None]


def rasterise(svg, background, zoom=2):
    big = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=zoom * SIZE, height=zoom * SIZE,
                                      skip_system_fonts=True))
    px = np.asarray(Image.open(io.BytesIO(big)).convert("RGBA"), float)
    alpha = px[..., 3:] / 255
    px = np.concatenate([px[..., :3] * alpha, alpha], axis=2)
    px = px.reshape(SIZE, zoom, SIZE, zoom, 4).mean(axis=(1, 3))
    colour, alpha = px[..., :3], px[..., 3:]
    if background:
        out = colour + background_rgb(background) * (1 - alpha)
    else:
        alpha = np.where(alpha < 1.5 / 255, 0, alpha)
        colour = np.where(alpha > 0, colour / np.maximum(alpha, 1e-6), 0)
        out = np.concatenate([colour, alpha * 255], axis=2)
    return Image.fromarray(np.clip(out + 0.5, 0, 255).astype(np.uint8))


def sheet(image):
    """On grey, on the other extreme, and as 64 x 64 voxels would show it."""
    tiles = []
    rgba = image.convert("RGBA")
    for colour in ((128, 128, 128), (40, 44, 60), (240, 240, 240)):
        tile = Image.new("RGBA", rgba.size, colour + (255,))
        tile.alpha_composite(rgba)
        tiles.append(tile.convert("RGB"))
    small = tiles[0].resize((64, 64), Image.BOX).resize((SIZE, SIZE), Image.NEAREST)
    out = Image.new("RGB", (2 * SIZE, 2 * SIZE))
    for k, tile in enumerate([tiles[0], small, tiles[1], tiles[2]]):
        out.paste(tile, (SIZE * (k % 2), SIZE * (k // 2)))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--check", type=Path)
    parser.add_argument("--draft", action="store_true")
    options = parser.parse_args()
    every = sorted(p.stem for p in (HERE / "source").glob("*.py") if p.stem != "kit")
    for name in options.names or every:
        picture = importlib.import_module(name)
        art = Art()
        picture.draw(art)
        image = rasterise(art.svg(), picture.BACKGROUND, 1 if options.draft else 2)
        target = HERE / f"{name}.png"
        image.save(target, optimize=True)
        for folder, save in ((options.svg, lambda d: (d / f"{name}.svg").write_text(art.svg())),
                             (options.check, lambda d: sheet(image).save(d / f"{name}.png"))):
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
                save(folder)
        box = "" if picture.BACKGROUND else f", box {image.getbbox()}"
        print(f"{name}: {image.mode}, {target.stat().st_size // 1024} KB{box}")


if __name__ == "__main__":
    main()
