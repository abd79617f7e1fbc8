"""What labelling and verifying cost, next to the bare libraries: ``python benchmarks/bench.py [--quick]``.

Each line compares two ways in one run, taking turns; the ratio is the median over the turns, so that a machine whose
speed drifts changes it little. Bounds are printed beside the figures.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageChops, ImageOps

import labeler
from labeler.marks import c2pa as mark
from labeler.signing import identity, trust
from labeler.signing.signers import KeySigner

ROOT = Path(__file__).parent.parent
COMMAND = Path(sys.executable).with_name("label")
LABEL = labeler.Label(system="Example Model 1", publisher="Example")
MANIFEST = {
    "claim_version": 2,
    "title": "bench",
    "claim_generator_info": [{"name": "bench", "version": "1"}],
    "assertions": [
        {
            "label": "c2pa.actions.v2",
            "data": {
                "actions": [
                    {
                        "action": "c2pa.created",
                        "digitalSourceType": LABEL.source_type,
                        "softwareAgent": {"name": LABEL.system},
                    }
                ]
            },
        }
    ],
}
HEAVY = ("c2pa", "numpy", "PIL", "cryptography", "pypdf")


# ---- measuring


def timed(work: Callable[[], object]) -> float:
    """Wall time in ms."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def turns(ours: Callable[[], object], other: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Medians of both in ms, and the median ratio; who goes first alternates."""
    ours(), other()
    pairs = []
    for i in range(rounds):
        if i % 2:
            b, a = timed(other), timed(ours)
        else:
            a, b = timed(ours), timed(other)
        pairs.append((a, b))
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    return a, b, statistics.median(x / y for x, y in pairs)


def row(what: str, ours: str, other: str, figure: str, bound: str = "", holds: bool | None = None) -> None:
    """One line of the table."""
    verdict = {True: "PASS", False: "**FAIL**", None: ""}[holds]
    print(f"| {what} | {ours} | {other} | {figure} | {bound} | {verdict} |", flush=True)


def ratio(
    what: str, ours: Callable[[], object], other: Callable[[], object], rounds: int, bound: float
) -> None:
    a, b, r = turns(ours, other, rounds)
    row(what, f"{a:.2f} ms", f"{b:.2f} ms", f"{r:.2f}", f"<= {bound:.1f}", r <= bound)


# ---- pictures


