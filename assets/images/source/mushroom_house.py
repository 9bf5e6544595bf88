"""A toadstool house: red spotted cap, wooden door, lit windows."""

from kit import both, dark, ellipse, light, poly, rrect, smooth

BACKGROUND = None

RED, CREAM, WOOD, STONE, GRASS = "#e2352f", "#f6dfb4", "#a8642f", "#9aa0b4", "#5fb33a"


def chimney(a):
    body = poly([(330, 62), (388, 62), (392, 170), (326, 170)], 4)
    with a.form(body, a.lin(326, 0, 392, 0, light(STONE, .35), STONE, dark(STONE, .3)),
                dark(STONE, .6), depth=9):
        for x, y, w in ((326, 88, 30), (360, 84, 34), (324, 116, 22), (350, 112, 28),
                        (382, 118, 14), (330, 140, 34), (368, 142, 26)):
            a.path(rrect(x, y, w, 22, 7), light(STONE, .3), opacity=.55)
            a.path(rrect(x, y, w, 22, 7), stroke=dark(STONE, .5), width=2.5, opacity=.6)
    a.solid(rrect(318, 44, 82, 28, 9), a.lin(318, 0, 400, 0, "#d98a5a", "#c06a42", "#8c452f"),
            "#5a241f", depth=8)


def window(a, cx, cy, r):
    a.solid(ellipse(cx, cy, r), a.lin(cx - r, cy - r, cx + r, cy + r, light(WOOD, .25), WOOD,
            dark(WOOD, .35)), dark(WOOD, .65), depth=6)
    glass = r - 10
    a.path(ellipse(cx, cy, glass + 1.5), dark(WOOD, .6))
    with a.group(clip=a.clip(ellipse(cx, cy, glass))):
        a.path(ellipse(cx, cy, glass), a.rad(cx, cy + 5, glass * 1.2, "#fffbd0", "#ffd95e", "#ff9f2e"))
        a.path(f"M{cx} {cy - r}V{cy + r}M{cx - r} {cy}H{cx + r}", stroke=dark(WOOD, .3), width=8)
        a.path(f"M{cx - r} {cy - r * .2}L{cx - r * .1} {cy - r}", stroke="#ffffff", width=7, opacity=.5)


def door(a):
    frame = "M176 470V372A62 62 0 0 1 300 372V470Z"
    a.solid(frame, a.lin(176, 0, 300, 0, "#b8bdd0", STONE, dark(STONE, .35)), dark(STONE, .65), depth=8)
    for x1, y1, x2, y2 in ((176, 434, 192, 434), (176, 398, 192, 398), (284, 434, 300, 434),
                           (284, 398, 300, 398), (180, 352, 196, 359), (296, 352, 280, 359),
                           (203, 321, 211, 335), (273, 321, 265, 335), (238, 310, 238, 326)):
        a.path(f"M{x1} {y1}L{x2} {y2}", stroke=dark(STONE, .55), width=3, opacity=.8)
    leaf = "M191 470V373A47 47 0 0 1 285 373V470Z"
    a.path(leaf, dark(WOOD, .75), stroke=dark(WOOD, .75), width=4)
    with a.form(leaf, a.lin(191, 0, 285, 0, light(WOOD, .2), WOOD, dark(WOOD, .3)),
                dark(WOOD, .7), depth=8, glow="#ffc98a", glow_a=.45):
        for x in (191, 229, 267):
            a.path(f"M{x - 14} 320V470", stroke=light(WOOD, .3), width=4, opacity=.35)
        for x in (214, 238, 262):
            a.path(f"M{x} 320V470", stroke=dark(WOOD, .6), width=4)
        for y in (378, 440):
            a.path(f"M188 {y}H246", stroke="#4b3a4c", width=11)
            a.path(f"M188 {y - 3}H245", stroke="#8d7d93", width=3)
    a.solid(ellipse(270, 412, 9), a.rad(268, 409, 10, "#fff3b0", "#f3b62e", "#a8651a"), "#6b3a12", depth=4)


