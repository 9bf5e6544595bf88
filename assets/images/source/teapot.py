"""A round porcelain teapot: cobalt glaze, gold trim, painted blossoms."""

from kit import both, ellipse, polar, smooth

BACKGROUND = ("flat", "#ffffff")

BLUE, GOLD, PINK = "#2463c8", "#f0ae34", "#ff8fae"
BLUE_DARK, GOLD_DARK = "#0f1c5e", "#6a3410"


def glaze(a, x1, y1, x2, y2):
    return a.lin(x1, y1, x2, y2, "#4a94ec", BLUE, "#173c98", "#122a76")


def gilt(a, x1, x2):
    return a.lin(x1, 0, x2, 0, "#d9982c", (.25, "#ffe08a"), (.5, GOLD), "#94531a")


GLAZED = dict(glow="#7fc4ff", glow_a=.5, rim="#6fa8ff", rim_a=.5)


def handle(a):
    d = smooth([(360, 226), (412, 192), (458, 220), (456, 290), (420, 340), (366, 362)], closed=False)
    with a.group(filter=a.sculpt(BLUE_DARK, depth=9, **GLAZED)):
        a.path(d, stroke=glaze(a, 350, 190, 470, 370), width=34)
    a.path(smooth([(398, 194), (424, 184), (452, 202)], closed=False), stroke="#ffffff", width=6, opacity=.75, blur=.6)
    a.solid(smooth([(440, 184), (456, 172), (470, 182), (466, 202), (450, 206)]), gilt(a, 438, 472), GOLD_DARK, depth=5)


def spout(a):
    d = smooth([(176, 272), (132, 268), (104, 238), (84, 190), (60, 170), (34, 170), (30, 190), (46, 206), (58, 250),
                (78, 310), (120, 352), (180, 364)], tension=.9)
    with a.form(d, glaze(a, 40, 170, 170, 350), BLUE_DARK, depth=15, **GLAZED):
        a.path(ellipse(170, 320, 50, 80), BLUE_DARK, opacity=.6, blur=12)
    a.path(smooth([(76, 200), (94, 244), (122, 274)], closed=False), stroke="#ffffff", width=8, opacity=.55, blur=1.5)
    lip = smooth([(28, 172), (50, 158), (76, 164), (88, 186), (76, 192), (58, 184), (40, 188)])
    a.solid(lip, gilt(a, 26, 90), GOLD_DARK, depth=5, glow="#fff0b0")


def blossom(a, cx, cy, r, turn=0):
    for k in range(5):
        x, y = polar(cx, cy, r * .6, k * 72 + turn)
        a.solid(ellipse(x, y, r * .46), a.rad(x, y, r * .5, "#ffffff", "#ffe3ea", PINK), "#c44a78", depth=3, glow_a=.4)
    a.path(ellipse(cx, cy, r * .3), "#e8862c")
    a.path(ellipse(cx - 1, cy - 1.5, r * .22), "#ffdb58")


def sprig(a, points, leaves):
    a.path(smooth(points, closed=False), stroke="#e9b949", width=6)
    for x, y, turn, size in leaves:
        d = f"M{x - size} {y}Q{x} {y - size * .8} {x + size} {y}Q{x} {y + size * .8} {x - size} {y}Z"
        a.path(d, a.lin(x, y - size * .5, x, y + size * .5, "#a8f0c0", "#3fbf92"), turn=(turn, x, y))


def belly(a):
    outline = smooth(both([(256, 176), (318, 182), (376, 220), (404, 288), (384, 360), (332, 408), (300, 420), (256, 422)]),
                     tension=.95)
    with a.form(outline, a.rad(204, 246, 250, "#5aa4f4", BLUE, "#173c98", "#0f2468"), BLUE_DARK, depth=28, **GLAZED):
        a.path("M90 236Q256 200 422 236", stroke=GOLD, width=9, opacity=.95)
        a.path("M90 233Q256 197 422 233", stroke="#fff0b0", width=2.5, opacity=.9)
        a.path("M90 372Q256 410 422 372", stroke=GOLD, width=9, opacity=.95)
        a.path("M90 369Q256 407 422 369", stroke="#fff0b0", width=2.5, opacity=.8)
        sprig(a, [(144, 352), (196, 338), (232, 302), (286, 286), (352, 268)],
              ((176, 322, -50, 16), (206, 352, 30, 17), (256, 272, -50, 15), (300, 310, 35, 18), (330, 256, -60, 14),
               (240, 328, 60, 14), (364, 282, 40, 15)))
        blossom(a, 226, 304, 37, 12)
        blossom(a, 312, 276, 30, 40)
        blossom(a, 168, 344, 22, 0)
        blossom(a, 296, 344, 24, 20)
        blossom(a, 368, 250, 17, 50)
        a.gloss(186, 232, 52, 22, -38, .45, blur=8)
    a.gloss(172, 242, 24, 9, -50, .85, blur=1)
    a.gloss(152, 280, 6, 10, 12, .75, blur=.8)


def foot(a):
    d = smooth(both([(256, 404), (316, 404), (326, 416), (338, 436), (320, 446), (256, 448)]), tension=.75)
    a.solid(d, gilt(a, 174, 338), GOLD_DARK, depth=7, glow="#fff0b0")


def lid(a):
    dome = smooth(both([(256, 122), (300, 128), (336, 154), (346, 178), (322, 192), (256, 198)]), tension=.9)
    with a.form(dome, a.rad(224, 144, 130, "#5aa4f4", BLUE, "#173c98"), BLUE_DARK, depth=14, **GLAZED):
        blossom(a, 256, 156, 20, 54)
        sprig(a, [(190, 168), (220, 160)], ((206, 154, 20, 12),))
        sprig(a, [(322, 168), (292, 160)], ((306, 154, -20, 12),))
    a.gloss(214, 146, 18, 6, -32, .75, blur=1)
    band = smooth(both([(256, 197), (310, 191), (344, 178), (358, 182), (350, 196), (310, 210), (256, 217)]))
    a.solid(band, gilt(a, 156, 356), GOLD_DARK, depth=5, glow="#fff0b0")
    a.solid(smooth(both([(256, 106), (272, 110), (280, 128), (256, 132)])), gilt(a, 230, 282), GOLD_DARK, depth=5)
    a.solid(ellipse(256, 88, 27, 25), a.rad(246, 78, 40, "#ffedaa", "#f4b63a", "#94531a"), GOLD_DARK, depth=9,
            glow="#ffe08a")
    a.gloss(246, 78, 7, 4.5, -35, .95)


def draw(a):
    handle(a)
    spout(a)
    foot(a)
    belly(a)
    lid(a)