def photo(width: int, height: int) -> Image.Image:
    """With the grain of a camera, so that its file is as large as one from a camera."""
    with Image.open(ROOT / "samples" / "steppe.jpg") as image:
        large = ImageOps.fit(image, (width, height))
    grain = Image.frombytes("L", large.size, Random(width).randbytes(width * height))
    return ImageChops.add(large, grain.point([v // 10 for v in range(256)]).convert("RGB"), offset=-12)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def size(data: bytes) -> str:
    return f"{len(data) / 1e6:.1f} MB"


# ---- in process


def bare_sign(mime: str = "image/jpeg") -> Callable[[bytes], bytes]:
    """c2pa-python as it comes, but for thumbnails: it reads back what it signed."""
    c2pa, who = mark._c2pa(), identity.ensure().signer
    assert isinstance(who, KeySigner)
    context = c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(who.algorithm.encode(), who.chain, who.key, None))

    def sign(data: bytes) -> bytes:
        out = io.BytesIO()
        c2pa.Builder(MANIFEST, context=context).sign(signer, mime, io.BytesIO(data), out)
        return out.getvalue()

    return sign


def bare_reader() -> Callable[[bytes, str], None]:
    """c2pa-python's reader with the settings and anchors that `labeler.verify` gives it."""
    c2pa, context = mark._c2pa(), mark._context(mark._trust(trust.own_anchors(), trust.Purpose.SIGNER))

    def read(data: bytes, mime: str) -> None:
        try:
            with c2pa.Reader(mime, io.BytesIO(data), context=context) as reader:
                json.loads(reader.json())
                reader.get_validation_results()
        except c2pa.C2paError as e:
            if not str(e).startswith("ManifestNotFound"):
                raise

    return read


def in_process(rounds: int, jpegs: dict[str, bytes], png: bytes) -> None:
    sign, read = bare_sign(), bare_reader()
    for name, data in jpegs.items():
        ratio(
            f"add, notice none, against a bare sign: {name} JPEG, {size(data)}",
            lambda data=data: labeler.add(data, None, LABEL, notice="none"),  # type: ignore[misc]
            lambda data=data: sign(data),  # type: ignore[misc]
            rounds,
            2.0,
        )
    full_hd = encoded(photo(1920, 1080), "JPEG", quality=90)
    labeler.add(full_hd, None, LABEL)
    median = statistics.median(timed(lambda: labeler.add(full_hd, None, LABEL)) for _ in range(rounds))
    row(
        f"add with the notice: 1080p JPEG, {size(full_hd)}",
        f"{median:.1f} ms",
        "",
        "",
        "<= 80 ms",
        median <= 80,
    )
    for name, data in jpegs.items():
        signed = labeler.add(data, None, LABEL, notice="none").data
        ratio(
            f"verify fast, signed, against a bare Reader: {name} JPEG, {size(data)}",
            lambda signed=signed: labeler.verify(signed, depth="fast"),  # type: ignore[misc]
            lambda signed=signed: read(signed, "image/jpeg"),  # type: ignore[misc]
            rounds,
            1.5,
        )
    unmarked = {f"{name} JPEG": (data, "image/jpeg") for name, data in jpegs.items()}
    for name, (data, mime) in (unmarked | {"1080p PNG": (png, "image/png")}).items():

        def bare(data: bytes = data, mime: str = mime) -> None:
            read(data, mime)
            hashlib.sha256(data).hexdigest()

        ratio(
            f"verify fast, without marks, against a bare Reader and SHA-256: {name}, {size(data)}",
            lambda data=data: labeler.verify(data, depth="fast"),  # type: ignore[misc]
            bare,
            rounds,
            1.0,
        )


# ---- in processes

# not getrusage: its maximum is inherited from the parent through exec
CHILD = """
import re, sys, labeler
label = labeler.Label(system="Example Model 1")
for path in sys.argv[1:]:
    labeler.add(path, path + ".out", label, notice="none")
with open("/proc/self/status") as status:
    print(int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read())[1]) * 1024)
"""


def peak(*files: Path) -> int:
    """Bytes, of a fresh process that labels these files one after the other."""
    command = [sys.executable, "-c", CHILD, *map(str, files)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def memory(folder: Path, pictures: dict[str, bytes], tiny: Image.Image) -> None:
    if not Path("/proc/self/status").is_file():
        row("peak memory", "", "", "skipped: needs /proc")
        return
    for suffix, data in pictures.items():
        small, large = folder / f"small.{suffix}", folder / f"large.{suffix}"
        small.write_bytes(encoded(tiny, "JPEG" if suffix == "jpg" else "PNG"))
        large.write_bytes(data)
        base = statistics.median(peak(small) for _ in range(3))
        over = statistics.median(peak(small, large) for _ in range(3)) - base
        bound = 6 * len(data) + 20e6
        row(
            f"peak memory over the base, notice none: {suffix.upper()}, {size(data)}",
            f"{over / 1e6:.0f} MB",
            f"base {base / 1e6:.0f} MB",
            f"{over / len(data):.1f} x file",
            f"<= {bound / 1e6:.0f} MB",
            over <= bound,
        )


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


def start_up(rounds: int) -> None:
    ratio(
        "`label --help` against `python -c 'import click'`",
        lambda: run(COMMAND, "--help"),
        lambda: run(sys.executable, "-c", "import click"),
        rounds,
        1.5,
    )
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", COMMAND, "--help"], check=True, capture_output=True, text=True
    ).stderr
    roots = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in loaded.splitlines()}
    found, seen = sorted(roots & set(HEAVY)), "click" in roots
    what = f"`label --help` loads none of {', '.join(HEAVY)}"
    row(what, ", ".join(found) or "none", "", "", "none", seen and not found)


SIGN = """
import io, sys, json, c2pa
source, target, manifest, chain, key = sys.argv[1:]
info = c2pa.C2paSignerInfo(b"es256", open(chain, "rb").read(), open(key, "rb").read(), None)
context = c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}})
with open(source, "rb") as src, open(target, "w+b") as dst:
    c2pa.Builder(json.loads(manifest), context=context).sign(c2pa.Signer.from_info(info), "image/jpeg", src, dst)
"""
NOTICE = "Бұл материалды жасанды интеллект жүйесі жасаған.\nЭтот материал создан системой искусственного интеллекта."


def stitched(rounds: int, folder: Path) -> None:
    """The same job done with today's tools, one process each."""
    what = "a labelled 1080p JPEG"
    if missing := [tool for tool in ("convert", "exiftool") if not shutil.which(tool)]:
        row(
            f"{what} against ImageMagick, exiftool and c2pa-python",
            "",
            "",
            f"skipped: no {', '.join(missing)}",
        )
        return
    source, drawn, target = (folder / f"{name}.jpg" for name in ("source", "drawn", "target"))
    source.write_bytes(encoded(photo(1920, 1080), "JPEG", quality=90))
    keys = folder / "identities" / "default"
    font = ROOT / "labeler" / "fonts" / "NotoSans-Medium.ttf"
    plate = (
        "-undercolor",
        "black",
        "-fill",
        "white",
        "-gravity",
        "SouthWest",
        "-font",
        font,
        "-pointsize",
        "44",
    )

    def tools() -> None:
        run("convert", source, *plate, "-annotate", "+22+22", NOTICE, drawn)
        run(
            "exiftool",
            "-q",
            "-overwrite_original",
            f"-XMP-iptcExt:DigitalSourceType={LABEL.source_type}",
            drawn,
        )
        run(
            sys.executable,
            "-c",
            SIGN,
            drawn,
            target,
            json.dumps(MANIFEST),
            keys / "chain.pem",
            keys / "key.pem",
        )

    def command() -> None:
        run(COMMAND, "add", source, "-o", target, "--system", LABEL.system, "--quiet")

    def library() -> None:
        labeler.add(source, target, LABEL)

    for name, ours in (("`label add`", command), ("`labeler.add`, in process", library)):
        a, b, r = turns(ours, tools, rounds)
        row(
            f"{what}: {name} against ImageMagick, exiftool and c2pa-python",
            f"{a:.0f} ms",
            f"{b:.0f} ms",
            f"{r:.2f}",
        )


def machine() -> str:
    model = platform.processor() or platform.machine()
    if (cpu := Path("/proc/cpuinfo")).is_file():
        names = (
            line.split(":", 1)[1] for line in cpu.read_text().splitlines() if line.startswith("model name")
        )
        model = next(names, model).strip()
    parts = [
        f"{name} {importlib.metadata.version(name)}" for name in ("tanba", "c2pa-python", "pillow", "click")
    ]
    tool = "with jpegtran" if shutil.which("jpegtran") else "without jpegtran"
    return f"{model}, {os.cpu_count()} cores; Python {platform.python_version()}, {', '.join(parts)}; {tool}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few turns: to see that it runs, not to quote")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["LABEL_DATA_DIR"] = name  # an identity of its own, not the user's
        os.environ["LABEL_CONFIG"] = os.devnull
        identity.ensure()
        large = encoded(photo(4240, 2832), "JPEG", quality=90)
        jpegs = {"1 MP": encoded(photo(1224, 816), "JPEG", quality=90), "12 MP": large}
        print(f"{machine()}\n\n| what | ours | other | ratio | bound | |\n|---|---|---|---|---|---|")
        in_process(5 if quick else 41, jpegs, encoded(photo(1920, 1080), "PNG"))
        noise = Image.frombytes("RGB", (3700, 3600), Random(0).randbytes(3700 * 3600 * 3))
        memory(folder, {"jpg": large, "png": encoded(noise, "PNG", compress_level=1)}, photo(64, 64))
        start_up(5 if quick else 41)
        stitched(2 if quick else 11, folder)


if __name__ == "__main__":
    main()
