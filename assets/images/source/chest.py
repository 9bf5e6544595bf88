"""An open treasure chest with coins, gems and a goblet."""

import random

from kit import dark, ellipse, light, poly, rrect, smooth

BACKGROUND = None

WOOD, IRON, GOLD = "#a9602b", "#f0b437", "#ffcb3d"


def planks(a, rows, x1, x2, seed):
    """Horizontal boards with grain; rows are the joints."""
    rng = random.Random(seed)
    for k, (y1, y2) in enumerate(zip(rows, rows[1:])):
        tone = (light(WOOD, .16), WOOD, dark(WOOD, .1))[(k + seed) % 3]
        a.path(f"M{x1} {y1}H{x2}V{y2}H{x1}Z", a.lin(0, y1, 0, y2, light(tone, .16), tone, dark(tone, .25)))
        for _ in range(7):
            x, y, w = rng.uniform(x1, x2), rng.uniform(y1 + 8, y2 - 6), rng.uniform(24, 70)
            a.path(f"M{x:.0f} {y:.0f}q{w / 2:.0f} {rng.uniform(-4, 4):.0f} {w:.0f} 0", stroke=dark(WOOD, .5),
                   width=2.5, opacity=.5)
        a.path(f"M{x1} {y2}H{x2}", stroke=dark(WOOD, .7), width=4)


def gold(a, x1, y1, x2, y2):
    return a.lin(x1, y1, x2, y2, "#fff1a8", (.3, "#ffd24f"), (.65, IRON), "#a8611a")


def rivet(a, x, y, r=6):
    a.path(ellipse(x, y + 1.5, r + 1.5), "#7a4213", opacity=.8)
    a.path(ellipse(x, y, r), a.rad(x - 2, y - 2, r * 1.3, "#fffbd8", "#ffd45a", "#b97422"))


def lid(a):
    shell = "M52 262V150C52 84 100 54 160 54H352C412 54 460 84 460 150V262Z"
    with a.form(shell, WOOD, dark(WOOD, .75), depth=18, glow="#ffc98a", glow_a=.4):
        planks(a, (40, 84, 128, 172, 264), 40, 472, 2)
    inner = "M86 262V158C86 108 122 88 168 88H344C390 88 426 108 426 158V262Z"
    with a.form(inner, a.lin(0, 88, 0, 240, "#3c1638", "#6b2238", "#a63c34"), "#1d0a24", depth=12,
                glow="#140620", glow_a=.85, rim_a=0):
        a.path(ellipse(256, 250, 170, 80), "#ffb43a", opacity=.75, blur=22)
    frame = "M40 264V150C40 76 96 42 158 42H354C416 42 472 76 472 150V264H444V152C444 100 404 70 352 70H160" \
            "C108 70 68 100 68 152V264Z"
    a.solid(frame, gold(a, 40, 42, 472, 260), "#6a3312", depth=9, glow="#fffbd0", glow_a=.8)
    for x, y in ((54, 204), (54, 156), (80, 94), (136, 60), (256, 56), (376, 60), (432, 94), (458, 156), (458, 204)):
        rivet(a, x, y)


def coin(a, cx, cy, rx, ry, turn=0):
    a.path(ellipse(cx + 1, cy + 5, rx, ry), "#6a3312", opacity=.75, turn=(turn, cx, cy))
    a.path(ellipse(cx, cy + 3.5, rx, ry), "#c47a1e", turn=(turn, cx, cy))
    a.path(ellipse(cx, cy, rx, ry), a.lin(cx - rx, cy - ry, cx + rx, cy + ry, "#fff7c0", GOLD, "#f0a024"),
           turn=(turn, cx, cy))
    a.path(ellipse(cx, cy, rx * .66, ry * .62), stroke="#d98d1e", width=3, opacity=.9, turn=(turn, cx, cy))


