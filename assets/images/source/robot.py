"""A friendly retro robot with a screen face, hose arms and chunky boots."""

from kit import dark, ellipse, light, poly, rrect, smooth

BACKGROUND = None

TEAL, WHITE, STEEL, ORANGE, GLOW = "#22a7b5", "#eef1f2", "#7c8798", "#ff8a1f", "#58f2ff"


def metal(a, x1, x2, colour):
    return a.lin(x1, 0, x2, 0, light(colour, .3), (.35, colour), dark(colour, .38))


def hose(a, points, width=24):
    d = smooth(points, closed=False)
    a.path(d, stroke=dark(STEEL, .65), width=width, cap="butt")
    a.path(d, stroke=dark(STEEL, .2), width=width - 5, cap="butt")
    a.path(d, stroke=light(STEEL, .45), width=width * .3, cap="butt", opacity=.8)
    a.path(d, stroke=dark(STEEL, .7), width=width, cap="butt", opacity=.75, dash="3.5 9")


def claw(a, cx, cy, side):
    """A hand with two fingers; side is -1 (left) or 1."""
    for s in (-1, 1):
        d = smooth([(cx + s * 10, cy), (cx + s * 30, cy + 12), (cx + s * 32, cy + 38), (cx + s * 14, cy + 56),
                    (cx + s * 8, cy + 48), (cx + s * 17, cy + 34), (cx + s * 13, cy + 20)], tension=.9)
        a.solid(d, metal(a, cx - 32, cx + 32, ORANGE), dark(ORANGE, .65), depth=6, glow="#ffe0a0", shade_a=.4)
    a.solid(rrect(cx - 24, cy - 16, 48, 34, 13), metal(a, cx - 24, cx + 24, WHITE), "#54607c", depth=9)
    a.solid(ellipse(cx, cy + 1, 8), metal(a, cx - 8, cx + 8, TEAL), dark(TEAL, .7), depth=4)


def leg(a, cx):
    a.path(f"M{cx} 376V424", stroke=dark(STEEL, .65), width=40, cap="butt")
    a.solid(rrect(cx - 19, 372, 38, 56, 5), metal(a, cx - 19, cx + 19, STEEL), dark(STEEL, .7), depth=6)
    for y in (388, 402, 416):
        a.path(f"M{cx - 19} {y}h38", stroke=dark(STEEL, .7), width=4, opacity=.8)
    boot = poly([(cx - 36, 418), (cx + 36, 418), (cx + 50, 480), (cx - 50, 480)], 20)
    with a.form(boot, metal(a, cx - 50, cx + 50, TEAL), dark(TEAL, .7), depth=12):
        a.path(f"M{cx - 60} 470H{cx + 60}", stroke="#3d4660", width=24, cap="butt")
        a.path(f"M{cx - 60} 457H{cx + 60}", stroke=light(TEAL, .5), width=3, opacity=.7)
    a.gloss(cx - 21, 434, 12, 5, -14, .7)


def torso(a):
    a.solid(rrect(226, 236, 60, 40, 4), metal(a, 226, 286, STEEL), dark(STEEL, .7), depth=7)
    a.path("M226 254H286", stroke=dark(STEEL, .7), width=5)
    body = smooth([(256, 262), (330, 266), (356, 292), (350, 352), (326, 388), (256, 394),
                   (186, 388), (162, 352), (156, 292), (182, 266)])
    with a.form(body, metal(a, 156, 356, TEAL), dark(TEAL, .72), depth=18, shade_a=.42, glow="#c8fff4"):
        a.path("M140 358Q256 384 372 358V400H140Z", metal(a, 156, 356, WHITE))
        a.path("M140 358Q256 384 372 358", stroke=dark(TEAL, .6), width=4)
    panel = rrect(206, 284, 100, 74, 16)
    a.path(panel, dark(TEAL, .7), stroke=dark(TEAL, .55), width=7)
    a.solid(panel, a.lin(206, 284, 306, 358, "#fffdf4", "#e8e4dc", "#b7b4bd"), "#5a5670", depth=7)
    heart = "M237 346C200 322 210 296 226 298C233 299 236 304 237 308C238 304 241 299 248 298C264 296 274 322 237 346Z"
    a.solid(heart, a.rad(230, 312, 40, "#ff9a86", "#f23d4c", "#a8164a"), "#6e0d3c", depth=7)
    a.gloss(225, 309, 6, 4, -35, .9)
    for y, colour in ((303, "#ffd23e"), (323, "#58d858"), (343, ORANGE)):
        a.path(ellipse(285, y, 8.5), dark(colour, .6))
        a.path(ellipse(285, y, 7), a.rad(283, y - 2, 8, light(colour, .7), colour))
    for x in (174, 338):
        a.solid(ellipse(x, 298, 7), metal(a, x - 7, x + 7, STEEL), dark(STEEL, .7), depth=3)