def cap(a):
    # Underside with gills first, then the dome.
    under = ellipse(256, 264, 196, 44)
    with a.form(under, a.lin(0, 222, 0, 308, "#a86f4e", "#e9bf8c"), "#5d2c2c", depth=12, glow_a=0):
        for i in range(-13, 14):
            x = i * 17
            a.path(f"M{256 + x * .55} 226Q{256 + x * .9} 270 {256 + x * 1.12} 312",
                   stroke="#9a5f45", width=4, opacity=.7)
    dome = smooth(both([(256, 78), (330, 92), (402, 140), (452, 208), (474, 262), (452, 286),
                        (390, 276), (322, 264), (256, 260)]))
    with a.form(dome, a.rad(200, 140, 330, "#ff6a50", RED, "#c81f35", "#8d1440"), "#5c0a36",
                depth=24, shade_a=.6, glow="#ffb98a", glow_a=.75, rim="#ff9fb0", rim_a=.45):
        spots = ((228, 128, 40, 30, -8), (128, 190, 34, 32, -30), (318, 196, 46, 38, 14),
                 (216, 222, 30, 22, 0), (412, 238, 27, 30, 35), (66, 254, 22, 26, 30),
                 (148, 262, 24, 15, -8), (330, 116, 20, 14, 22), (370, 292, 22, 20, 10),
                 (272, 268, 18, 12, 0))
        for cx, cy, rx, ry, turn in spots:
            a.path(ellipse(cx + 3, cy + 5, rx + 1, ry + 1), "#7d0f30", opacity=.55, blur=3,
                   turn=(turn, cx, cy))
            a.path(ellipse(cx, cy, rx, ry), a.lin(cx - rx, cy - ry, cx + rx, cy + ry, "#fffdf0",
                   "#ffeecb", "#eab98f"), turn=(turn, cx, cy))
        a.gloss(160, 132, 74, 20, -36, .55, blur=9)
    a.gloss(146, 133, 26, 7, -40, .8, blur=1.2)


def base(a):
    for cx, cy, r in ((108, 462, 20), (404, 460, 23), (372, 470, 15)):
        a.solid(ellipse(cx, cy, r * 1.25, r * .9), a.lin(cx - r, cy - r, cx + r, cy + r,
                "#c3c8d8", STONE, dark(STONE, .3)), dark(STONE, .6), depth=7)
    grass = GRASS, dark(GRASS, .65)
    for x, tips in ((122, (-26, -10, 8, 24)), (330, (-24, -8, 10, 26)), (386, (-20, 0, 18))):
        d = ""
        for t in tips:
            h = 46 - abs(t) * .8
            d += f"M{x + t * .55 - 8} 481Q{x + t * .7 - 4} {481 - h * .7} {x + t * 1.25} {481 - h}" \
                 f"Q{x + t + 9} {481 - h * .4} {x + t * .55 + 9} 481Z"
        a.solid(d, a.lin(0, 436, 0, 482, light(grass[0], .35), grass[0], dark(grass[0], .3)), grass[1], depth=6)


def draw(a):
    chimney(a)
    stem = smooth(both([(256, 236), (338, 246), (346, 320), (366, 400), (392, 456), (372, 480), (256, 482)]))
    with a.form(stem, a.lin(130, 0, 390, 0, "#fff3d6", CREAM, "#d9ab7c", "#b27f66"), "#7d4a4e",
                depth=22, shade_a=.45):
        a.path(ellipse(256, 262, 190, 60), "#7a4038", opacity=.6, blur=12)
        for x, y, h in ((150, 352, 54), (166, 420, 40), (322, 420, 44), (352, 424, 34), (338, 330, 24)):
            a.path(f"M{x} {y}q-6 {h / 2} -4 {h}", stroke="#b98a62", width=5, opacity=.45)
    door(a)
    window(a, 341, 362, 36)
    cap(a)
    base(a)
    a.solid(rrect(168, 462, 140, 21, 10), a.lin(168, 0, 308, 0, "#cfd3e2", STONE, dark(STONE, .3)),
            dark(STONE, .6), depth=7)
