"""What the verifier finds in real files, and what looking deep costs: ``python benchmarks/evidence.py CORPUS``.

CORPUS is a folder with ``MANIFEST.tsv`` (path, expected, generator, why). With ``--watermarks`` the messages of the
catalogue are put into its photographs by invisible-watermark's own encoder (``pip install invisible-watermark
opencv-python-headless``; torch is not needed), the copies are changed as people change them, and pictures without any are held
against random messages.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import io
import json
import random
import statistics
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image

import labeler
from labeler.evidence import message, pixels
from labeler.media.base import Limits
from labeler.media.pixels import first_frame

PICTURES = frozenset(
    [".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".svg", ".avif", ".heic", ".bmp", ".jp2"]
)
ACCUSING = ("unlabelled", "incomplete", "tampered")
Row = dict[str, str]


def rows(corpus: Path) -> list[Row]:
    with open(corpus / "MANIFEST.tsv", newline="", encoding="utf-8") as f:
        return [r for r in csv.DictReader(f, delimiter="\t") if Path(r["path"]).suffix.lower() in PICTURES]


def found(corpus: Path) -> None:
    """Recall over files that carry a trace where that depth looks, and what is said of the others."""
    print(
        "| depth | AI with a trace there | found | others | accused | suspected |\n|---|---|---|---|---|---|"
    )
    reports = {
        depth: [(r, labeler.verify(corpus / r["path"], depth=depth)) for r in rows(corpus)]
        for depth in ("default", "deep")
    }
    hidden = {r.path for _, r in reports["deep"] if r.evidence} - {
        r.path for _, r in reports["default"] if r.evidence
    }
    traceless: list[Row] = []
    for depth, read in reports.items():
        counts: Counter[str] = Counter()
        for row, report in read:
            verdict = report.verdict.value
            if row["expected"] in ("ai", "labelled"):
                if "lost" in row["generator"] or (depth == "default" and report.path in hidden):
                    traceless += [row] * (depth == "deep")
                    continue
                counts["traced"] += 1
                counts["found"] += verdict in ("unlabelled", "incomplete", "labelled")
            elif row["expected"] != "tampered":
                counts["others"] += 1
                counts["accused"] += verdict in ACCUSING
                counts["suspected"] += verdict == "suspected" and row["expected"] == "not-ai"
        share = f"{counts['found']} ({counts['found'] / counts['traced']:.1%})"
        figures = (depth, counts["traced"], share, counts["others"], counts["accused"], counts["suspected"])
        print(f"| {' | '.join(map(str, figures))} |")
    print(f"\nHidden in pixels only: {len(hidden)}. Without any trace, which cannot be found this way:\n")
    for row in traceless:
        print(f"- {row['path']}: {row['generator']}")


def cost(corpus: Path, rounds: int) -> None:
    """Each depth over the same pictures, taking turns."""
    files = [corpus / r["path"] for r in rows(corpus)]
    spent: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds + 1):
        for depth in ("fast", "default", "deep"):
            start = time.perf_counter()
            for path in files:
                labeler.verify(path, depth=depth)
            spent[depth].append((time.perf_counter() - start) * 1000 / len(files))
    each = {depth: statistics.median(times[1:]) for depth, times in spent.items()}
    print(f"\n| depth | ms a file ({len(files)} pictures) | of default |\n|---|---|---|")
    for depth, ms in each.items():
        print(f"| {depth} | {ms:.2f} | {ms / each['default']:.2f} |")


# ---- watermarks


def messages() -> dict[str, str]:
    data = json.loads(resources.files("labeler.schemas").joinpath("generators.json").read_text("utf-8"))
    return {e["id"]: c["message"] for e in data["entries"] for c in e.get("any", ()) if c.get("message")}


def photographs(corpus: Path) -> Iterator[Image.Image]:
    """Those of people, each once."""
    seen: set[bytes] = set()
    for row in rows(corpus):
        if row["expected"] in ("not-ai", "ambiguous"):
            image = first_frame((corpus / row["path"]).read_bytes(), Limits())
            if image and min(image.size) >= 256:
                image = image.convert("RGB")
                look = image.resize((16, 16)).tobytes()
                if look not in seen:
                    seen.add(look)
                    yield image


def encoder() -> Callable[[Image.Image, str], Image.Image]:
    """The package's ``dwtDct``, without importing torch."""
    import numpy as np

    spec = importlib.util.find_spec("imwatermark")
    assert spec and spec.origin, (
        "pip install --no-deps invisible-watermark; pip install opencv-python-headless pywavelets"
    )
    file = importlib.util.spec_from_file_location("maxdct", Path(spec.origin).with_name("maxDct.py"))
    assert file and file.loader
    module: Any = importlib.util.module_from_spec(file)
    file.loader.exec_module(module)

    def put(image: Image.Image, bits: str) -> Image.Image:
        method = module.EmbedMaxDct([int(b) for b in bits], wmLen=len(bits), scales=[0, 36, 36])
        bgr = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
        return Image.fromarray(np.ascontiguousarray(method.encode(bgr)[:, :, ::-1]))

    return put


