"""A doughnut with pink icing and sprinkles, seen from above; a real hole."""

import random

from kit import dark, ellipse, polar, ring, smooth

BACKGROUND = ("flat", "#c4ecdd")

DOUGH, ICING = "#d98f45", "#ff6fa5"
SPRINKLES = ("#ffe14a", "#4cd4e8", "#ffffff", "#7fe05a", "#9a5cf0", "#ff8a2a")


def wavy(r, swing, count, turn):
    """A closed wavy circle (the edge of the icing)."""
    rng = random.Random(count)
    points = []
    for k in range(count * 2):
        far = r + (swing if k % 2 else -swing) * rng.uniform(.4, 1.2)
        points.append(polar(256, 256, far, turn + k * 180 / count + rng.uniform(-4, 4)))
    return smooth(points)


def draw(a):
    dough = ring(256, 256, 226, 60)
    with a.form(dough, a.rad(236, 226, 260, (0, "#b86a2c"), (.2, "#b86a2c"), (.45, "#e8a860"), (.8, DOUGH), (1, "#a85c28")),
                "#5c2414", rule="evenodd", depth=26, shade_a=.6, glow="#ffe0a8", glow_a=.45, rim="#ffc078", rim_a=.5):
        a.path(ellipse(256, 256, 214), stroke="#f6cf92", width=12, opacity=.55, blur=4)
        a.path(ellipse(256, 256, 74), stroke="#f6cf92", width=10, opacity=.45, blur=4)
    icing = wavy(196, 11, 11, 8) + wavy(87, 5, 7, 0)
    a.path(icing, "#6a2418", opacity=.5, blur=5, rule="evenodd")
    with a.form(icing, a.lin(80, 70, 430, 440, "#ffb0cc", ICING, "#f0508e", "#cc2f78"), "#8a1458", rule="evenodd",
                depth=22, shade_a=.5, glow="#fff0f4", glow_a=.8, rim="#ffc0dc", rim_a=.7):
        # The ring is a torus: a soft shade towards the hole and a lit crest.
        a.path(ellipse(256, 256, 92), stroke="#a81c66", width=26, opacity=.45, blur=10)
        a.path(ellipse(250, 248, 143), stroke="#ffd0e2", width=26, opacity=.55, blur=12)
        for start, end, r, width, alpha in ((198, 244, 166, 13, .8), (252, 262, 166, 13, .8), (30, 66, 102, 7, .5)):
            arc = [polar(256, 256, r, start + (end - start) * t / 6) for t in range(7)]
            a.path(smooth(arc, closed=False), stroke="#ffffff", width=width, opacity=alpha, blur=1)
        rng = random.Random(12)
        placed = []
        while len(placed) < 40:
            r, angle = rng.uniform(110, 174), rng.uniform(0, 360)
            x, y = polar(256, 256, r, angle)
            if all((x - px) ** 2 + (y - py) ** 2 > 32 ** 2 for px, py in placed):
                placed.append((x, y))
        for k, (x, y) in enumerate(placed):
            colour, turn = SPRINKLES[k % len(SPRINKLES)], rng.uniform(0, 180)
            bar = lambda dx, dy, w, h=11: f"M{x - w + dx:.1f} {y + dy:.1f}h{2 * w}"
            a.path(bar(2, 5, 9), stroke="#8a1458", width=11, opacity=.45, turn=(turn, x, y))
            a.path(bar(0, 0, 9), stroke=dark(colour, .3), width=12, turn=(turn, x, y))
            a.path(bar(-.5, -1, 9), stroke=colour, width=9, turn=(turn, x, y))
            a.path(bar(-1, -2.5, 6), stroke="#ffffff", width=3, opacity=.7, turn=(turn, x, y))
