"""An old oak with red apples: leafy clumps from sunlit to shaded."""

import math
import random

from kit import dark, ellipse, light, mix, polar, smooth

BACKGROUND = None

BARK, LEAF, APPLE = "#9a6238", "#58b134", "#e8322c"


def clump(a, cx, cy, r, tone, rng, below):
    """One leafy ball, shading the ones below; tone runs from 0 (shade) to 1 (sun)."""
    base = mix(mix("#1d6a4a", LEAF, min(1, tone * 1.7)), "#b5dc3c", max(0, tone - .55) * 1.5)
    lobes, points = 9, []
    start = rng.uniform(0, 40)
    for i in range(lobes * 3):
        k = (1.07, 1.07, .94)[i % 3]
        points.append(polar(cx, cy, r * k * rng.uniform(.98, 1.02), start + i * 360 / (lobes * 3), .94))
    outline = smooth(points)
    if below:
        with a.group(clip=a.clip("".join(below))):
            a.path(ellipse(cx + r * .1, cy + r * .16, r * 1.05), "#0c3a34", opacity=.6, blur=7)
    below.append(outline)
    with a.form(outline, a.lin(cx - r * .7, cy - r, cx + r * .7, cy + r, light(base, .22),
                base, dark(base, .32)), dark(base, .62), depth=r * .26, shade_a=.6,
                glow="#f4ffb0", glow_a=.5, rim="#c8ffb0", rim_a=.2):
        for _ in range(int(r * .36)):
            angle, far = rng.uniform(0, 360), r * math.sqrt(rng.uniform(.02, .8))
            x, y = polar(cx, cy, far, angle)
            sunny = (cx - x) + (cy - y) > -r * .25
            leaf(a, x, y, rng.uniform(7, 10), rng.uniform(20, 70),
                 light(base, .4) if sunny else dark(base, .35), .55)


def leaf(a, x, y, size, turn, fill, opacity):
    a.path(f"M{x - size:.1f} {y:.1f}Q{x:.1f} {y - size:.1f} {x + size:.1f} {y:.1f}"
           f"Q{x:.1f} {y + size:.1f} {x - size:.1f} {y:.1f}Z", fill, opacity=opacity, turn=(turn, x, y))


def trunk(a):
    body = smooth([(218, 250), (224, 330), (212, 396), (180, 440), (128, 462), (126, 478), (172, 482),
                   (212, 470), (236, 482), (274, 482), (296, 469), (338, 482), (384, 478), (382, 462),
                   (330, 438), (302, 396), (298, 350), (312, 316), (356, 276), (336, 250),
                   (290, 290), (276, 250)], tension=.85)
    with a.form(body, a.lin(196, 0, 330, 0, light(BARK, .3), BARK, dark(BARK, .4)), dark(BARK, .7),
                depth=17, glow="#ffc98a", glow_a=.55, rim="#ffcf9a", rim_a=.35):
        a.path(smooth([(150, 300), (256, 352), (370, 292), (370, 240), (150, 240)]), "#2c1a3a",
               opacity=.55, blur=10)
        for points in ([(240, 330), (234, 400), (206, 456)], [(262, 320), (258, 400), (254, 462)],
                       [(282, 372), (288, 420), (320, 464)], [(220, 410), (200, 448), (170, 466)]):
            a.path(smooth(points, closed=False), stroke=dark(BARK, .6), width=6, opacity=.7)
            a.path(smooth([(x - 5, y) for x, y in points], closed=False), stroke=light(BARK, .45),
                   width=3, opacity=.5)
        a.path(ellipse(256, 410, 15, 20), dark(BARK, .75))
        a.path(ellipse(258, 413, 11, 16), "#2a1326")
    a.path("M241 410a15 20 0 0 1 30 0", stroke=light(BARK, .3), width=4, opacity=.8)


def apple(a, cx, cy, r):
    a.path(ellipse(cx + 3, cy + 6, r, r), "#0f3a2c", opacity=.5, blur=4)
    body = smooth([(cx, cy - r * .78), (cx + r * .62, cy - r), (cx + r * 1.05, cy - r * .1),
                   (cx + r * .6, cy + r * .92), (cx, cy + r * .84), (cx - r * .6, cy + r * .92),
                   (cx - r * 1.05, cy - r * .1), (cx - r * .62, cy - r)])
    a.solid(body, a.rad(cx - r * .3, cy - r * .4, r * 1.7, "#ff8a5c", APPLE, "#9c1238"), "#5e0a30",
            depth=r * .4)
    a.path(f"M{cx} {cy - r * .7}q1 {-r * .4} {r * .3} {-r * .6}", stroke="#5a3420", width=4)
    a.gloss(cx - r * .4, cy - r * .45, r * .28, r * .18, -35, .9)


def draw(a):
    rng, below = random.Random(5), []
    for x, y, r, tone in ((330, 288, 62, .1), (186, 292, 62, .15), (258, 262, 70, .05)):
        clump(a, x, y, r, tone, rng, below)
    trunk(a)
    for x, y, r, tone in ((404, 252, 64, .18), (108, 256, 66, .34), (318, 262, 56, .22),
                          (206, 268, 54, .32), (414, 178, 58, .3), (96, 184, 60, .62),
                          (358, 112, 66, .5), (158, 122, 70, .86), (258, 96, 66, .82),
                          (336, 190, 74, .45), (176, 206, 72, .72), (252, 176, 74, .68)):
        clump(a, x, y, r, tone, rng, below)
    for x, y, r in ((122, 262, 20), (216, 132, 19), (330, 232, 21), (398, 176, 19), (214, 246, 20),
                    (126, 166, 17), (318, 110, 18)):
        apple(a, x, y, r)
