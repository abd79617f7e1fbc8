"""What putting XMP into a file costs, next to copying it: ``python benchmarks/splice.py``.

One file of some megabytes for each kind that takes XMP, on disk; both ways read and write files, taking turns.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from PIL import Image

from labeler import media
from labeler.media.base import Slot

TURNS, SIDE, BOUND = 15, 1600, 2.0
PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:q="q:/" q:a="1"/></rdf:RDF></x:xmpmeta>'
)


def pictures() -> dict[str, bytes]:
    """Noise, so that no coding makes it small; a codestream of that size where nothing here encodes the kind."""
    noise = Image.frombytes("RGB", (SIDE, SIDE), Random(1).randbytes(3 * SIDE * SIDE))

    def saved(kind: str, **options: object) -> bytes:
        out = io.BytesIO()
        noise.save(out, kind, **options)
        return out.getvalue()

    def box(kind: bytes, body: bytes) -> bytes:
        return (8 + len(body)).to_bytes(4, "big") + kind + body

    # a bare size header (ISO 18181-1) before noise: the container is what is measured
    stream = b"\xff\x0a" + bytes([0x41, 0x06]) + Random(2).randbytes(4 << 20)
    jxl = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ") + box(b"jxlc", stream)
    found = {
        "png": saved("PNG", compress_level=1),
        "jpeg": saved("JPEG", quality=95),
        "webp": saved("WebP", quality=95, method=0),
        "gif": saved("GIF"),
        "tiff": saved("TIFF"),
        "jxl": jxl,
    }
    Image.init()
    if "AVIF" in Image.SAVE:
        found["avif"] = saved("AVIF", quality=95, speed=10)
    return found


def main() -> int:
    """Print the table; 1 when a bound is missed."""
    missed = False
    print("| splice against a plain copy | ours | copy | ratio | bound | |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "a"), Path(folder, "b")
        for name, data in pictures().items():
            source.write_bytes(data)
            medium = media.identify(io.BytesIO(data), f"x.{name}")
            ours, copies = [], []
            for _ in range(TURNS):
                start = time.perf_counter()
                with source.open("rb") as src, target.open("wb") as dst:
                    medium.splice(src, dst, {Slot.XMP: PACKET})
                ours.append(time.perf_counter() - start)
                os.unlink(target)
                start = time.perf_counter()
                shutil.copyfile(source, target)
                copies.append(time.perf_counter() - start)
                os.unlink(target)
            ratio = min(ours) / min(copies)  # of the least disturbed turns
            missed = missed or ratio > BOUND
            print(
                f"| {medium.info.name}, {len(data) / 1e6:.1f} MB | {min(ours) * 1e3:.1f} ms | {min(copies) * 1e3:.1f} ms "
                f"| {ratio:.2f} | <= {BOUND} | {'PASS' if ratio <= BOUND else '**FAIL**'} |"
            )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
