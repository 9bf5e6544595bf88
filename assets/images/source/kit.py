"""Small drawing kit shared by the pictures: paths, gradients and "sculpt".

A picture is a module with `BACKGROUND` (None for transparent, see render.py)
and `draw(art)`, which adds shapes to an `Art` on a 512 x 512 canvas. Light
always comes from the top left.

`sculpt` is the heart of the style. It is an SVG filter that turns a flat shape
into a rounded one: an inner shade from the bottom right, an inner light from
the top left, a thin bounce light on the shaded rim and a soft darker edge in
the local colour instead of a black outline.
"""

import colorsys
import math
from contextlib import contextmanager

SIZE = 512


# ---------------------------------------------------------------- colours
def _rgb(colour):
    return [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]


def _hex(rgb):
    return "#" + "".join(f"{round(max(0, min(1, c)) * 255):02x}" for c in rgb)


def mix(a, b, t):
    """Colour between a (t = 0) and b (t = 1)."""
    return _hex([x + (y - x) * t for x, y in zip(_rgb(a), _rgb(b))])


def dark(colour, t=0.35):
    """Darker and a little more saturated, drifting towards violet."""
    h, l, s = colorsys.rgb_to_hls(*_rgb(colour))
    tint = _hex(colorsys.hls_to_rgb(h, l * (1 - t), min(1, s * 1.1)))
    return mix(tint, "#2a1650", t * 0.35)


def light(colour, t=0.35):
    """Lighter, drifting towards warm white."""
    return mix(colour, "#fffbe6", t)


# ------------------------------------------------------------------ paths
def n(v):
    return f"{v:.2f}".rstrip("0").rstrip(".")


def ellipse(cx, cy, rx, ry=None):
    ry = rx if ry is None else ry
    return (f"M{n(cx - rx)} {n(cy)}a{n(rx)} {n(ry)} 0 1 1 {n(2 * rx)} 0"
            f"a{n(rx)} {n(ry)} 0 1 1 {n(-2 * rx)} 0Z")


def rrect(x, y, w, h, r=8):
    r = min(r, w / 2, h / 2)
    return (f"M{n(x + r)} {n(y)}h{n(w - 2 * r)}a{r} {r} 0 0 1 {r} {r}"
            f"v{n(h - 2 * r)}a{r} {r} 0 0 1 {-r} {r}h{n(2 * r - w)}"
            f"a{r} {r} 0 0 1 {-r} {-r}v{n(2 * r - h)}a{r} {r} 0 0 1 {r} {-r}Z")


def smooth(points, closed=True, tension=1.0):
    """Smooth curve through the points (Catmull-Rom as cubic Beziers)."""
    count = len(points)
    at = (lambda i: points[i % count]) if closed else \
         (lambda i: points[max(0, min(count - 1, i))])
    k = tension / 6
    d = f"M{n(points[0][0])} {n(points[0][1])}"
    for i in range(count if closed else count - 1):
        p0, p1, p2, p3 = at(i - 1), at(i), at(i + 1), at(i + 2)
        d += "C" + " ".join(n(v) for v in (
            p1[0] + (p2[0] - p0[0]) * k, p1[1] + (p2[1] - p0[1]) * k,
            p2[0] - (p3[0] - p1[0]) * k, p2[1] - (p3[1] - p1[1]) * k,
            p2[0], p2[1]))
    return d + ("Z" if closed else "")


def poly(points, r=0):
    """Polygon with corners rounded by about r."""
    if not r:
        return "M" + "L".join(f"{n(x)} {n(y)}" for x, y in points) + "Z"
    d, count = "", len(points)
    for i, (x, y) in enumerate(points):
        ends = []
        for qx, qy in (points[i - 1], points[(i + 1) % count]):
            length = math.hypot(qx - x, qy - y) or 1
            t = min(r, length / 2) / length
            ends.append((x + (qx - x) * t, y + (qy - y) * t))
        (ax, ay), (bx, by) = ends
        d += f"{'L' if d else 'M'}{n(ax)} {n(ay)}Q{n(x)} {n(y)} {n(bx)} {n(by)}"
    return d + "Z"


def both(points, cx=256):
    """Closed, mirror-symmetric outline from its right half (top to bottom)."""
    left = [(2 * cx - x, y) for x, y in reversed(points) if abs(x - cx) > 0.01]
    return list(points) + left


def ring(cx, cy, outer, inner):
    """Annulus; draw it with rule='evenodd'."""
    return ellipse(cx, cy, outer) + ellipse(cx, cy, inner)


def polar(cx, cy, r, degrees, squash=1.0):
    a = math.radians(degrees)
    return cx + r * math.cos(a), cy + r * squash * math.sin(a)


