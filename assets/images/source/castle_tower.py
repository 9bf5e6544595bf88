"""A stone castle tower with blue roofs, a banner, ivy and lit windows."""

import random

from kit import dark, ellipse, light, mix, poly, rrect, smooth

BACKGROUND = ("gradient", "#b9def5", "#fdf1dc")

STONE, ROOF, WOOD, IVY, RED = "#8a8193", "#4460d2", "#8a5430", "#4c9c3c", "#e2323e"
STONE_DARK, ROOF_DARK = "#352a4e", "#1a1a5c"


def blocks(a, x1, y1, x2, y2, seed, size=26):
    """Masonry: a few stones picked out lighter, darker or warmer."""
    rng = random.Random(seed)
    y, row = y1, 0
    while y < y2:
        x = x1 - (row % 2) * 20
        while x < x2:
            w = rng.uniform(32, 48)
            tone = rng.choice([light(STONE, .3), light(STONE, .16), dark(STONE, .2), "#a8917f", None, None])
            if tone:
                a.path(rrect(x + 2, y + 2, w - 4, size - 4, 6), tone, opacity=.6)
            a.path(f"M{x:.0f} {y}v{size}", stroke=STONE_DARK, width=3, opacity=.4)
            x += w
        a.path(f"M{x1} {y}H{x2}", stroke=STONE_DARK, width=3, opacity=.4)
        y, row = y + size, row + 1


def stone(a, x1, x2):
    return a.lin(x1, 0, x2, 0, "#a39aa4", (.35, STONE), dark(STONE, .45))


def wall(a, d, x1, y1, x2, y2, seed, depth=18):
    with a.form(d, stone(a, x1, x2), STONE_DARK, depth=depth, glow="#f4d8b8", glow_a=.25, rim="#b8c4ff", rim_a=.4):
        blocks(a, x1, y1, x2, y2, seed)


def crown(a, x1, x2, y, h, teeth, seed):
    """Flared battlement with merlons."""
    w = (x2 - x1) / (2 * teeth - 1)
    points = []
    for k in range(teeth):
        x = x1 + 2 * k * w
        points += [(x, y + h * .42), (x, y), (x + w, y), (x + w, y + h * .42)]
    points += [(x2, y + h * .78), (x2 - w * .7, y + h), (x1 + w * .7, y + h), (x1, y + h * .78)]
    with a.form(poly(points, 4), stone(a, x1, x2), STONE_DARK, depth=9, glow="#f4d8b8", glow_a=.35):
        a.path(f"M{x1} {y + h * .76}H{x2}", stroke=STONE_DARK, width=4, opacity=.6)
        blocks(a, x1, y + h * .42, x2, y + h * .75, seed, 24)


def cone(a, cx, top, bottom, r):
    d = smooth([(cx, top), (cx + r * .42, top + (bottom - top) * .5), (cx + r, bottom - 8), (cx + r * .92, bottom + 4),
                (cx, bottom + 15), (cx - r * .92, bottom + 4), (cx - r, bottom - 8),
                (cx - r * .42, top + (bottom - top) * .5)], tension=.55)
    with a.form(d, a.lin(cx - r, 0, cx + r, 0, "#86a4ff", (.38, ROOF), "#2a2f96", "#221f6c"), ROOF_DARK,
                depth=r * .17, glow="#c8dcff", glow_a=.55, rim="#8ea8ff", rim_a=.6):
        y, row, step = top + 26, 0, 25
        while y < bottom + 16:
            half = r * min(1.1, (y - top) / (bottom - top) * 1.1)
            count = max(2, round(half / 11))
            for k in range(count + row % 2):
                w = 2 * half / count
                x = cx - half + (k - .5 * (row % 2)) * w
                a.path(f"M{x:.1f} {y - 12:.1f}Q{x + w / 2:.1f} {y + 14:.1f} {x + w:.1f} {y - 12:.1f}",
                       stroke=ROOF_DARK, width=3.2, opacity=.5)
                a.path(f"M{x:.1f} {y - 8:.1f}Q{x + w / 2:.1f} {y + 18:.1f} {x + w:.1f} {y - 8:.1f}",
                       stroke="#a8c0ff", width=2.2, opacity=.35)
            y, row = y + step, row + 1


