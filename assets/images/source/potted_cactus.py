"""A cheerful flowering cactus in a terracotta pot with a face."""

from kit import both, dark, ellipse, light, polar, rrect, smooth

BACKGROUND = None

GREEN, CLAY, PINK = "#3fae5a", "#d8703c", "#ff5f9e"
GREEN_DARK, CLAY_DARK = "#0f4648", "#6a2422"


def spines(a, points):
    for x, y in points:
        a.path(f"M{x} {y}l-8 -7M{x} {y}l8 -7M{x} {y}v9", stroke=GREEN_DARK, width=3, opacity=.5)
        a.path(f"M{x} {y - 1}l-7 -6M{x} {y - 1}l7 -6M{x} {y - 1}v8", stroke="#fff6cf", width=3.2)


def arm(a, s, points, tips):
    d = smooth([(256 + s * x, y) for x, y in points], closed=False)
    with a.group(filter=a.sculpt(GREEN_DARK, depth=14, glow="#d8ff9a", rim="#8af0c0", rim_a=.5)):
        a.path(d, stroke=a.lin(90, 150, 420, 330, "#7ed46a", GREEN, "#23865a"), width=58)
        a.path(d, stroke=dark(GREEN, .35), width=5, opacity=.55)
        for off in (-15, 15):
            a.path(smooth([(256 + s * x + off, y) for x, y in points[2:]], closed=False), stroke=light(GREEN, .5),
                   width=4, opacity=.45)
    spines(a, tips)


def flower(a, cx, cy, r, petals=7):
    for k in range(petals):
        angle = -90 + k * 360 / petals
        x, y = polar(cx, cy, r * .56, angle)
        d = smooth([polar(cx, cy, r * .1, angle), polar(cx, cy, r * .66, angle - 26), polar(cx, cy, r, angle - 8),
                    polar(cx, cy, r, angle + 8), polar(cx, cy, r * .66, angle + 26)])
        a.solid(d, a.rad(cx, cy, r, "#ffd34a", (.35, "#ff9ac0"), PINK, "#d92f80"), "#8a1458", depth=4, glow="#ffe6f0")
    a.solid(ellipse(cx, cy, r * .3), a.rad(cx - 3, cy - 3, r * .4, "#fff8b0", "#ffcf3a", "#d98a1e"), "#8a4a10", depth=4)


def stem(a):
    d = smooth(both([(256, 88), (304, 98), (334, 142), (340, 220), (338, 300), (326, 364), (256, 370)]))
    with a.form(d, a.lin(170, 0, 342, 0, "#86dc6c", GREEN, "#27905c", "#1a6a54"), GREEN_DARK, depth=24,
                glow="#e0ff9e", glow_a=.55, rim="#8af0c0", rim_a=.55):
        for off in (-66, -36, 0, 36, 66):
            rib = smooth([(256 + off * .35, 92), (256 + off * .86, 150), (256 + off, 230), (256 + off, 370)], closed=False)
            a.path(rib, stroke=dark(GREEN, .5), width=7, opacity=.6)
            a.path(rib, stroke=light(GREEN, .6), width=3.5, opacity=.55, turn=(1.6, 256 + off, 370))
        a.path(ellipse(256, 366, 110, 26), "#0c2c38", opacity=.6, blur=9)
    a.gloss(204, 158, 9, 36, 14, .5, blur=4)
    spines(a, ((238, 146), (274, 176), (205, 206), (238, 226), (307, 216), (274, 262), (205, 280), (307, 296), (238, 312)))


def pot(a):
    body = smooth(both([(256, 372), (352, 374), (346, 430), (330, 474), (308, 482), (256, 483)]), tension=.5)
    with a.form(body, a.lin(160, 0, 352, 0, "#f7a066", (.4, CLAY), "#a8452e", "#84322c"), CLAY_DARK, depth=20,
                glow="#ffd2a0", rim="#ffb07a", rim_a=.45):
        a.path("M140 376H372V392Q256 402 140 392Z", CLAY_DARK, opacity=.55, blur=5)
    rim = rrect(142, 346, 228, 44, 15)
    with a.form(rim, a.lin(142, 0, 370, 0, "#ffb47c", (.4, "#e47c46"), "#b04c32", "#8c362e"), CLAY_DARK, depth=12,
                glow="#ffe0b8", rim="#ffb07a", rim_a=.5):
        for k in range(9):
            x = 130 + k * 32
            a.path(f"M{x} 376l16 -17l16 17", stroke=CLAY_DARK, width=10, opacity=.45)
            a.path(f"M{x} 375l16 -17l16 17", stroke="#fff0d0", width=6.5)
    for s in (-1, 1):
        x = 256 + s * 38
        a.path(ellipse(x, 424, 11, 13), "#3a1424")
        a.path(ellipse(x - 4, 419, 4.2, 4.8), "#ffffff")
        a.path(ellipse(256 + s * 62, 442, 15, 8), "#ff6a72", opacity=.8, blur=1.5)
    a.path("M240 436Q256 456 272 436Z", "#7a1c30", stroke="#3a1424", width=5)
    a.gloss(180, 414, 7, 20, 6, .4, blur=2.5)


def draw(a):
    arm(a, -1, ((60, 312), (112, 302), (134, 268), (136, 202)), ((120, 262), (118, 216)))
    arm(a, 1, ((60, 262), (112, 254), (138, 224), (140, 156)), ((394, 214), (396, 168)))
    stem(a)
    pot(a)
    flower(a, 256, 76, 46)
    flower(a, 397, 124, 29, 6)
    flower(a, 119, 168, 25, 6)