# -------------------------------------------------------------------- art
class Art:
    """Collects SVG elements; all coordinates are canvas pixels."""

    def __init__(self):
        self.defs, self.body, self._known = [], [], {}

    def _define(self, key, make):
        if key not in self._known:
            self._known[key] = f"d{len(self._known)}"
            self.defs.append(make(self._known[key]))
        return f"url(#{self._known[key]})"

    @staticmethod
    def _stops(stops):
        count = len(stops)
        out = ""
        for i, stop in enumerate(stops):
            if isinstance(stop, str):
                stop = (i / max(1, count - 1), stop)
            opacity = f' stop-opacity="{stop[2]}"' if len(stop) > 2 else ""
            out += f'<stop offset="{n(stop[0])}" stop-color="{stop[1]}"{opacity}/>'
        return out

    def lin(self, x1, y1, x2, y2, *stops):
        """Linear gradient; a stop is a colour or (offset, colour[, opacity])."""
        return self._define(("lin", x1, y1, x2, y2, stops), lambda i: (
            f'<linearGradient id="{i}" gradientUnits="userSpaceOnUse" x1="{n(x1)}" '
            f'y1="{n(y1)}" x2="{n(x2)}" y2="{n(y2)}">{self._stops(stops)}</linearGradient>'))

    def rad(self, cx, cy, r, *stops, fx=None, fy=None):
        """Radial gradient, (fx, fy) being the focus."""
        fx, fy = cx if fx is None else fx, cy if fy is None else fy
        return self._define(("rad", cx, cy, r, fx, fy, stops), lambda i: (
            f'<radialGradient id="{i}" gradientUnits="userSpaceOnUse" cx="{n(cx)}" '
            f'cy="{n(cy)}" r="{n(r)}" fx="{n(fx)}" fy="{n(fy)}">'
            f'{self._stops(stops)}</radialGradient>'))

    def blur(self, radius):
        return self._define(("blur", radius), lambda i: (
            f'<filter id="{i}" color-interpolation-filters="sRGB" x="-1" y="-1" '
            f'width="3" height="3"><feGaussianBlur stdDeviation="{radius}"/></filter>'))

    def clip(self, d, rule="nonzero"):
        return self._define(("clip", d, rule), lambda i: (
            f'<clipPath id="{i}"><path d="{d}" clip-rule="{rule}"/></clipPath>'))

    def sculpt(self, shade, glow="#fffbe6", depth=14, shade_a=0.55, glow_a=0.6,
               rim="#ffffff", rim_a=0.25, edge_a=0.75, edge=1.6):
        """The rounding filter; `shade` is the dark tint of the local colour."""
        def layer(k, colour, alpha, dx, dy, soft):
            return (f'<feGaussianBlur in="SourceAlpha" stdDeviation="{n(soft)}"/>'
                    f'<feOffset dx="{n(dx)}" dy="{n(dy)}" result="o{k}"/>'
                    f'<feFlood flood-color="{colour}" flood-opacity="{alpha}"/>'
                    f'<feComposite operator="out" in2="o{k}"/>'
                    f'<feComposite operator="in" in2="SourceAlpha" result="l{k}"/>')
        key = ("sculpt", shade, glow, depth, shade_a, glow_a, rim, rim_a, edge_a, edge)
        return self._define(key, lambda i: (
            f'<filter id="{i}" color-interpolation-filters="sRGB" x="-0.2" y="-0.2" '
            f'width="1.4" height="1.4">'
            + layer(0, shade, shade_a, -depth * .75, -depth, depth * .75)
            + layer(1, glow, glow_a, depth * .38, depth * .5, depth * .42)
            + layer(2, rim, rim_a, -depth * .1, -depth * .14, depth * .14)
            + layer(3, shade, edge_a, 0, 0, edge)
            + '<feMerge><feMergeNode in="SourceGraphic"/><feMergeNode in="l0"/>'
            '<feMergeNode in="l2"/><feMergeNode in="l1"/><feMergeNode in="l3"/>'
            '</feMerge></filter>'))

    # -------------------------------------------------------- drawing
    def path(self, d, fill="none", stroke=None, width=0, opacity=1, blur=0,
             rule=None, cap="round", turn=None, dash=None):
        """One path. `turn` is (degrees, cx, cy); `blur` softens it."""
        a = f'<path d="{d}" fill="{fill}"'
        if stroke:
            a += (f' stroke="{stroke}" stroke-width="{n(width)}" '
                  f'stroke-linecap="{cap}" stroke-linejoin="round"')
        if opacity != 1:
            a += f' opacity="{n(opacity)}"'
        if rule:
            a += f' fill-rule="{rule}"'
        if turn:
            a += f' transform="rotate({" ".join(n(v) for v in turn)})"'
        if dash:
            a += f' stroke-dasharray="{dash}"'
        a += "/>"
        # The filter goes on a group so that its region is not rotated.
        self.body.append(f'<g filter="{self.blur(blur)}">{a}</g>' if blur else a)

    @contextmanager
    def group(self, filter=None, clip=None, opacity=1, transform=None):
        a = "<g"
        for name, value in (("filter", filter), ("clip-path", clip),
                            ("transform", transform)):
            a += f' {name}="{value}"' if value else ""
        self.body.append(a + (f' opacity="{n(opacity)}">' if opacity != 1 else ">"))
        yield
        self.body.append("</g>")

    @contextmanager
    def form(self, d, fill, shade, rule=None, transform=None, **sculpt):
        """Filled, sculpted shape; what is drawn inside `with` is clipped to it."""
        with self.group(filter=self.sculpt(shade, **sculpt), transform=transform):
            self.path(d, fill, rule=rule)
            with self.group(clip=self.clip(d, rule or "nonzero")):
                yield

    def solid(self, d, fill, shade, **kw):
        """A form without details."""
        with self.form(d, fill, shade, **kw):
            pass

    def gloss(self, cx, cy, rx, ry, degrees=0, opacity=0.75, blur=0, colour="#ffffff"):
        """Bright reflection."""
        self.path(ellipse(cx, cy, rx, ry), colour, opacity=opacity, blur=blur,
                  turn=(degrees, cx, cy))

    def svg(self, background=""):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE}" height="{SIZE}" '
                f'viewBox="0 0 {SIZE} {SIZE}"><defs>{"".join(self.defs)}</defs>'
                f'{background}{"".join(self.body)}</svg>')
