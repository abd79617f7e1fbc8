"""What a batch costs, next to exiftool and to the bare libraries: ``python benchmarks/batch.py [--files 10000]``.

The files are made from the samples: photographs of many sizes with what cameras, editors and generators write beside
them, PNG, WebP, GIF, SVG, some signed, some not readable. Each line compares two ways on the same files in one run.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from bench import machine, row, timed
from PIL import Image, PngImagePlugin

import labeler
from labeler.marks import c2pa as mark
from labeler.media import Slot, identify
from labeler.signing import identity

ROOT = Path(__file__).parent.parent
FIELDS = ("-EXIF:all", "-XMP:all", "-IPTC:all", "-PNG:all", "-File:Comment", "-JUMBF:all")
MIMES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
}
A1111 = "a steppe at dawn\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: {}, Size: 512x512"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'xmp:CreatorTool="Adobe Photoshop 25.0 (Windows)" photoshop:ColorMode="3"><dc:title><rdf:Alt>'
    '<rdf:li xml:lang="x-default">Steppe {}</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF></x:xmpmeta>'
)


# ---- files


def camera(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif.update(
        {0x010F: "NIKON CORPORATION", 0x0110: "NIKON D750", 0x0131: "Ver.1.10", 0x0132: "2026:03:01 12:00:00"}
    )
    exif.get_ifd(0x8769).update(
        {
            0x829A: 0.004,
            0x829D: 5.6,
            0x8827: 200,
            0x9003: "2026:03:01 12:00:00",
            0x920A: 50.0,
            0xA420: f"{number:032x}",
        }
    )
    return exif


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def with_xmp(data: bytes, number: int) -> bytes:
    out = io.BytesIO()
    identify(io.BytesIO(data)).splice(io.BytesIO(data), out, {Slot.XMP: XMP.format(number).encode()})
    return out.getvalue()


def kinds(picture: Image.Image, quality: int) -> Iterator[tuple[int, str, Callable[[int], bytes]]]:
    """How many of a hundred, suffix, and how one of that number is made: cheaply, from what is encoded once."""
    jpeg = saved(picture, "JPEG", quality=quality)
    small = picture.resize((picture.width // 2, picture.height // 2))
    png, webp, gif = (saved(small, kind) for kind in ("PNG", "WEBP", "GIF"))
    label = labeler.Label(system="Example Model 1", publisher="Example")
    signed = labeler.add(jpeg, None, label).data
    svg = (ROOT / "samples" / "ornament.svg").read_bytes()
    shot = saved(picture, "JPEG", quality=quality, exif=camera(0))
    made = PngImagePlugin.PngInfo()
    made.add_text("parameters", A1111.format("0000000000"))
    generated = saved(small, "PNG", pnginfo=made)

    def commented(data: bytes, n: int) -> bytes:
        return data[:2] + b"\xff\xfe\x00\x0c" + b"%010d" % n + data[2:]

    yield 30, ".jpg", lambda n: commented(jpeg, n)
    yield 18, ".jpg", lambda n: commented(shot, n)
    yield 10, ".jpg", lambda n: with_xmp(shot, n)
    yield 12, ".png", lambda n: png + b"%010d" % n
    yield 8, ".png", lambda n: generated + b"%010d" % n
    yield 8, ".webp", lambda n: webp + b"%010d" % n
    yield 3, ".gif", lambda n: gif + b"%010d" % n
    yield 2, ".svg", lambda n: svg.replace(b"</svg>", b"<!--%010d--></svg>" % n)
    yield 8, ".jpg", lambda n: signed
    yield 1, ".jpg", lambda n: jpeg[: len(jpeg) // 2 + n % 1000]


def make(folder: Path, count: int) -> None:
    """Files of twelve sizes, from thumbnails to a large photograph."""
    with Image.open(ROOT / "samples" / "steppe.jpg") as sample:
        photo = sample.convert("RGB")
    number = 0
    for side, quality in itertools.product((360, 480, 800, 1200, 1600, 2000), (75, 90)):
        grain = Image.frombytes("L", (side, side * 2 // 3), Random(side).randbytes(side * (side * 2 // 3)))
        picture = Image.blend(photo.resize(grain.size), Image.merge("RGB", [grain] * 3), 0.06)
        for share, suffix, build in kinds(picture, quality):
            for _ in range(round(share * count / 1200)):
                number += 1
                path = folder / f"{number % 97:02}" / f"{side}-{quality}-{number:06}{suffix}"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(build(number))


# ---- the ways


def command(*more: str | Path) -> None:
    run = [
        Path(sys.executable).with_name("label"),
        "verify",
        "--exit-zero",
        "--format",
        "jsonl",
        "-o",
        os.devnull,
        *more,
    ]
    subprocess.run(run, check=True)


def exiftool_open(paths: list[Path]) -> None:
    """One process that is told file after file, as a program would keep it."""
    with subprocess.Popen(
        ["exiftool", "-stay_open", "True", "-@", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as tool:
        assert tool.stdin and tool.stdout
        for path in paths:
            tool.stdin.write("\n".join(("-j", "-G", *FIELDS, str(path), "-execute\n")))
            tool.stdin.flush()
            while tool.stdout.readline() != "{ready}\n":
                pass
        tool.stdin.write("-stay_open\nFalse\n")


def bare(paths: list[Path]) -> list[float]:
    """Milliseconds for each file that c2pa's Reader finds nothing signed in, of reading it so and hashing it."""
    c2pa, context = mark._c2pa(), mark._context()
    times = []
    for path in paths:
        start = time.perf_counter()
        data = path.read_bytes()
        try:
            with c2pa.Reader(MIMES[path.suffix], io.BytesIO(data), context=context) as reader:
                json.loads(reader.json())
        except c2pa.C2paError:
            pass
        hashlib.sha256(data).hexdigest()
        times.append((time.perf_counter() - start) * 1000)
    return times


