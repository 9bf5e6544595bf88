#!/usr/bin/env python3
"""Draws the models of this folder, shiny and glassy things, as `.voxels` files.

    pip install numpy
    PYTHONPATH=../../python python draw.py            # all, or name some: draw.py gold_cup

Everything is built from distances to axes and planes; colours carry a little fixed noise, as those
of a generated thing do. Units are voxels, +y up, the front at +z. Nothing here is random from run
to run: the same script gives the same files.
"""

import sys
from pathlib import Path

import numpy as np
from crossworld_trellis import wire

HERE = Path(__file__).resolve().parent


class Canvas:
    """A grid of voxels; what is painted later covers what was there."""

    def __init__(self, size):
        self.size = size
        self.rgba = np.zeros((size, size, size, 4), np.uint8)
        self.finish = np.zeros((size, size, size, 2), np.uint8)
        self.solid = np.zeros((size, size, size), bool)
        # Middles of cells around the vertical axis of the grid, height from its bottom.
        x, y, z = np.indices((size, size, size)) + 0.5
        self.x, self.y, self.z = x - size / 2, y, z - size / 2
        self.axis = np.hypot(self.x, self.z)
        self.noise = np.random.default_rng(7).normal(size=(size, size, size, 1))

    def paint(self, where, color, alpha=255, metallic=0, roughness=204, grain=4.0):
        """Fills cells; `color` is one colour or one for every cell of the grid."""
        color = np.broadcast_to(np.asarray(color, float), (*self.solid.shape, 3))
        noisy = np.clip(color + grain * self.noise, 0, 255).astype(np.uint8)
        self.rgba[where, :3] = noisy[where]
        self.rgba[where, 3] = alpha
        self.finish[where] = metallic, roughness
        self.solid |= where

    def lathe(self, profile):
        """Cells within the radii of a turned thing: (height, radius) from the bottom up."""
        heights, radii = zip(*profile, strict=True)
        inside = (self.y >= heights[0]) & (self.y <= heights[-1])
        return inside & (self.axis <= np.interp(self.y, heights, radii))

    def save(self, name):
        coords = np.argwhere(self.solid).astype(np.uint16)
        place = tuple(coords.T)
        columns = {
            "coords": coords,
            "rgba": self.rgba[place],
            "metallic_roughness": self.finish[place],
        }
        (HERE / f"{name}.voxels").write_bytes(wire.encode(self.size, columns))
        print(f"{name}: {len(coords)} voxels")


def gold_cup():
    """A trophy of polished gold with handles, red jewels and a foot of dark marble."""
    c = Canvas(40)
    gold = {"color": (250, 190, 70), "metallic": 255, "roughness": 72}
    c.paint(c.lathe([(0, 10), (3, 10), (3.01, 8), (6, 8)]), (54, 48, 58), roughness=70)
    stem = [(6, 6), (8, 3), (15, 2.5), (16, 4), (17, 2.5), (18, 5)]
    outer = [(18, 5), (21, 9), (28, 11.5), (36, 12.5), (38, 13.5)]
    c.paint(c.lathe(stem) | c.lathe(outer), **gold)
    ring = np.hypot(np.abs(c.x) - 12.5, c.y - 28.5)
    c.paint((np.abs(ring - 5) < 1.1) & (np.abs(c.z) < 1.6) & (np.abs(c.x) > 11), **gold)
    c.solid &= ~c.lathe([(21.5, 5), (28, 9.5), (39, 11.5)])
    for turn in range(8):
        angle = turn * np.pi / 4
        gem = (c.x - 11.6 * np.sin(angle)) ** 2 + (c.y - 31) ** 2
        c.paint(gem + (c.z - 11.6 * np.cos(angle)) ** 2 < 5, (214, 24, 52), 170, 0, 12)
    c.save("gold_cup")


def chrome_ball():
    """A hollow mirror ball on a block of dark wood."""
    c = Canvas(32)
    block = (np.abs(c.x) < 7) & (np.abs(c.z) < 7) & (c.y < 5)
    rings = 8 * np.sin(c.y * 2.1 + c.x * 0.3)[..., None]
    c.paint(block, np.array((92, 58, 36)) + rings, roughness=150)
    radius = np.hypot(c.axis, c.y - 17.5)
    c.paint((radius < 14) & (radius > 12), (222, 226, 232), metallic=255, roughness=16, grain=0)
    c.save("chrome_ball")


