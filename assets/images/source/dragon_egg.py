"""A scaled dragon egg, glowing through its cracks, in a golden claw stand."""

from kit import both, dark, ellipse, light, mix, smooth

BACKGROUND = ("noise", "#262a3e")

RAMP = ("#ff9ac8", "#e24fb4", "#9a4fe0", "#4f74f0", "#2ab4e0", "#38e0c4")
GOLD, GOLD_DARK, NIGHT = "#f4b63a", "#7a3f14", "#2c1160"


def ramp(t):
    t = max(0, min(.999, t)) * (len(RAMP) - 1)
    return mix(RAMP[int(t)], RAMP[int(t) + 1], t % 1)


def scale(a, cx, cy, w, h, colour):
    d = (f"M{cx - w:.1f} {cy - h * .5:.1f}C{cx - w:.1f} {cy + h * .35:.1f} {cx - w * .45:.1f} {cy + h * .72:.1f} "
         f"{cx:.1f} {cy + h:.1f}C{cx + w * .45:.1f} {cy + h * .72:.1f} {cx + w:.1f} {cy + h * .35:.1f} "
         f"{cx + w:.1f} {cy - h * .5:.1f}Q{cx:.1f} {cy - h:.1f} {cx - w:.1f} {cy - h * .5:.1f}Z")
    a.path(d, dark(colour, .68), opacity=.75)
    with a.group(transform="translate(0 -3.5)"):
        a.path(d, a.lin(cx - w * .6, cy - h * .6, cx + w * .6, cy + h, dark(colour, .28), colour, light(colour, .4)))
        a.path(f"M{cx - w * .82:.1f} {cy + h * .12:.1f}C{cx - w * .7:.1f} {cy + h * .5:.1f} {cx - w * .4:.1f} "
               f"{cy + h * .66:.1f} {cx:.1f} {cy + h * .88:.1f}", stroke="#ffffff", width=3, opacity=.65)


def shell(a):
    outline = smooth(both([(256, 28), (316, 48), (376, 122), (414, 222), (416, 318), (376, 402), (316, 444), (256, 452)]))
    with a.form(outline, a.lin(0, 28, 0, 452, *RAMP), NIGHT, depth=34, shade_a=.5, glow="#fff0ff", glow_a=.4,
                rim="#c0fff4", rim_a=.8, edge_a=0):
        rows = 12
        for row in range(rows + 1):
            y = 30 + row * 37
            t = (y - 28) / 424
            # Scales follow the round of the shell: narrower near the outline.
            for k in range(-5, 6):
                u = (k + .5 * (row % 2)) / 4.3
                if abs(u) > 1.1:
                    continue
                x = 256 + 172 * (u - .16 * u ** 3)
                w = 24 * (1 - .3 * u * u)
                scale(a, x, y - 7 * u * u, w, 27, ramp(t + .05 * u))
        crack = [(372, 116), (336, 150), (344, 178), (302, 200), (306, 238), (264, 256), (272, 296), (240, 318)]
        side = [(302, 200), (274, 186), (252, 198)], [(306, 238), (334, 250), (342, 282)], [(264, 256), (232, 250), (212, 268)]
        lines = ["M" + "L".join(f"{x} {y}" for x, y in p) for p in (crack, *side)]
        for width, colour, opacity, soft in ((34, "#ff7a1c", .55, 9), (17, "#7a1230", .8, 1), (11, "#ff8a1f", 1, 0),
                                             (5.5, "#fff4a0", 1, 0)):
            for k, d in enumerate(lines):
                a.path(d, stroke=colour, width=width * (1 if k == 0 else .75), opacity=opacity, blur=soft)
        a.gloss(190, 128, 58, 26, -58, .4, blur=10)
        for s in (-1, 1):
            shadow = [(256 + s * x, y) for x, y in ((60, 448), (98, 420), (128, 372), (138, 306))]
            a.path(smooth(shadow, closed=False), stroke=NIGHT, width=22, opacity=.5, blur=6)
    a.path(outline, stroke=a.lin(90, 30, 420, 460, "#ffd6f2", "#d08cf4", "#8ce4ff", "#9affea"), width=5, opacity=.9)
    a.gloss(176, 138, 30, 9, -62, .8, blur=1.5)
    a.gloss(152, 186, 6, 10, 18, .7, blur=1)


def gold(a, x1, x2):
    return a.lin(x1, 0, x2, 0, "#fff0a8", (.4, GOLD), "#b06a1e")


def stand(a):
    rim = dict(glow="#fff6c8", glow_a=.8, rim="#ffdf80", rim_a=.8, edge_a=.2)
    for s in (-1, 1):
        m = lambda *pts: [(256 + s * x, y) for x, y in pts]
        claw = smooth(m((60, 462), (100, 434), (132, 384), (142, 318), (158, 346), (176, 388), (170, 436), (136, 474),
                        (70, 484)), tension=.9)
        a.solid(claw, gold(a, 256 + s * 130 - 70, 256 + s * 130 + 70), GOLD_DARK, depth=9, **rim)
    middle = smooth(both([(256, 372), (268, 402), (286, 436), (256, 470)]), tension=.8)
    a.path(middle, NIGHT, opacity=.45, blur=7)
    base = smooth(both([(256, 426), (320, 424), (362, 446), (372, 474), (336, 484), (256, 486)]), tension=.8)
    with a.form(base, gold(a, 140, 372), GOLD_DARK, depth=10, **rim):
        a.path("M130 446Q256 428 382 446", stroke="#a8611a", width=4, opacity=.7)
    a.solid(middle, gold(a, 226, 286), GOLD_DARK, depth=8, **rim)
    for x, colour in ((256, "#38e0c4"), (186, "#e24fb4"), (326, "#e24fb4")):
        a.path(ellipse(x, 462, 13), GOLD_DARK)
        a.path(ellipse(x, 461, 11), a.rad(x - 4, 457, 16, "#ffffff", colour, dark(colour, .45)))


def draw(a):
    # The bowl of the stand closes the view between claws and shell.
    a.solid(smooth(both([(256, 380), (340, 384), (384, 400), (372, 460), (256, 478)])), "#b06a1e", GOLD_DARK, depth=8)
    shell(a)
    stand(a)
