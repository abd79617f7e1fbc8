"""Make the sample files: ``python samples/make.py [--out DIR]``. Deterministic; drawn by arithmetic, no AI took part."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

Colour = tuple[int, int, int]
Point = tuple[float, float]
SKY_BLUE, GOLD, FELT, RED, NIGHT = (0, 157, 184), (245, 190, 60), (246, 238, 222), (176, 42, 48), (22, 38, 66)


class Pen:
    """Draws three times as large as wanted, so that edges come out smooth."""

    def __init__(self, picture: Image.Image) -> None:
        self.size = picture.size
        self.large = picture.resize((3 * picture.width, 3 * picture.height), Image.Resampling.BICUBIC)
        self._draw = ImageDraw.Draw(self.large)

    @property
    def picture(self) -> Image.Image:
        """As large as wanted."""
        return self.large.resize(self.size, Image.Resampling.BOX)

    def shape(self, points: Iterable[Point], fill: Colour | tuple[int, int, int, int]) -> None:
        self._draw.polygon([(3 * x, 3 * y) for x, y in points], fill)

    def shade(self, points: Iterable[Point], low: Colour, high: Colour) -> None:
        """A shape, light above and dark below."""
        mask = Image.new("L", self.large.size)
        ImageDraw.Draw(mask).polygon([(3 * x, 3 * y) for x, y in points], 255)
        left, top, right, bottom = mask.getbbox() or (0, 0, 1, 1)
        fill = gradient((right - left, bottom - top), (0, high), (1, low))
        self.large.paste(fill, (left, top), mask.crop((left, top, right, bottom)))

    def box(
        self, left: float, top: float, right: float, bottom: float, fill: Colour, round: float = 0
    ) -> None:
        self._draw.rounded_rectangle((3 * left, 3 * top, 3 * right - 1, 3 * bottom - 1), 3 * round, fill)

    def disc(self, x: float, y: float, r: float, fill: Colour) -> None:
        self._draw.ellipse((3 * (x - r), 3 * (y - r), 3 * (x + r), 3 * (y + r)), fill)

    def line(self, points: Iterable[Point], fill: Colour, width: float) -> None:
        self._draw.line([(3 * x, 3 * y) for x, y in points], fill, round(3 * width), joint="curve")

    def horns(self, x: float, y: float, size: float, fill: Colour, width: float, up: int = 1) -> None:
        """Koshkar muiz, the ram's horns: a stem, and half-circles that roll in to both sides."""
        for turn in (-1, 1):
            at, points = x, [(x, y + up * size * 0.7)]
            for sign, share in ((1, 0.3), (-1, 0.2), (1, 0.12)):
                r = size * share
                for angle in (math.pi * i / 16 for i in range(17)):
                    points.append(
                        (at + turn * sign * r * (1 - math.cos(angle)), y - up * sign * r * math.sin(angle))
                    )
                at += turn * sign * 2 * r
            self.line(points, fill, width)
            self.disc(*points[-1], width * 0.8, fill)


def gradient(size: tuple[int, int], *stops: tuple[float, Colour]) -> Image.Image:
    """From top to bottom; each stop is a share of the height with its colour."""
    column = Image.new("RGB", (1, size[1]))
    for y in range(size[1]):
        at = min(max(y / size[1], stops[0][0]), stops[-1][0])
        (a, low), (b, high) = next(p for p in pairwise(stops) if at <= p[1][0])
        t = (at - a) / (b - a)
        column.putpixel((0, y), tuple(round(p + (q - p) * t) for p, q in zip(low, high, strict=True)))
    return column.resize(size)


def fade(size: tuple[int, int], *stops: tuple[float, int]) -> Image.Image:
    """A gradient in grey."""
    return gradient(size, *((at, (grey, grey, grey)) for at, grey in stops)).convert("L")