def glass_bottle():
    """A green bottle, two thirds full of amber, with a cork and a label of paper."""
    c = Canvas(48)
    profile = [(0, 9), (1, 10), (26, 10), (33, 4), (43, 3.6), (44, 4.6), (46, 4.6)]
    inner = [(2, 8.4), (26, 8.4), (32, 2.6), (46, 2.4)]
    tint = np.array((40, 170, 96)) - 24 * (c.y / 48)[..., None]
    c.paint(c.lathe(profile), tint, 84, 0, 14, grain=3)
    c.solid &= ~c.lathe(inner)
    c.paint(c.lathe(inner) & (c.y < 22), (206, 92, 10), 215, 0, 20, grain=3)
    c.paint((c.axis < 2.6) & (c.y > 42), (176, 128, 84), roughness=230, grain=9)
    shell = (c.axis > 9) & (c.axis <= 11) & (c.y > 9) & (c.y < 19) & (c.z > 3)
    stripe = (np.abs(c.y - 14) < 1)[..., None]
    c.paint(shell, np.where(stripe, (150, 40, 44), (240, 228, 200)), roughness=225)
    c.save("glass_bottle")


def ice_crystal():
    """Six-sided crystals of ice on a rock; every voxel has a tint and an alpha of its own."""
    c = Canvas(40)
    rock = (c.axis / 13) ** 2 + (c.y / 5) ** 2 + 0.12 * c.noise[..., 0] < 1
    c.paint(rock, (108, 110, 122), roughness=220, grain=12)
    crystals = [(0, 0, 37, 5.5), (1, 0.42, 27, 4), (2.9, 0.5, 24, 4), (4.6, 0.38, 20, 3.5)]
    for turn, lean, tall, wide in crystals:
        up = np.array((np.sin(turn) * lean, 1, np.cos(turn) * lean))
        up /= np.linalg.norm(up)
        along = c.x * up[0] + c.y * up[1] + c.z * up[2]
        side = np.stack([c.x, c.y, c.z], -1) - along[..., None] * up
        flat = np.array((up[1], -up[0], 0)) / np.hypot(up[0], up[1])
        u, v = side @ flat, side @ np.cross(up, flat)
        hexagon = np.maximum(np.abs(u), np.abs(u) / 2 + np.abs(v) * 0.866)
        inside = (along > 0) & (hexagon < np.minimum(wide, (tall - along) * 0.7))
        depth = np.clip(along / tall, 0, 1)[..., None]
        tint = np.array((96, 150, 236)) * (1 - depth) + np.array((214, 244, 255)) * depth
        alpha = np.clip(128 - 44 * depth[..., 0] + 8 * c.noise[..., 0], 0, 255)
        c.paint(inside & ~rock, tint, alpha[inside & ~rock], 0, 22, grain=6)
    c.save("ice_crystal")


def stained_window():
    """A pointed window: stone around it, lead between panes of coloured glass."""
    c = Canvas(48)
    arch = np.where(c.y < 28, np.abs(c.x) - 15, np.hypot(np.abs(c.x) + 9, (c.y - 28) * 0.9) - 24)
    deep = np.abs(c.z)
    block = 7 * np.floor((c.y + 3 * np.sign(c.x)) / 6 % 2)[..., None]
    frame = (arch < 4) & (deep < 3) & (c.y < 47)
    c.paint(frame, np.array((168, 164, 154)) - block, roughness=230, grain=7)
    opening = (arch < 0) & (c.y > 4)
    c.solid &= ~opening
    panes = np.array([(216, 40, 44), (246, 196, 50), (46, 150, 84), (44, 92, 214)])
    pick = (np.floor((c.x + 30) / 7.5) + np.floor((c.y - 4) / 8)).astype(int) % 4
    c.paint(opening & (deep < 1), panes[pick], 150, 0, 30, grain=5)
    bars = ((c.x + 30) % 7.5 < 1.2) | ((c.y - 4) % 8 < 1.2)
    c.paint(opening & (deep < 2) & bars, (70, 72, 78), metallic=220, roughness=110)
    c.save("stained_window")


MODELS = [gold_cup, chrome_ball, glass_bottle, ice_crystal, stained_window]

if __name__ == "__main__":
    for draw in MODELS:
        if not sys.argv[1:] or draw.__name__ in sys.argv[1:]:
            draw()