def head(a):
    a.solid(rrect(249, 56, 14, 46, 3), metal(a, 249, 263, STEEL), dark(STEEL, .7), depth=4)
    a.solid(ellipse(256, 52, 21), a.rad(249, 44, 28, "#ffd0a0", ORANGE, "#c0400e"), "#7a1c10", depth=8)
    a.gloss(249, 44, 6, 4, -35, .9)
    a.solid(rrect(232, 84, 48, 22, 9), metal(a, 232, 280, ORANGE), dark(ORANGE, .65), depth=6)
    for s in (-1, 1):
        x = 256 + s * 132
        a.solid(rrect(x - 22, 140, 44, 66, 14), metal(a, x - 22, x + 22, ORANGE), dark(ORANGE, .65), depth=10)
        a.path(f"M{x} 152V194", stroke=dark(ORANGE, .45), width=6, opacity=.7)
    shell = smooth([(256, 94), (336, 98), (374, 124), (378, 178), (366, 226), (326, 248), (256, 252),
                    (186, 248), (146, 226), (134, 178), (138, 124), (176, 98)])
    a.solid(shell, a.lin(150, 100, 362, 250, "#ffffff", WHITE, "#c7ccd6", "#959db2"), "#4c5674",
            depth=20, rim="#9ff2ff", rim_a=.5)
    a.path("M176 112Q215 102 262 102", stroke="#ffffff", width=8, opacity=.9)
    visor = smooth([(256, 120), (324, 122), (350, 142), (352, 178), (344, 210), (318, 226), (256, 228),
                    (194, 226), (168, 210), (160, 178), (162, 142), (188, 122)])
    a.path(visor, "#5b6580", stroke="#7d88a4", width=7)
    with a.form(visor, a.lin(180, 120, 330, 232, "#2c3d6e", "#16224a", "#0b1230"), "#050818",
                depth=12, glow="#6f8ad8", glow_a=.35, rim="#58d8ff", rim_a=.35):
        for x in (209, 303):
            a.path(ellipse(x, 168, 30, 33), GLOW, opacity=.45, blur=9)
            a.path(ellipse(x, 168, 21, 26), a.rad(x, 162, 28, "#ffffff", GLOW, "#18b4e0"))
            a.path(ellipse(x + 1, 170, 9, 13), "#0d3a66")
            a.path(ellipse(x - 4, 160, 6, 7), "#ffffff")
        a.path("M234 202Q256 220 278 202", stroke=GLOW, width=12, opacity=.4, blur=4)
        a.path("M234 201Q256 218 278 201", stroke=GLOW, width=7)
        for x in (182, 330):
            a.path(ellipse(x, 200, 11, 7), "#ff6f9c", opacity=.75)
        a.path("M176 116L226 116L186 230L140 230Z", "#ffffff", opacity=.1)


def draw(a):
    hose(a, [(176, 296), (124, 300), (94, 332), (92, 362)])
    hose(a, [(336, 296), (388, 300), (418, 332), (420, 362)])
    claw(a, 92, 374, -1)
    claw(a, 420, 374, 1)
    leg(a, 210)
    leg(a, 302)
    torso(a)
    for x in (162, 350):
        a.solid(ellipse(x, 292, 27, 26), metal(a, x - 27, x + 27, ORANGE), dark(ORANGE, .65), depth=10)
        a.gloss(x - 8, 282, 8, 5, -30, .7)
    head(a)