def ours(paths: list[Path]) -> list[float]:
    return [timed(lambda path=path: labeler.verify(path, depth="fast")) for path in paths]


def resident(folder: Path, marks: tuple[int, ...]) -> list[float]:
    """Megabytes in memory, of this process and its workers together, when so many files were reported."""
    seen = []
    for done, _ in enumerate(labeler.verify_many([folder], depth="fast", jobs=2), 1):
        if done in marks:
            children = " ".join(p.read_text() for p in Path("/proc/self/task").glob("*/children")).split()
            status = [Path(f"/proc/{pid}/status").read_text() for pid in ("self", *children)]
            seen.append(sum(int(m[1]) for s in status if (m := re.search(r"VmRSS:\s*(\d+)", s))) / 1024)
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="make the files there, or use those that are there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["LABEL_DATA_DIR"] = name  # an identity of its own, not the user's
        os.environ["LABEL_CONFIG"] = os.devnull
        identity.ensure()
        folder = options.keep or Path(name) / "files"
        if not folder.exists():
            folder.mkdir()
            make(folder, options.files)
        paths = sorted(p for p in folder.rglob("*.*") if p.is_file())
        size = sum(p.stat().st_size for p in paths)
        print(f"{machine()}; {len(paths)} files, {size / 1e6:.0f} MB\n")
        print("| what | ours | other | ratio | bound | |\n|---|---|---|---|---|---|")
        measure(paths, folder, Path(name))


def measure(paths: list[Path], folder: Path, scratch: Path) -> None:
    sample = Random(0).sample(paths, min(600, len(paths)))
    command(folder, "--depth", "fast")  # warm
    whole = statistics.median(timed(lambda: command(folder, "--depth", "fast")) for _ in range(3)) / len(
        paths
    )
    if shutil.which("exiftool"):
        alone = statistics.median(
            timed(lambda p=p: subprocess.run(["exiftool", "-j", *FIELDS, p], capture_output=True))
            for p in sample[:40]
        )
        row(
            "exiftool, a process a file",
            f"{whole:.2f} ms",
            f"{alone:.1f} ms",
            f"{alone / whole:.0f} x",
            ">= 10",
            alone >= 10 * whole,
        )
        kept = statistics.median(timed(lambda: exiftool_open(sample)) for _ in range(3)) / len(sample)
        row(
            "exiftool -stay_open",
            f"{whole:.2f} ms",
            f"{kept:.2f} ms",
            f"{kept / whole:.1f} x",
            ">= 1.5",
            kept >= 1.5 * whole,
        )
    unsigned = [
        p
        for p in sample
        if not any(m.kind == "c2pa" and m.status == "present" for m in labeler.verify(p, depth="fast").marks)
    ]
    ours(unsigned), bare(unsigned)
    ratios = [sum(ours(unsigned)) / sum(bare(unsigned)) for _ in range(7)]
    ratio = statistics.median(ratios)
    mean = statistics.mean(ours(unsigned))
    row(
        "c2pa Reader and SHA-256, in process, unsigned files",
        f"{mean:.2f} ms",
        f"{mean / ratio:.2f} ms",
        f"{ratio:.2f}",
        "<= 1.2",
        ratio <= 1.2,
    )
    early, late = resident(folder, (len(paths) // 10, len(paths)))
    row(
        "resident memory, three processes: after a tenth, at the end",
        f"{early:.0f} MB",
        f"{late:.0f} MB",
        f"{late / early:.2f}",
        "<= 1.1",
        late <= 1.1 * early,
    )
    for depth, bound in (("default", 5.0), ("fast", None)):
        remembering = (folder, "--depth", depth, "--state", scratch / f"{depth}.state")
        first = timed(lambda r=remembering: command(*r))
        again = min(timed(lambda r=remembering: command(*r)) for _ in range(2))
        row(
            f"--state, depth {depth}: again, first",
            f"{again / 1000:.2f} s",
            f"{first / 1000:.2f} s",
            f"{first / again:.1f} x",
            f">= {bound:.0f}" if bound else "",
            first >= bound * again if bound else None,
        )


if __name__ == "__main__":
    main()
