"""A hero's sword: bevelled steel, a glowing fuller, gold guard and rubies."""

from kit import both, dark, ellipse, light, poly, smooth

BACKGROUND = None

GOLD, LEATHER, RUBY = "#f2b02c", "#7b3f2c", "#e2234a"


def gem(a, cx, cy, rx, ry):
    """A faceted, diamond-shaped ruby in a gold setting."""
    a.path(poly([(cx, cy - ry - 7), (cx + rx + 7, cy), (cx, cy + ry + 7), (cx - rx - 7, cy)], 8),
           a.lin(cx - rx, cy - ry, cx + rx, cy + ry, "#fff0a8", "#c07a1c", "#7a4412"))
    top, right, bottom, left = (cx, cy - ry), (cx + rx, cy), (cx, cy + ry), (cx - rx, cy)
    a.path(poly([top, right, bottom, left]), RUBY)
    for tri, colour in (((top, left), "#ff8aa0"), ((top, right), "#f04a68"),
                        ((bottom, left), "#c8123f"), ((bottom, right), "#7e0a38")):
        a.path(poly([*tri, (cx, cy)]), colour)
    table = [(cx + (x - cx) * .5, cy + (y - cy) * .5) for x, y in (top, right, bottom, left)]
    a.path(poly(table), a.lin(cx - rx / 2, cy - ry / 2, cx + rx / 2, cy + ry / 2, "#ffb3bd", "#e8284f", "#a80f42"))
    a.gloss(cx - rx * .22, cy - ry * .3, rx * .18, ry * .12, -40, .95)


def blade(a):
    edge = [(256, 28), (300, 88), (296, 200), (304, 328)]
    outline = poly(both(edge), 5)
    with a.form(outline, "#cfdbe9", "#3b4c7a", depth=4, shade_a=.3, glow_a=.4, rim_a=.2):
        left, right = poly([(256, 28), (256, 330), (208, 330), (216, 200), (212, 88)]), \
            poly([(256, 28), (256, 330), (304, 330), (296, 200), (300, 88)])
        a.path(left, a.lin(208, 60, 256, 330, "#ffffff", "#dbe8f4", "#b9cbe0"))
        a.path(right, a.lin(256, 40, 304, 330, "#a9bcd8", "#7f95bd", "#5d6f9f"))
        # Ground edges: a bright one on the left, a cool one on the right.
        a.path(poly([(256, 28), (212, 88), (216, 200), (208, 330), (226, 330), (232, 200), (230, 92)]),
               a.lin(208, 0, 232, 0, "#9fb4d2", "#e9f3fb"))
        a.path(poly([(256, 28), (300, 88), (296, 200), (304, 330), (286, 330), (280, 200), (282, 92)]),
               a.lin(280, 0, 304, 0, "#cfdcf0", "#8ea4cc"))
        a.path("M200 250L312 168V196L200 278ZM200 292L312 210V220L200 302Z", "#ffffff", opacity=.4)
        a.path(ellipse(256, 314, 70, 26), "#3a3260", opacity=.6, blur=8)
    fuller = smooth([(256, 112), (264, 150), (264, 240), (268, 330), (244, 330), (248, 240), (248, 150)])
    a.path(fuller, "#2bd0ff", opacity=.75, blur=6)
    a.solid(fuller, a.lin(0, 112, 0, 330, "#ffffff", "#74f0ff", "#22b4f4", "#2a70e8"), "#1b3fa0", depth=3)


def guard(a):
    wings = smooth(both([(256, 318), (300, 318), (340, 306), (368, 276), (396, 268), (392, 288), (398, 312),
                         (376, 340), (336, 360), (296, 362), (256, 374)]), tension=.9)
    with a.form(wings, a.lin(0, 270, 0, 374, "#fff2a6", "#ffd04a", GOLD, "#b56a18"), "#6a3210",
                depth=11, glow="#fffde0", glow_a=.8, rim="#ffdf80", rim_a=.5):
        for s in (-1, 1):
            for x, y in ((330, 348), (348, 336)):
                x0 = 256 + s * (x - 256)
                a.path(f"M{256 + s * 46} {y - 6}Q{x0} {y - 10} {256 + s * 128} {y - 48}", stroke="#a35c14",
                       width=6, opacity=.75)
                a.path(f"M{256 + s * 46} {y - 2}Q{x0} {y - 6} {256 + s * 128} {y - 44}", stroke="#fff3b4",
                       width=2.5, opacity=.8)
    boss = poly(both([(256, 300), (296, 320), (296, 356), (256, 384)]), 14)
    a.solid(boss, a.lin(216, 300, 296, 384, "#fff6bd", GOLD, "#a55f16"), "#64300f", depth=9)
    gem(a, 256, 341, 22, 27)


def grip(a):
    body = smooth(both([(256, 344), (272, 344), (278, 390), (270, 436), (256, 436)]), tension=.8)
    with a.form(body, a.lin(234, 0, 278, 0, light(LEATHER, .3), LEATHER, dark(LEATHER, .45)),
                dark(LEATHER, .75), depth=9, glow_a=.4):
        for y in (364, 382, 400, 418, 436):
            a.path(f"M228 {y + 8}L284 {y - 8}", stroke=dark(LEATHER, .65), width=6)
            a.path(f"M228 {y + 3}L284 {y - 13}", stroke="#d99a5e", width=3.5, opacity=.75)
        a.path(ellipse(256, 354, 40, 12), "#20102a", opacity=.6, blur=5)
    pommel = smooth(both([(256, 426), (276, 430), (290, 452), (276, 476), (256, 484)]))
    a.solid(pommel, a.rad(246, 442, 46, "#fff3b0", "#f6bd3c", "#a85f16"), "#64300f", depth=10, rim="#ffdf80")
    a.path(ellipse(256, 455, 15), "#7a4412")
    a.path(ellipse(256, 455, 13), a.rad(251, 449, 20, "#ff9aa8", RUBY, "#7e0a38"))
    a.gloss(251, 449, 4.5, 3, -40, .95)


def draw(a):
    blade(a)
    grip(a)
    with a.group(transform="translate(0 -22)"):
        guard(a)
