"""A retro space rocket lifting off: enamel body, porthole, three fins, flame."""

from kit import both, dark, ellipse, light, polar, smooth

BACKGROUND = None

RED, WHITE, STEEL, BLUE = "#e6333c", "#f4efe6", "#8a94a8", "#3aa8ea"


def across(a, x1, x2, colour):
    return a.lin(x1, 0, x2, 0, light(colour, .35), (.35, colour), dark(colour, .42))


def flame(a):
    outer = smooth([(216, 392), (202, 424), (218, 446), (222, 462), (238, 458), (256, 486), (274, 458), (290, 462),
                    (294, 446), (310, 424), (296, 392)], tension=.9)
    a.solid(outer, a.lin(0, 392, 0, 486, "#ffb52a", "#ff7a1c", "#e8331f"), "#a81a1c", depth=7, glow="#fff0a0")
    a.path(smooth(both([(256, 392), (288, 396), (286, 428), (256, 466)])),
           a.lin(0, 392, 0, 466, "#fff7b8", "#ffe04a", "#ffab2a"))
    a.path(smooth(both([(256, 392), (272, 396), (270, 416), (256, 440)])), "#fffef0", opacity=.95)


def fin(a, s):
    m = lambda *pts: [(256 + s * x, y) for x, y in pts]
    d = smooth(m((70, 244), (112, 286), (142, 348), (150, 420), (136, 432), (112, 398), (86, 380), (52, 378)),
               tension=.85)
    with a.form(d, a.lin(106, 250, 406, 420, "#ff7a62", RED, "#a8163c"), "#5e0a30", depth=15, glow="#ffc0a0",
                rim="#ff9aa0", rim_a=.5):
        a.path(smooth(m((64, 330), (104, 346), (150, 398)), closed=False), stroke="#ffffff", width=10, opacity=.22)


def draw(a):
    flame(a)
    fin(a, -1)
    fin(a, 1)
    nozzle = smooth(both([(256, 362), (296, 362), (306, 398), (300, 408), (256, 410)]), tension=.7)
    with a.form(nozzle, across(a, 206, 306, STEEL), dark(STEEL, .75), depth=9, rim="#ffb060", rim_a=.6):
        a.path("M200 384H312", stroke=dark(STEEL, .6), width=5)
        a.path(ellipse(256, 412, 46, 12), "#ffb84a", opacity=.7, blur=5)
    hull = smooth(both([(256, 26), (276, 50), (312, 108), (338, 188), (344, 264), (330, 330), (302, 380), (256, 384)]),
                  tension=.95)
    with a.form(hull, a.lin(170, 0, 344, 0, "#ffffff", (.4, WHITE), (.75, "#c9c4cc"), "#8f8ba4"), "#4c4470",
                depth=20, shade_a=.5, glow="#ffdccb", glow_a=.4, rim="#ffd0c0", rim_a=.5):
        red = a.lin(190, 0, 330, 0, "#ff8468", (.38, RED), "#9c1240")
        a.path("M150 0H362V128Q256 164 150 128Z", red)
        a.path("M150 132Q256 168 362 132", stroke="#ffd23e", width=9)
        a.path("M150 318Q256 350 362 318V400H150Z", red)
        a.path("M150 314Q256 346 362 314", stroke="#ffd23e", width=9)
        for x, y in ((192, 158), (222, 168), (290, 168), (320, 158), (190, 302), (222, 312), (290, 312), (322, 302)):
            a.path(ellipse(x, y + 1.5, 5), "#6c6684", opacity=.7)
            a.path(ellipse(x, y, 4), "#ffffff")
        a.path(smooth([(234, 74), (204, 130), (186, 210), (186, 290)], closed=False), stroke="#ffffff", width=13,
               opacity=.65, blur=3)
    a.path(ellipse(260, 238, 62), "#4c4470", opacity=.45, blur=6)
    a.solid(ellipse(256, 232, 60), a.lin(200, 180, 312, 290, "#fff2a6", "#ffc83c", "#b86c1c"), "#6a3312", depth=8)
    for k in range(8):
        x, y = polar(256, 232, 51, k * 45 + 22)
        a.path(ellipse(x, y + 1, 5), "#8a5216")
        a.path(ellipse(x, y, 4), "#fff6c8")
    glass = ellipse(256, 232, 42)
    a.path(ellipse(256, 232, 44), "#6a3312")
    with a.form(glass, a.rad(246, 218, 62, "#b8f2ff", BLUE, "#1b4fae", "#16306e"), "#0c1c50", depth=10,
                glow="#0c1c50", glow_a=.55, rim="#9fe8ff", rim_a=.8):
        a.path("M222 262L268 184L292 184L232 284Z", "#ffffff", opacity=.28)
    a.gloss(238, 212, 13, 8, -38, .95)
    middle = smooth(both([(256, 322), (266, 340), (271, 392), (268, 438), (256, 446)]), tension=.8)
    a.solid(middle, a.lin(240, 0, 272, 0, "#ff9a7c", RED, "#8d1040"), "#5e0a30", depth=7, glow="#ffd0b0")
    a.gloss(238, 84, 5, 22, 22, .8, blur=1)