def jewel(a, cx, cy, r, colour):
    """A brilliant seen from the side."""
    p = {k: (cx + x * r, cy + y * r) for k, (x, y) in dict(
        a=(-.6, -.7), b=(.6, -.7), c=(1, -.15), d=(0, 1), e=(-1, -.15), f=(-.35, -.15), g=(.35, -.15)).items()}
    with a.group(filter=a.sculpt(dark(colour, .7), depth=4, shade_a=.3)):
        a.path(poly([p[k] for k in "abcde"]), colour)
        for keys, tone in (("aef", light(colour, .65)), ("abgf", light(colour, .35)), ("bgc", dark(colour, .12)),
                           ("efd", light(colour, .2)), ("fgd", dark(colour, .12)), ("gcd", dark(colour, .42))):
            a.path(poly([p[k] for k in keys]), tone)
    a.gloss(p["a"][0] + r * .2, p["a"][1] + r * .2, r * .16, r * .1, -30, .95)


def treasure(a):
    heap = smooth([(78, 300), (88, 236), (128, 208), (186, 186), (248, 172), (312, 184), (372, 204), (420, 232),
                   (436, 300)])
    with a.form(heap, a.lin(0, 170, 0, 290, "#ffe07a", "#f2a92c", "#a85c18"), "#6a3312", depth=14):
        rng = random.Random(11)
        for row in range(7):
            y = 192 + row * 17
            for x in range(84 + (row % 2) * 17, 450, 34):
                coin(a, x + rng.uniform(-6, 6), y + rng.uniform(-5, 5), rng.uniform(19, 23), rng.uniform(10, 14),
                     rng.uniform(-28, 28))
    for x, y, rx, ry, turn in ((196, 186, 24, 16, -24), (306, 182, 24, 15, 18), (108, 224, 22, 15, -20),
                               (404, 222, 22, 16, 24), (256, 234, 27, 17, 4), (154, 246, 24, 15, 12),
                               (352, 246, 25, 15, -12)):
        coin(a, x, y, rx, ry, turn)
    jewel(a, 152, 204, 30, "#e0264a")
    jewel(a, 362, 202, 31, "#2a86ee")
    jewel(a, 256, 186, 34, "#25bf68")
    jewel(a, 206, 240, 22, "#a44ae0")
    jewel(a, 310, 238, 21, "#25c4d8")


def box(a):
    front = poly([(46, 258), (466, 258), (456, 470), (56, 470)], 12)
    with a.form(front, WOOD, dark(WOOD, .75), depth=22, shade_a=.6, glow="#ffc98a", glow_a=.45):
        planks(a, (250, 318, 372, 424, 480), 40, 472, 1)
        a.path("M30 268H480V296H30Z", "#2a0f24", opacity=.5, blur=7)
    for x, w in ((96, 46), (370, 46)):
        band = poly([(x, 270), (x + w, 270), (x + w, 468), (x, 468)], 4)
        a.path(f"M{x + w + 5} 290V466", stroke="#2a0f24", width=7, opacity=.45, blur=3)
        a.solid(band, gold(a, x, 270, x + w + 20, 460), "#6a3312", depth=8, glow="#fffbd0")
        for y in (332, 384, 432):
            rivet(a, x + w / 2, y, 7)
    for corner in ([(48, 424), (80, 424), (110, 474), (52, 474)], [(464, 424), (432, 424), (402, 474), (460, 474)]):
        a.solid(poly(corner, 7), gold(a, corner[0][0] - 20, 420, corner[2][0] + 20, 480), "#6a3312", depth=7)
    a.solid(rrect(38, 250, 436, 34, 10), gold(a, 38, 240, 420, 330), "#6a3312", depth=9, glow="#fffbd0", glow_a=.8)
    for x in (62, 119, 190, 322, 393, 450):
        rivet(a, x, 267)


def lock(a):
    a.path(ellipse(260, 326, 52, 58), "#2a0f24", opacity=.5, blur=8)
    plate = smooth([(256, 258), (304, 264), (312, 310), (298, 356), (256, 382), (214, 356), (200, 310), (208, 264)])
    a.solid(plate, a.lin(200, 258, 312, 382, "#fff6bd", "#ffcf4a", "#e09a2a", "#95531a"), "#64300f", depth=12,
            glow="#fffde0", glow_a=.85)
    a.path("M256 292a16 16 0 0 1 9 29l9 34h-36l9-34a16 16 0 0 1 9-29Z", "#3a1420", stroke="#8a4c16", width=5)
    for x, y in ((224, 280), (288, 280), (256, 368)):
        rivet(a, x, y, 5)


def draw(a):
    lid(a)
    treasure(a)
    box(a)
    lock(a)