def window(a, cx, cy, w, h):
    arch = lambda g: (f"M{cx - w / 2 - g} {cy + h / 2 + g}V{cy - h / 2 + w / 2}a{w / 2 + g} {w / 2 + g} 0 0 1 {w + 2 * g} 0"
                      f"V{cy + h / 2 + g}Z")
    a.solid(arch(8), light(STONE, .28), STONE_DARK, depth=5)
    a.path(arch(1.5), STONE_DARK)
    a.path(arch(0), a.lin(0, cy - h / 2, 0, cy + h / 2, "#fff3a6", "#ffc03a", "#f0801e"))
    a.path(f"M{cx} {cy - h / 2}V{cy + h / 2}M{cx - w / 2} {cy + 2}H{cx + w / 2}", stroke="#6a3a28", width=5, cap="butt")


def banner(a):
    a.path("M226 128V38", stroke="#4a2c30", width=12)
    a.path("M224 126V40", stroke="#b07a4c", width=5)
    flag = smooth([(230, 44), (262, 38), (296, 52), (330, 44), (312, 64), (328, 86), (294, 92), (262, 80), (230, 88)],
                  tension=.6)
    with a.form(flag, a.lin(230, 0, 330, 0, "#ff6a5c", RED, "#b0183c", "#e2323e"), "#6a0c34", depth=7, glow="#ffc0a0"):
        a.path("M222 66Q262 54 296 70T340 64", stroke="#ffd23e", width=9)
    a.solid(ellipse(226, 37, 10), "#ffc93a", "#7a4212", depth=4)


def door(a):
    frame = "M182 466V408A44 44 0 0 1 270 408V466Z"
    a.solid(frame, light(STONE, .32), STONE_DARK, depth=7)
    leaf = "M193 466V408A33 33 0 0 1 259 408V466Z"
    a.path(leaf, "#2a1420", stroke="#2a1420", width=3)
    with a.form(leaf, a.lin(193, 0, 259, 0, light(WOOD, .2), WOOD, dark(WOOD, .3)), dark(WOOD, .75), depth=7,
                glow="#ffc98a"):
        for x in (209, 226, 243):
            a.path(f"M{x} 360V470", stroke=dark(WOOD, .65), width=4)
        for y in (412, 446):
            a.path(f"M190 {y}H262", stroke="#433848", width=9)
    a.solid(ellipse(247, 429, 6), "#ffc93a", "#6a3312", depth=3)


def ivy(a):
    rng = random.Random(4)
    vine = [(158, 462), (152, 426), (164, 390), (154, 350), (168, 312), (160, 280), (176, 256)]
    a.path(smooth(vine, closed=False), stroke=dark(IVY, .6), width=6)
    spots = [(x + rng.uniform(-9, 20), y + rng.uniform(-12, 12)) for x, y in vine for _ in range(4)]
    spots += [(150 + k * 8, 466 - rng.uniform(0, 30)) for k in range(6)]
    for x, y in sorted(spots, key=lambda p: -p[1]):
        r = rng.uniform(9, 14)
        tone = mix(IVY, rng.choice(["#86c83c", "#2c7440", IVY]), .7)
        a.solid(smooth([(x, y - r), (x + r, y - r * .4), (x + r * .6, y + r * .7), (x, y + r * 1.1),
                        (x - r * .6, y + r * .7), (x - r, y - r * .4)]), tone, dark(tone, .65), depth=4)


def draw(a):
    banner(a)
    # Side turret on a corbel, behind the main body.
    wall(a, poly([(284, 262), (408, 262), (408, 344), (388, 372), (306, 416), (284, 416)], 6), 300, 258, 408, 420, 3, depth=13)
    cone(a, 366, 138, 256, 49)
    crown(a, 310, 420, 234, 44, 4, 9)
    window(a, 364, 318, 24, 44)
    body = smooth([(150, 214), (302, 214), (308, 330), (318, 420), (340, 478), (226, 482), (112, 478), (134, 420),
                   (144, 330)], tension=.5)
    wall(a, body, 112, 222, 340, 484, 1)
    a.path("M150 264Q226 286 304 264", stroke=STONE_DARK, width=16, opacity=.5, blur=6)
    cone(a, 226, 84, 228, 100)
    crown(a, 116, 336, 202, 64, 5, 5)
    window(a, 226, 322, 34, 62)
    door(a)
    ivy(a)
    for x, y, r in ((118, 468, 21), (330, 466, 23), (296, 474, 14)):
        a.solid(ellipse(x, y, r * 1.2, r * .75), stone(a, x - r, x + r), STONE_DARK, depth=7)
    a.solid(rrect(172, 462, 108, 21, 9), stone(a, 160, 300), STONE_DARK, depth=6, glow_a=.5)
