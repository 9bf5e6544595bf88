"""A red stunt biplane head-on, with a grinning radial engine and its pilot."""

from kit import both, dark, ellipse, rrect, smooth

BACKGROUND = ("flat", "#cfe6f4")

RED, CREAM, WOOD, STEEL, GOLD = "#dc2f35", "#f4d391", "#a4622c", "#6d7890", "#ffbf33"
RED_DARK = "#560a30"


def wing(a, points, seed_x, bands):
    """A wing seen from the front: a long rounded slab with cream bands."""
    with a.form(smooth(both(points), tension=.8), a.lin(0, points[0][1] - 2, 0, points[-1][1], "#ff7a5c", RED, "#a3143a"),
                RED_DARK, depth=10, glow="#ffc4a0", glow_a=.55, rim="#ff9aa0", rim_a=.4):
        for x in bands:
            for s in (-1, 1):
                cx = 256 + s * x
                a.path(rrect(cx - 15, points[0][1] - 30, 30, 110, 0), a.lin(0, points[0][1], 0, points[-1][1],
                       "#fbe2ac", CREAM, "#c99a68"))
        for s in (-1, 1):
            a.path(ellipse(256 + s * seed_x, points[0][1] + 16, 30, 60), GOLD, opacity=.95)


def strut(a, x1, y1, x2, y2, width=13):
    with a.group(filter=a.sculpt(dark(WOOD, .75), depth=4, glow="#ffd9a0")):
        a.path(f"M{x1} {y1}L{x2} {y2}", stroke=WOOD, width=width, cap="butt")
    for x, y in ((x1, y1), (x2, y2)):
        a.solid(rrect(x - width * .75, y - 6, width * 1.5, 12, 5), "#e0a93a", "#6a3312", depth=3)


def gear(a):
    strut(a, 226, 330, 186, 410)
    strut(a, 286, 330, 326, 410)
    a.path("M180 414H332", stroke=dark(STEEL, .6), width=14)
    a.path("M180 411H332", stroke=STEEL, width=4)
    for s in (-1, 1):
        x = 256 + s * 80
        tyre = rrect(x - 20, 376, 40, 88, 19)
        with a.form(tyre, a.lin(x - 20, 0, x + 20, 0, "#6a6880", "#3c3a50", "#232034"), "#14101e", depth=9):
            for y in range(380, 466, 12):
                a.path(f"M{x - 9} {y}h18", stroke="#1a1628", width=4, opacity=.8)
        spat = smooth([(x, 358), (x + 26, 366), (x + 31, 400), (x + 26, 424), (x, 430), (x - 26, 424), (x - 31, 400),
                       (x - 26, 366)])
        with a.form(spat, a.lin(x - 30, 360, x + 30, 430, "#ff7a5c", RED, "#99123c"), RED_DARK, depth=10,
                    glow="#ffc4a0"):
            a.path(f"M{x - 8} 350h16v90h-16Z", CREAM)


def pilot(a):
    a.solid(ellipse(256, 176, 36, 24), a.lin(0, 152, 0, 200, CREAM, "#d9a45e"), "#7a4424", depth=7)
    face = ellipse(256, 160, 31, 32)
    a.solid(face, a.lin(230, 130, 290, 190, "#ffe0bd", "#f4b98a", "#c97f5c"), "#7c3a30", depth=8)
    helmet = "M222 168C218 128 236 118 256 118S294 128 290 168L282 176V154H230V176Z"
    a.solid(helmet, a.lin(222, 118, 290, 176, "#b9743c", "#8a4f2a", "#5c2e1c"), "#34140f", depth=8, glow="#ffcf9a")
    a.path("M229 150H283", stroke="#4a2620", width=8)
    for x in (241, 271):
        a.solid(ellipse(x, 150, 16, 14), a.lin(x - 16, 136, x + 16, 164, "#fff0a8", GOLD, "#a8641a"), "#5c2e10", depth=4)
        a.path(ellipse(x, 150, 11, 9.5), a.lin(x - 10, 140, x + 10, 160, "#e8ffff", "#6fd0f0", "#2a7fc0"))
        a.gloss(x - 4, 146, 4, 2.5, -30, .95)
    a.path("M244 175Q256 184 268 175", stroke="#8a3f34", width=4.5)


def engine(a):
    a.path(ellipse(256, 262, 92), RED_DARK)
    a.solid(ellipse(256, 262, 92), a.lin(180, 180, 332, 344, "#ff8466", RED, "#99123c"), RED_DARK, depth=15,
            glow="#ffcaa8", rim="#ff9aa0", rim_a=.6)
    a.solid(ellipse(256, 262, 74), a.lin(196, 200, 316, 324, "#fff2a8", GOLD, "#a8641a"), "#6a3312", depth=7)
    with a.form(ellipse(256, 262, 65), a.rad(256, 262, 66, "#4a4f68", "#2f3248", "#191a2c"), "#0c0a1c", depth=8,
                glow="#0c0a1c", glow_a=.7):
        for k in range(7):
            angle = k * 360 / 7 - 90
            with a.group(transform=f"rotate({angle + 90:.1f} 256 262)"):
                a.path(rrect(241, 198, 30, 50, 7), a.lin(241, 0, 271, 0, "#d3dae8", "#8f99b2", "#4d5674"))
                for y in (208, 218, 228):
                    a.path(f"M239 {y}H273", stroke="#3a3f5c", width=3.5)
                a.path(ellipse(256, 203, 6), "#ffb84a")
        a.path(ellipse(256, 262, 31), "#191a2c", opacity=.7, blur=4)


def propeller(a):
    with a.group(transform="rotate(21 256 262)"):
        for s in (0, 180):
            d = smooth([(244, 262), (240, 220), (234, 176), (244, 148), (262, 145), (275, 168), (274, 208), (268, 262)])
            with a.group(transform=f"rotate({s} 256 262)"):
                with a.form(d, a.lin(234, 0, 276, 0, "#e0a05c", WOOD, dark(WOOD, .45)), dark(WOOD, .75), depth=6,
                            glow="#ffe0b0"):
                    a.path("M220 130H290V173H220Z", GOLD)
                    a.path("M220 175H290", stroke="#fff2cc", width=8)
    a.path(ellipse(258, 266, 28), "#191a2c", opacity=.6, blur=4)
    a.solid(ellipse(256, 262, 27), a.rad(246, 250, 38, "#ffb498", RED, "#8d1040"), RED_DARK, depth=9)
    a.solid(ellipse(256, 262, 10), a.rad(253, 259, 13, "#fff6c0", GOLD, "#b87420"), "#6a3312", depth=3)
    a.gloss(243, 249, 7, 4.5, -40, .9)


def draw(a):
    gear(a)
    for s in (-1, 1):
        strut(a, 256 + s * 132, 104, 256 + s * 112, 306)
        strut(a, 256 + s * 176, 102, 256 + s * 156, 304)
        strut(a, 256 + s * 66, 106, 256 + s * 52, 200)
    wing(a, [(256, 294), (330, 292), (416, 284), (446, 288), (454, 304), (440, 320), (380, 326), (256, 332)], 210, (108,))
    pilot(a)
    wing(a, [(256, 80), (340, 76), (440, 66), (472, 70), (483, 88), (472, 106), (430, 112), (256, 120)], 238, (112, 168))
    engine(a)
    propeller(a)
