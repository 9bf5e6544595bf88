"""A ginger tabby sitting up, with a bell collar and a looping tail."""

from kit import both, dark, ellipse, light, smooth

BACKGROUND = None

FUR, WHITE, STRIPE, TEAL = "#f59a3c", "#fff3e2", "#c9611f", "#1fa6a0"
SHADE = "#7a2c24"


def fur(a, x1, y1, x2, y2):
    return a.lin(x1, y1, x2, y2, "#ffc266", FUR, "#d9702a")


def stripe(a, *points, width=13, opacity=.85):
    a.path(smooth(points, closed=False), stroke=STRIPE, width=width, opacity=opacity)


def tail(a):
    curl = [(330, 448), (400, 462), (452, 428), (464, 362), (438, 308), (394, 306), (376, 340), (350, 352)]
    with a.group(filter=a.sculpt(SHADE, depth=13, glow="#ffe0a0")):
        a.path(smooth(curl, closed=False), stroke=fur(a, 380, 300, 460, 470), width=42)
        a.path(smooth(curl, closed=False), stroke=STRIPE, width=42, opacity=.8, cap="butt", dash="14 34")
        a.path(smooth([(444, 308), (420, 303), (394, 310), (376, 340), (350, 352)], closed=False),
               stroke=WHITE, width=43)


def body(a):
    torso = smooth(both([(256, 236), (330, 246), (358, 310), (380, 388), (386, 446), (356, 480), (256, 482)]))
    with a.form(torso, fur(a, 150, 250, 380, 480), SHADE, depth=24, glow="#ffdf9e", rim="#ffb866", rim_a=.5):
        for s in (-1, 1):
            for y, length in ((300, 40), (334, 48)):
                x = 256 + s * 108
                stripe(a, (x, y), (x - s * length * .6, y + 8), (x - s * length, y + 3))
        bib = smooth(both([(256, 236), (312, 252), (322, 300), (300, 334), (306, 350), (282, 362), (256, 392)]))
        a.solid(bib, a.lin(0, 240, 0, 392, "#ffffff", WHITE, "#f0d3b8"), "#b0764f", depth=8, edge_a=.4)
    for s in (-1, 1):
        haunch = smooth([(256 + s * x, y) for x, y in ((86, 376), (122, 388), (140, 432), (128, 474), (84, 481),
                                                       (62, 462), (62, 410))])
        with a.form(haunch, fur(a, 110, 370, 400, 480), SHADE, depth=15, glow="#ffdf9e"):
            for y in (404, 430):
                stripe(a, (256 + s * 146, y), (256 + s * 118, y + 3), (256 + s * 102, y - 3), width=12)
    for s in (-1, 1):
        leg = smooth([(256 + s * x, y) for x, y in ((12, 360), (44, 340), (62, 372), (62, 440), (70, 468), (54, 482),
                                                    (12, 482), (2, 466), (6, 420))])
        with a.form(leg, fur(a, 190, 340, 330, 480), SHADE, depth=12, glow="#ffdf9e"):
            a.path(f"M{256 - s * 4} 436Q{256 + s * 36} 424 {256 + s * 80} 440V490H{256 - s * 4}Z", WHITE)
            for y in (384, 408):
                stripe(a, (256 + s * 66, y), (256 + s * 50, y + 4), (256 + s * 40, y), width=11)
        for x in (24, 46):
            a.path(f"M{256 + s * x} 466V479", stroke="#b0764f", width=5)


def ear(a, s):
    m = lambda *pts: [(256 + s * x, y) for x, y in pts]
    outer = smooth(m((34, 92), (64, 52), (100, 30), (116, 34), (126, 74), (130, 128), (80, 140)), tension=.8)
    a.solid(outer, fur(a, 140, 30, 380, 150), SHADE, depth=13, glow="#ffdf9e")
    inner = smooth(m((62, 96), (80, 68), (101, 53), (108, 82), (110, 116), (84, 124)), tension=.8)
    a.solid(inner, a.lin(0, 50, 0, 124, "#ffc2b4", "#f28a8e", "#c4546a"), "#8a2c46", depth=7, glow_a=.3)


def eye(a, cx):
    a.path(ellipse(cx, 170, 31, 34), "#7a2c24")
    ball = ellipse(cx, 171, 27, 30)
    with a.form(ball, a.rad(cx, 182, 34, "#f2ff8a", "#8fdc4a", "#2f9a4c", fy=192), "#0f4a3c", depth=6, glow="#0f4a3c",
                glow_a=.5):
        a.path(ellipse(cx, 170, 13, 24), "#1c1430")
    a.path(ellipse(cx - 9, 159, 9, 10), "#ffffff")
    a.path(ellipse(cx + 10, 184, 5, 5), "#ffffff", opacity=.85)


def head(a):
    ear(a, -1)
    ear(a, 1)
    face = smooth(both([(256, 74), (322, 84), (370, 120), (390, 176), (408, 216), (376, 228), (372, 246), (322, 264),
                        (256, 270)]), tension=.9)
    with a.form(face, a.rad(220, 120, 240, "#ffcf7a", FUR, "#dd762c"), SHADE, depth=22, glow="#ffe6b0",
                rim="#ffb866", rim_a=.5):
        stripe(a, (256, 70), (256, 118), width=17)
        stripe(a, (220, 72), (226, 108), width=15)
        stripe(a, (292, 72), (286, 108), width=15)
        for s in (-1, 1):
            for y in (176, 204):
                x = 256 + s * 144
                stripe(a, (x, y), (x - s * 28, y + 3), (x - s * 44, y - 1), width=13)
        blaze = smooth(both([(256, 128), (268, 150), (280, 190), (318, 210), (326, 240), (296, 266), (256, 274)]))
        a.solid(blaze, a.lin(0, 130, 0, 270, "#ffffff", WHITE, "#f0d3b8"), "#b0764f", depth=7, edge_a=.25)
        for s in (-1, 1):
            a.path(ellipse(256 + s * 92, 218, 21, 12), "#ff6f6a", opacity=.55, blur=5)
    eye(a, 198)
    eye(a, 314)
    a.solid(smooth([(256, 203), (272, 199), (275, 208), (256, 222), (237, 208), (240, 199)]),
            a.lin(0, 198, 0, 222, "#ffb0ac", "#ee6f80"), "#8a2c46", depth=4)
    a.path("M256 221V231M228 230Q240 247 256 231Q272 247 284 230", stroke="#8a3f30", width=5.5)
    for s in (-1, 1):
        for x, y in ((40, 226), (52, 234), (42, 242)):
            a.path(ellipse(256 + s * x, y, 2.6), "#b0764f")


def collar(a):
    band = smooth([(182, 258), (218, 272), (256, 277), (294, 272), (330, 258), (336, 274), (298, 292), (256, 299),
                   (214, 292), (176, 274)], tension=.8)
    a.path(band, "#5a2030", opacity=.35, blur=3)
    a.solid(band, a.lin(170, 0, 342, 0, light(TEAL, .3), TEAL, dark(TEAL, .35)), dark(TEAL, .7), depth=6)
    a.solid(ellipse(256, 312, 24), a.rad(248, 302, 32, "#fff6b8", "#ffc93a", "#c07818"), "#6a3312", depth=8)
    a.path("M233 309Q256 318 279 309", stroke="#a8641a", width=4)
    a.path("M256 320V332", stroke="#6a3312", width=6)
    a.gloss(247, 300, 6, 4, -35, .95)


def draw(a):
    tail(a)
    body(a)
    head(a)
    collar(a)