def levels(image: Image.Image, low: float, high: float, top: float = 255) -> Image.Image:
    """Grey stretched so that ``low`` becomes black and ``high`` becomes ``top``."""
    return image.point([round(min(max((v - low) / (high - low), 0), 1) * top) for v in range(256)])


def noise(size: tuple[int, int], random: Random, *cells: tuple[int, int]) -> Image.Image:
    """Octaves of smooth noise, finest first, each as strong as all finer ones; grey from black to white."""
    out: Image.Image | None = None
    for w, h in cells:
        grid = (size[0] // w + 2, size[1] // h + 2)
        coarse = Image.frombytes("L", grid, random.randbytes(grid[0] * grid[1]))
        part = (0.5, 0.5, 0.5 + size[0] / w, 0.5 + size[1] / h)
        octave = coarse.resize(size, Image.Resampling.BICUBIC, part)
        out = Image.blend(out, octave, 0.5) if out else octave
    assert out
    return ImageOps.autocontrast(out)


def ridge(width: int, base: float, peaks: Sequence[float], random: Random) -> list[Point]:
    """A mountain line by midpoint displacement between peaks, closed far below."""
    heights, rise = list(peaks), max(peaks) * 0.36
    while len(heights) <= width / 4:
        middles = [(a + b) / 2 + random.uniform(-rise, rise) for a, b in pairwise(heights)]
        heights = [h for pair in zip(heights, middles, strict=False) for h in pair] + heights[-1:]
        rise *= 0.36
    step = (width + 40) / (len(heights) - 1)
    line = [(i * step - 20, base - h) for i, h in enumerate(heights)]
    return [*line, (width + 20, 9999), (-20, 9999)]


def relief(size: tuple[int, int], random: Random) -> Image.Image:
    """Rock lit from the right: sharp crests of folded noise, seen by their slopes; grey."""
    out = Image.new("L", size, 128)
    for w, h in ((7, 8), (20, 22), (52, 56), (130, 130)):
        fold = noise(size, random, (w, h)).point([255 - abs(2 * v - 255) for v in range(256)])
        slope = ImageChops.subtract(fold, ImageChops.offset(fold, -w // 3, h // 6), 1.4, 128)
        out = Image.blend(out, slope, 0.45)
    return out


def glow(picture: Image.Image, at: tuple[int, int], radius: int, colour: Colour, strength: int) -> None:
    """A soft round light."""
    side = (2 * radius, 2 * radius)
    spot = ImageOps.invert(Image.radial_gradient("L")).resize(side, Image.Resampling.BICUBIC)
    fall = spot.point([round(strength * (max(v - 74, 0) / 181) ** 1.6) for v in range(256)])
    picture.paste(colour, (at[0] - radius, at[1] - radius), fall)


RANGES: tuple[tuple[int, tuple[int, ...], Colour, Colour], ...] = (
    (470, (60, 84, 52, 110, 74, 150, 176, 96, 150, 118, 190, 130, 70), (84, 98, 136), (206, 184, 178)),
    (500, (30, 52, 64, 40, 22, 44, 60, 84, 50), (70, 82, 104), (168, 146, 136)),
    (540, (40, 26, 44, 30, 20, 16, 34, 48), (58, 72, 70), (140, 126, 96)),
)


def steppe() -> Image.Image:
    """As a photograph: morning over the steppe, mountains behind."""
    random, size, horizon = Random("steppe"), (1280, 853), 548
    sky = ((0, (38, 84, 150)), (0.3, (112, 152, 190)), (0.52, (250, 208, 160)), (0.6, (255, 226, 178)))
    picture = gradient(size, *sky)
    clouds = noise(size, random, (14, 5), (40, 12), (100, 26), (280, 60))
    veil = ImageChops.multiply(levels(clouds, 128, 230, 220), fade(size, (0, 255), (0.62, 0)))
    picture.paste((255, 236, 214), mask=veil)
    glow(picture, (905, 440), 620, (255, 214, 140), 200)
    for base, peaks, dark, light in RANGES:
        outline = Image.new("L", size)
        ImageDraw.Draw(outline).polygon(ridge(size[0], base, peaks, random), 255)
        lit = relief(size, random)
        rock = ImageOps.colorize(lit, dark, light)
        snow = levels(ImageChops.add(fade(size, (0.34, 255), (0.54, 0)), lit, 2), 120, 150)
        rock.paste(ImageOps.colorize(lit, (132, 152, 196), (255, 246, 234)), mask=snow)
        rock.paste((250, 214, 168), mask=fade(size, (0.42, 30), (0.64, 215)))
        picture.paste(rock, mask=outline.filter(ImageFilter.GaussianBlur(0.7)))
    picture.paste(_plain((size[0], size[1] - horizon), random), (0, horizon))
    for x, y, s in ((400, 600, 34), (505, 590, 24), (338, 586, 18)):
        tent = _tent(s)
        picture.paste(tent, (x, y - s), tent)
    grass = _grass(size, horizon, random)
    picture.paste(grass, mask=grass)
    glow(picture, (905, 470), 760, (255, 206, 130), 70)
    grain = Image.frombytes("L", size, random.randbytes(size[0] * size[1]))
    grain = levels(grain.filter(ImageFilter.GaussianBlur(0.6)), 0, 255, 14)
    return ImageChops.add(picture, grain.convert("RGB"), offset=-7)


def _plain(size: tuple[int, int], random: Random) -> Image.Image:
    """Ground in perspective, paler far away."""
    ground = noise((1280, 900), random, (3, 3), (9, 8), (30, 24), (120, 60))
    seen = ground.transform(size, Image.Transform.QUAD, (0, 0, 460, 900, 820, 900, 1280, 0))
    turf = ImageOps.colorize(seen, (84, 88, 48), (226, 190, 112), (158, 142, 78))
    turf.paste((244, 208, 148), mask=fade(size, (0, 215), (0.4, 0)))
    return turf


def _grass(size: tuple[int, int], horizon: int, random: Random) -> Image.Image:
    """Blades from far to near, on nothing."""
    blades = Image.new("RGBA", (2 * size[0], 2 * size[1]))
    pen = ImageDraw.Draw(blades)
    for i in range(9000):
        near = (i / 9000) ** 0.7
        x = random.uniform(-40, blades.width + 40)
        y = 2 * (horizon + (size[1] - horizon) * (0.08 + 0.98 * near))
        long, lean = 6 + 74 * near**2 * random.uniform(0.5, 1), random.uniform(-0.1, 0.5)
        light = random.random() ** 2
        colour = tuple(round(a + (b - a) * light) for a, b in zip((74, 80, 38), (250, 216, 146), strict=True))
        bend = [(x + lean * long * t * t, y - long * t) for t in (0, 0.35, 0.7, 1)]
        pen.line(bend, (*colour, 210), 1 + round(near * 1.6))
    return blades.resize(size, Image.Resampling.BOX)


def _tent(s: int) -> Image.Image:
    """A yurt far away with its shadow; ``s`` is a third of its width in px."""
    pen = Pen(Image.new("RGBA", (12 * s, 8 * s)))
    pen.shape([(2 * s, 6 * s), (10 * s, 6 * s), (5 * s, 6.6 * s), (0, 6.5 * s)], (60, 62, 40, 120))
    right = [(7.6 * s, 1.6 * s), (10 * s, 4 * s), (10 * s, 6 * s)]
    pen.shape([(2 * s, 6 * s), (2 * s, 4 * s), (4.4 * s, 1.6 * s), *right], (226, 214, 196, 255))
    pen.shape([(6 * s, 6 * s), (6 * s, 1.6 * s), *right], (250, 236, 208, 255))
    pen.box(2 * s, 4 * s, 10 * s, 4.35 * s, (150, 84, 62))
    pen.box(5.3 * s, 4.35 * s, 6.6 * s, 6 * s, (112, 66, 50))
    return pen.picture.resize((3 * s, 2 * s), Image.Resampling.LANCZOS)


def yurt() -> Image.Image:
    """As an illustration: flat shapes under a large moon."""
    random, pen = Random("yurt"), Pen(Image.new("RGB", (1000, 1000), NIGHT))
    for _ in range(70):
        pen.disc(random.uniform(0, 1000), random.uniform(0, 560), random.choice((1.2, 1.8, 2.6)), FELT)
    for r, colour in ((390, (42, 66, 96)), (340, (66, 94, 118)), (290, GOLD)):
        pen.disc(500, 430, r, colour)
    for base, height, colour in ((640, 120, (50, 96, 110)), (700, 90, (36, 76, 92)), (770, 60, (28, 60, 74))):
        hill = [(x, base - height * (0.5 + 0.5 * math.sin(x / 150 + base))) for x in range(0, 1010, 10)]
        pen.shape([*hill, (1000, 1000), (0, 1000)], colour)
    pen.box(0, 860, 1000, 1000, (20, 44, 56))
    dome = [(500 + 290 * math.sin(a / 20), 610 - 200 * math.cos(a / 20) ** 0.8) for a in range(-30, 31)]
    pen.shape([(210, 600), *dome, (790, 600)], FELT)
    pen.shape([(210, 600), (790, 600), (770, 870), (230, 870)], (234, 222, 200))
    pen.box(430, 385, 570, 425, RED, round=18)
    for x in (300, 385, 615, 700):
        pen.line([(x, 600), (500 + (x - 500) * 0.3, 425)], RED, 5)
        pen.shape([(x, 700), (x + 34, 760), (x, 820), (x - 34, 760)], SKY_BLUE)
        pen.shape([(x, 726), (x + 18, 760), (x, 794), (x - 18, 760)], GOLD)
    pen.box(198, 590, 802, 662, RED)
    for x in range(234, 800, 76):
        pen.horns(x, 622, 42, GOLD, 5)
    pen.box(436, 676, 564, 870, (120, 62, 44))
    for x in (447, 505):
        pen.box(x, 688, x + 48, 862, (158, 88, 56))
        pen.horns(x + 24, 730, 40, GOLD, 4)
        pen.horns(x + 24, 820, 40, GOLD, 4, up=-1)
    pen.box(0, 925, 1000, 1000, RED)
    pen.box(0, 925, 1000, 933, GOLD)
    for x in range(50, 1000, 100):
        pen.horns(x, 962, 44, GOLD, 6)
    return pen.picture


def tulip() -> Image.Image:
    """As a cut-out on transparency: a wild tulip."""
    pen = Pen(Image.new("RGBA", (800, 800)))
    for (x, y), bulge, low, high in (
        ((610, 270), -0.13, (30, 92, 60), (120, 176, 90)),
        ((205, 360), 0.14, (26, 84, 56), (104, 164, 84)),
    ):
        leaf = []
        for i in range(81):
            t, side = 1 - abs(i / 40 - 1), bulge if i < 40 else -0.35 * bulge
            belly = side * math.sin(math.pi * t)
            leaf.append((400 + (x - 400) * t + (y - 755) * belly, 755 + (y - 755) * t + (400 - x) * belly))
        pen.shade(leaf, low, high)
    stem = [(400 + 14 * math.sin(y / 130), y) for y in range(380, 761, 10)]
    pen.shade(
        [*((x - 11, y) for x, y in stem), *((x + 11, y) for x, y in reversed(stem))],
        (52, 112, 62),
        (118, 170, 88),
    )
    for lean, width, tall, low, high in (
        (0, 120, 330, (120, 14, 30), (196, 40, 44)),
        (-100, 92, 300, (150, 20, 34), (226, 66, 50)),
        (100, 92, 300, (150, 20, 34), (226, 66, 50)),
        (0, 108, 270, (176, 28, 40), (248, 110, 66)),
    ):
        petal = []
        for t in (i / 100 - 1 for i in range(201)):
            u = 1 - abs(t)  # 0 at the stem, 1 at the tip
            half = width * math.sin(math.pi * 0.62 * u) ** 0.7 * (1 - u**3)
            petal.append((400 + lean * u**0.8 + math.copysign(half, t), 430 - tall * u**0.9))
        pen.shade(petal, low, high)
    return pen.picture


def eagle() -> list[Image.Image]:
    """As an animation: an eagle before the sun."""
    hills = ((362, 20, 3, (214, 120, 104)), (394, 24, 2, (150, 74, 88)), (432, 20, 1, (86, 48, 74)))
    sky = gradient((480, 480), (0, (250, 196, 120)), (0.8, (238, 142, 116)))
    frames = []
    for phase in (math.tau * n / 12 for n in range(12)):
        pen = Pen(sky)
        pen.disc(240, 190, 110, (255, 236, 190))
        for base, height, waves, colour in hills:
            line = [
                (x, base - height * math.sin(math.tau * x / 480 * waves + phase)) for x in range(0, 484, 4)
            ]
            pen.shape([*line, (480, 480), (0, 480)], colour)
        beat, y = math.sin(phase), 232 - 9 * math.sin(phase + 0.6)
        for turn in (-1, 1):
            upper, lower = [], []
            for i in range(25):
                t = i / 24  # 0 at the body, 1 at the tip
                x, edge = (
                    240 + turn * (14 + 176 * t),
                    y - 58 * beat * math.sin(t * 1.9) - 22 * math.sin(math.pi * t),
                )
                deep = 16 + 46 * math.sin(math.pi * (0.25 + 0.62 * t)) - (11 if i % 4 == 0 else 0)
                upper.append((x, edge))
                lower.append((x, edge + deep * (1 - 0.7 * t**3)))
            pen.shape([*upper, *reversed(lower)], NIGHT)
        body = [(18, -6), (14, 34), (30, 78), (-30, 78), (-14, 34), (-18, -6), (0, -34)]
        pen.shape([(240 + dx, y + dy) for dx, dy in body], NIGHT)
        pen.disc(240, y - 29, 15, NIGHT)
        pen.shape([(252, y - 36), (268, y - 26), (252, y - 24)], NIGHT)
        frames.append(pen.picture)
    return frames


def ornament() -> str:
    """As a drawing: ram's horns around a shanyrak, one path turned eight times."""
    horns = "".join(
        f"M0 0a34 34 0 0 {sweep} {a}68 0a23 23 0 0 {sweep} {b}46 0a14 14 0 0 {sweep} {a}28 0"
        for sweep, a, b in ((1, "", "-"), (0, "-", ""))
    )

    def turned(element: str, count: int, first: float = 0) -> str:
        return "".join(element.format(f"rotate({first + i * 360 / count:g})") for i in range(count))

    corners = turned('<use href="#horns" transform="{}translate(0-335)scale(.8)"/>', 4, 45)
    ring = turned('<use href="#horns" transform="{}translate(0-188)"/>', 8)
    seeds = turned('<path transform="{}" d="M0-276l16 34-16 34-16-34z"/>', 8, 22.5)
    lattice = turned('<path transform="{}" d="M-114-30Q0-70 114-30"/>', 4)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="-320 -320 640 640" width="640" height="640">
<title>Ram's horns around a shanyrak</title>
<defs><path id="horns" d="M0 46V0{horns}"/></defs>
<path fill="#f6eede" d="M-320-320h640v640h-640z"/>
<path fill="none" stroke="#009db8" stroke-width="8" d="M-304-304h608v608h-608z"/>
<g fill="none" stroke="#009db8" stroke-width="13" stroke-linecap="round">{corners}</g>
<g fill="#f5be3c">{seeds}</g>
<g fill="none" stroke="#b02a30" stroke-width="14" stroke-linecap="round">{ring}</g>
<circle r="124" fill="#f5be3c" stroke="#b02a30" stroke-width="14"/>
<g fill="none" stroke="#b02a30" stroke-width="10" stroke-linecap="round">{lattice}</g>
</svg>
"""


def tamga() -> Image.Image:
    """As a tiny icon of a kind that holds no marks: a brand mark in four colours."""
    picture = Image.new("P", (64, 64))
    picture.putpalette([*FELT, *RED, *GOLD, *NIGHT])
    pen = ImageDraw.Draw(picture)
    pen.rectangle((2, 2, 61, 61), outline=3, width=2)
    pen.ellipse((20, 9, 43, 32), fill=2, outline=1, width=4)
    pen.rectangle((30, 32, 33, 54), 1)
    pen.arc((14, 36, 49, 62), 180, 360, 1, 4)
    return picture


def _animate(path: Path) -> None:
    first, *rest = eagle()
    first.save(path, save_all=True, append_images=rest, duration=80, loop=0, quality=80)


def report(path: Path) -> None:
    """Two pages, written by hand: a chart and a table of what the steppe's weather might be."""
    days, warm = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), (11, 14, 17, 13, 9, 12, 16)
    blue, gold = "0 0.616 0.722", "0.961 0.745 0.235"
    bars = "".join(
        f"{gold if t == max(warm) else blue} rg {70 + 62 * i} 480 40 {11 * t} re f "
        f"0 g BT /F1 11 Tf {78 + 62 * i} 462 Td ({day}) Tj 3 {24 + 11 * t} Td ({t}) Tj ET\n"
        for i, (day, t) in enumerate(zip(days, warm, strict=True))
    )
    rows = "".join(
        f"0.85 G 60 {688 - 26 * i} m 535 {688 - 26 * i} l S BT /F1 12 Tf 70 {696 - 26 * i} Td ({day}) Tj "
        f"190 0 Td ({t} C) Tj 160 0 Td ({(3 * t) % 11} m/s) Tj ET\n"
        for i, (day, t) in enumerate(zip(days, warm, strict=True))
    )

    def page(title: str, body: str, number: int) -> str:
        return (
            f"{blue} rg 0 792 595 50 re f 1 g BT /F2 22 Tf 60 808 Td ({title}) Tj ET\n0 g {body}"
            f"0.4 g BT /F1 9 Tf 295 28 Td ({number}) Tj ET"
        )

    contents = page("A week on the steppe", bars, 1), page("The same in figures", rows, 2)
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /Lang (en) >>",
        "<< /Type /Pages /Kids [ 5 0 R 6 0 R ] /Count 2 >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >>",
        *(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [ 0 0 595 842 ] /Contents {number} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>"
            for number in (7, 8)
        ),
        *(f"<< /Length {len(text)} >>\nstream\n{text}\nendstream" for text in contents),
        "<< /Title (A week on the steppe) >>",
    ]
    out, places = "%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    out += (
        f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R /Info 9 0 R >>\n"
    )
    path.write_bytes(f"{out}startxref\n{out.index('xref')}\n%%EOF\n".encode("ascii"))


MAKERS: dict[str, Callable[[Path], object]] = {
    "steppe.jpg": lambda path: steppe().save(path, quality=86, optimize=True),
    "yurt.png": lambda path: yurt().save(path, optimize=True),
    "tulip.webp": lambda path: tulip().save(path, lossless=True),
    "eagle.webp": _animate,
    "ornament.svg": lambda path: path.write_text(ornament(), "utf-8"),
    "tamga.bmp": lambda path: tamga().save(path),
    "report.pdf": report,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the folder to write to")
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in MAKERS.items():
        make(folder / name)


if __name__ == "__main__":
    main()
