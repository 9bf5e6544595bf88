"""A storm lantern with a carrying ring, side tubes and a warm flame."""

from kit import both, dark, ellipse, light, poly, ring, rrect, smooth

BACKGROUND = None

IRON, GOLD, AMBER = "#2f6f78", "#f0b23a", "#ffb52e"


def iron(a, x1, x2):
    return a.lin(x1, 0, x2, 0, light(IRON, .4), (.3, IRON), (.8, dark(IRON, .45)), dark(IRON, .3))


def brass(a, x1, x2):
    return a.lin(x1, 0, x2, 0, "#fff0a6", (.3, "#ffcd50"), (.65, "#d98f26"), "#8a4c16")


IRON_DARK, BRASS_DARK = "#10283c", "#5e2f10"


def tubes(a):
    for s in (-1, 1):
        m = lambda *pts: [(256 + s * x, y) for x, y in pts]
        d = smooth(m((20, 148), (104, 146), (142, 186), (150, 270), (144, 370), (112, 420), (60, 430)), closed=False)
        with a.group(filter=a.sculpt(IRON_DARK, depth=6, glow="#b8f0e8", rim="#ffc870", rim_a=.6)):
            a.path(d, stroke=IRON, width=24)
            a.path(d, stroke=light(IRON, .45), width=6, opacity=.55)
        a.solid(rrect(256 + s * 150 - 17, 262, 34, 32, 9), brass(a, 256 + s * 150 - 17, 256 + s * 150 + 17),
                BRASS_DARK, depth=6)


def handle(a):
    with a.group(filter=a.sculpt(BRASS_DARK, depth=7, glow="#fffbd0", glow_a=.8)):
        a.path(ring(256, 70, 44, 25), brass(a, 212, 300), rule="evenodd")
    a.solid(rrect(234, 100, 44, 30, 10), iron(a, 234, 278), IRON_DARK, depth=7)


def glass(a):
    shape = smooth(both([(256, 178), (300, 180), (330, 214), (346, 276), (334, 340), (306, 384), (256, 388)]))
    with a.form(shape, a.rad(256, 308, 150, "#fffbd0", "#ffdf70", AMBER, "#f07f1e", "#b8481c"), "#8a2c14", depth=14,
                shade_a=.45, glow="#fff6d0", glow_a=.7, rim="#fff0b0", rim_a=.6):
        a.path(ellipse(256, 310, 62, 76), "#fffce0", opacity=.7, blur=18)
        wick = smooth(both([(256, 212), (266, 244), (290, 288), (292, 326), (274, 352), (256, 356)]))
        a.solid(wick, a.lin(0, 212, 0, 356, "#ffb01f", "#ff7f16", "#f2541b"), "#b02a10", depth=5, glow="#ffe070",
                shade_a=.3, edge_a=.35)
        a.path(smooth(both([(256, 258), (264, 282), (276, 310), (272, 340), (256, 350)])),
               a.lin(0, 258, 0, 350, "#ffe860", "#fff8b0"))
        a.path(smooth(both([(256, 302), (264, 320), (262, 340), (256, 346)])), "#ffffff")
        a.path(rrect(238, 348, 36, 50, 6), dark(IRON, .3))
        a.path(smooth([(206, 220), (190, 262), (190, 306), (200, 342)], closed=False), stroke="#ffffff", width=14,
               opacity=.7, blur=2)
        a.path(smooth([(318, 236), (328, 276), (322, 320)], closed=False), stroke="#ffffff", width=7, opacity=.45)
    for s in (-1, 1):
        bar = smooth([(256 + s * x, y) for x, y in ((34, 176), (58, 230), (66, 280), (58, 336), (36, 390))], closed=False)
        with a.group(filter=a.sculpt(IRON_DARK, depth=4, rim="#ffd080", rim_a=.6)):
            a.path(bar, stroke=IRON, width=11)


def cap(a):
    roof = smooth(both([(256, 116), (288, 120), (304, 138), (344, 158), (362, 178), (340, 192), (256, 196)]), tension=.8)
    with a.form(roof, iron(a, 150, 362), IRON_DARK, depth=12, glow="#c8fff4", rim="#ffc870", rim_a=.7):
        for x in (214, 256, 298):
            a.path(rrect(x - 11, 143, 22, 16, 7), "#ffcb5a", stroke=IRON_DARK, width=5)
    a.solid(rrect(172, 180, 168, 20, 9), brass(a, 172, 340), BRASS_DARK, depth=6)
    a.gloss(196, 164, 18, 5, -22, .6, blur=1)


def base(a):
    a.solid(rrect(176, 378, 160, 20, 9), brass(a, 176, 336), BRASS_DARK, depth=6)
    tank = smooth(both([(256, 392), (324, 394), (350, 412), (376, 458), (370, 480), (256, 483)]), tension=.75)
    with a.form(tank, iron(a, 136, 376), IRON_DARK, depth=16, glow="#c8fff4", rim="#9fe8e0", rim_a=.45):
        a.path("M120 456H392", stroke=a.lin(136, 0, 376, 0, "#fff0a6", "#ffcd50", "#d98f26", "#8a4c16"), width=13)
        a.path("M120 464H392", stroke=IRON_DARK, width=3, opacity=.6)
        a.path(ellipse(256, 392, 90, 16), "#ffb040", opacity=.55, blur=7)
    a.solid(ellipse(256, 428, 21), brass(a, 235, 277), BRASS_DARK, depth=7)
    a.path(poly([(256, 413), (267, 428), (256, 443), (245, 428)], 2), "#e2343c")
    a.path(poly([(256, 413), (256, 428), (245, 428)], 1), "#ff9a8c")
    a.gloss(180, 420, 20, 6, -30, .55, blur=1.5)


def draw(a):
    handle(a)
    tubes(a)
    glass(a)
    cap(a)
    base(a)