def again(image: Image.Image, kind: str, **options: Any) -> Image.Image:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return Image.open(out).convert("RGB")


def resized(image: Image.Image, times: float) -> Image.Image:
    size = round(image.width * times), round(image.height * times)
    return image.resize(size, Image.Resampling.LANCZOS)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "none (PNG)": lambda i: i,
    "JPEG 95 4:4:4": lambda i: again(i, "JPEG", quality=95, subsampling=0),
    "JPEG 90 4:4:4": lambda i: again(i, "JPEG", quality=90, subsampling=0),
    "JPEG 95 4:2:0": lambda i: again(i, "JPEG", quality=95, subsampling=2),
    "JPEG 90 4:2:0": lambda i: again(i, "JPEG", quality=90, subsampling=2),
    "JPEG 75 4:2:0": lambda i: again(i, "JPEG", quality=75, subsampling=2),
    "WebP 90": lambda i: again(i, "WEBP", quality=90),
    "half size and back": lambda i: resized(resized(i, 0.5), 2).resize(i.size),
    "three quarters": lambda i: resized(i, 0.75),
    "cropped by 1 px": lambda i: i.crop((1, 1, i.width, i.height)),
}


def bits(image: Image.Image) -> str:
    return next(f.value.decode() for f in pixels.fields(image) if f.key == "bits")


def watermarks(corpus: Path, tries: int) -> None:
    known, put = messages(), encoder()
    images = list(photographs(corpus))
    shown = ("watermark-sdxl", "watermark-flux", "watermark-sd1", "watermark-sd2")
    hits: Counter[tuple[str, str]] = Counter()
    wrong = 0
    for original in images:
        image = resized(original, 1024 / max(original.size))
        image = image.resize((max(256, image.width), max(256, image.height)))
        for name in shown:
            marked = put(image, known[name])
            for change, work in CHANGES.items():
                chances = {
                    n: c for n, m in known.items() if (c := message.fits(bits(work(marked)), m)) is not None
                }
                surest = min(chances, key=lambda n: chances[n], default=None)
                hits[change, name] += surest == name
                wrong += surest not in (name, None)
    print(f"\n| {len(images)} photographs, 1024 px | SDXL | FLUX | SD 1 | SD 2 |\n|---|---|---|---|---|")
    for change in CHANGES:
        shares = " | ".join(f"{hits[change, name] / len(images):.0%}" for name in shown)
        print(f"| {change} | {shares} |")
    print(f"\nA wrong message: {wrong} of {len(images) * len(shown) * len(CHANGES)} copies.")
    rng, accused, chance_hits, count = random.Random(1), 0, 0, 0
    for original in images:
        for image in (
            original,
            resized(original, 1024 / max(original.size)),
            again(original, "JPEG", quality=75),
        ):
            if min(image.size) < 256:
                continue
            seen = bits(image)
            count += 1
            accused += any(message.fits(seen, m) is not None for m in known.values())
            for _ in range(tries):
                other = "".join(rng.choices("01", k=rng.choice((32, 46, 48, 56, 136, 224))))
                chance_hits += message.fits(seen, other) is not None
    print(
        f"Pictures without any: {accused} of {count} accused; "
        f"{chance_hits} of {count * tries} random messages fit by chance."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--watermarks", action="store_true")
    parser.add_argument("--tries", type=int, default=1000, help="random messages for each picture")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found(options.corpus)
    cost(options.corpus, options.rounds)
    if options.watermarks:
        watermarks(options.corpus, options.tries)


if __name__ == "__main__":
    main()
