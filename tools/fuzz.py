"""Mutated and truncated inputs for the verifier: ``python tools/fuzz.py [--count 50000] [--seed 1] [FOLDER...]``.

Inputs are made from the variants of every container under tests/, plain, signed, and in archives, and from the files
of FOLDERs. Each is verified in a worker with limits. Told, and the end of the command with 1: a worker that dies or
takes too long; an exception of ours that became "examining it failed"; signed content that was changed and is
nevertheless called labelled, unless signature and record are gone, or the record misses its signature. A case is
found again by its seed and number: ``--seed 1 --first 1234 --count 1``.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import io
import os
import pickle
import sys
import tarfile
import tempfile
import time
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from random import Random

import labeler
from labeler.batch.archives import Archive
from labeler.batch.hands import cores
from labeler.batch.listing import Bounds
from labeler.batch.order import ordered
from labeler.batch.pool import Pool
from labeler.batch.worker import LostError
from labeler.errors import LabelError
from labeler.media import MODULES, Slot, identify
from labeler.media.base import Limits

TESTS = Path(__file__).parent.parent / "tests"
BLOCK = 50  # cases in a row that are made from the same file
LARGEST = 1 << 20  # bytes of a file that is taken from a folder
EDGES = (b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff")
LABEL = labeler.Label(
    system="Fuzzed 1", publisher="Nobody", content_id=f"urn:uuid:{'0' * 8}-0000-4000-8000-{'0' * 12}"
)


@dataclass(frozen=True)
class Base:
    """What is mutated; ``signed``: it carries a label of ours. ``archive``: its suffix, if it is one."""

    name: str
    data: bytes
    sidecar: bytes | None = None
    signed: bool = False
    archive: str = ""


Maker = Callable[[], Base]


@functools.cache
def all_makers(folders: tuple[str, ...]) -> list[Maker]:
    """One for each file that there is to be mutated; made only when its turn comes."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    variants = [
        (f"{module}/{name}", make)
        for module in MODULES
        for name, make in importlib.import_module(f"variants.{module}").VARIANTS.items()
    ]
    found: list[Maker] = []
    for name, make in variants:
        found.append(lambda name=name, make=make: Base(name, make()))  # type: ignore[misc]
        found.append(lambda name=name, make=make: signed(name, make()))  # type: ignore[misc]
    found += [
        functools.partial(packed, suffix, variants[:: len(variants) // 4])
        for suffix in (".zip", ".tar", ".tgz")
    ] * 4
    files = [
        p for f in folders for p in sorted(Path(f).rglob("*")) if p.is_file() and p.stat().st_size <= LARGEST
    ]
    found += [lambda path=path: Base(str(path), path.read_bytes()) for path in files]  # type: ignore[misc]
    return found


def signed(name: str, data: bytes) -> Base:
    """With a label; what takes none stays as it is."""
    try:
        made = labeler.add(data, None, LABEL, notice="none", name=name)
    except LabelError:
        return Base(name, data)
    return Base(f"{name}, signed", made.data or data, made.sidecar_data, signed=True)


def packed(suffix: str, parts: Sequence[tuple[str, Callable[[], bytes]]]) -> Base:
    """An archive of a few files."""
    out = io.BytesIO()
    if suffix == ".zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, make in parts:
                archive.writestr(f"{name}.bin", make())
    else:
        with tarfile.open(fileobj=out, mode="w" if suffix == ".tar" else "w:gz") as tar:
            for name, make in parts:
                info = tarfile.TarInfo(f"{name}.bin")
                info.size = len(data := make())
                tar.addfile(info, io.BytesIO(data))
    return Base(f"archive{suffix}", out.getvalue(), archive=suffix)


@dataclass(frozen=True)
class Place:
    """``cache``: where bases are kept, for no two signatures are alike; ``folders``: where further files are."""

    cache: str
    folders: tuple[str, ...] = ()


@functools.lru_cache(2)
def base_of(seed: str, block: int, place: Place) -> Base:
    """The same for everybody who shares the cache."""
    known = all_makers(place.folders)
    number = Random(f"{seed}/{block}").randrange(len(known))
    path = Path(place.cache, f"{number}.base")
    if not path.exists():
        new = path.with_suffix(f".{os.getpid()}")
        new.write_bytes(pickle.dumps(known[number]()))
        with contextlib.suppress(FileExistsError):
            os.link(new, path)
        new.unlink()
    base: Base = pickle.loads(path.read_bytes())
    return base


def mutated(data: bytes, chance: Random) -> bytes:
    """Changed in one to four ways."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        size = max(1, len(out))
        at = chance.choice((chance.randrange(size), chance.randrange(min(size, 512))))
        length = chance.choice((1, 4, 16, 256, size // 4 + 1))
        match chance.randrange(8):
            case 0:
                del out[at:]
            case 1 | 2:
                for _ in range(chance.randint(1, 8)):
                    if out:
                        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
            case 3 | 4:
                edge = chance.choice(EDGES)
                out[at : at + len(edge)] = edge
            case 5:
                del out[at : at + length]
            case 6:
                out[at:at] = out[at : at + length]
            case 7:
                out[at:at] = chance.randbytes(min(length, 64))
    return repaired(out) if chance.random() < 0.5 else bytes(out)


def repaired(out: bytearray) -> bytes:
    """A PNG with right checksums, so that what is in its chunks is looked at; other kinds have none."""
    at = 8
    while out.startswith(b"\x89PNG") and at + 12 <= len(out):
        end = at + 8 + int.from_bytes(out[at : at + 4], "big")
        out[end : end + 4] = zlib.crc32(out[at + 4 : end]).to_bytes(4, "big")[: max(0, len(out) - end)]
        at = end + 4
    return bytes(out)


def case(seed: str, number: int, place: Place) -> tuple[Base, bytes]:
    """What is mutated in this case, and into what."""
    base = base_of(seed, number // BLOCK, place)
    return base, mutated(base.data, Random(f"{seed}:{number}"))


def tried(seed: str, numbers: range, place: Place) -> Iterator[tuple[str, str]]:
    """The verdict of each case, and what is wrong with it, or nothing."""
    for number in numbers:
        base, data = case(seed, number, place)
        if base.archive:
            yield "archive", _unpacked(data)
            continue
        report = labeler.verify(data, name=base.name, sidecar=base.sidecar, notice_on_page=True)
        yield report.verdict.value, _wrong(base, data, report)


def _unpacked(data: bytes) -> str:
    archive = Archive(io.BytesIO(data), Bounds(inflated=1 << 28))
    for i in range(len(archive.members)):
        try:
            archive.read(i, 1 << 24)
        except LabelError:
            continue
    return ""


def _wrong(base: Base, data: bytes, report: labeler.Report) -> str:
    if report.error and report.error.message.startswith("examining it failed"):
        return report.error.message
    # where signature and record are gone, what is left is a label as anybody writes one; the record misses its signature
    gone = not any(m.kind in ("c2pa", "sidecar") and m.status == "present" for m in report.marks)
    told = any(f.code == "c2pa.removed" for f in report.facts) or report.label is None
    if base.signed and report.verdict == "labelled" and not (gone and told) and not _same(base.data, data):
        return "labelled, and changed"
    return ""


def _same(a: bytes, b: bytes) -> bool:
    """Whether everything that is shown, and the label, is the same; but for brands, which C2PA's BMFF hash leaves out."""
    if a[4:8] == b[4:8] == b"ftyp":
        brands = int.from_bytes(a[:4], "big")
        b = a[:brands] + b[brands:]
    try:
        first, second = (identify(io.BytesIO(x)).read(io.BytesIO(x), Limits(), essence=True) for x in (a, b))
    except LabelError:
        return False
    return first.essence == second.essence and first.slots.get(Slot.XMP) == second.slots.get(Slot.XMP)


def search(
    seed: str, numbers: range, place: Place, *, jobs: int, timeout: float
) -> Iterator[tuple[int, str, str]]:
    """Number, verdict and what is wrong, of each case in its order, from worker processes."""
    blocks = [range(i, min(i + BLOCK, numbers.stop)) for i in range(numbers.start, numbers.stop, BLOCK)]
    with Pool(jobs, timeout=timeout) as pool:

        def submit(block: range) -> Future[list[tuple[str, str]]]:
            return pool.submit(tried, seed, block, place)

        for block, future in ordered(submit, blocks, 4 * jobs):
            while block:
                try:
                    outcomes, lost = future.result(), ""
                except LostError as e:
                    outcomes, lost = e.done, str(e)
                yield from ((n, *outcome) for n, outcome in zip(block, outcomes, strict=False))
                block = block[len(outcomes) :]
                if lost:
                    yield block[0], "lost", lost
                    block = block[1:]
                    future = submit(block)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", metavar="FOLDER")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=cores())
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds that a case may take")
    parser.add_argument("--keep", type=Path, help="write what went wrong into this folder")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.count)
    warnings.simplefilter("ignore")  # Pillow has much to say about such pictures
    start, verdicts, bad = time.monotonic(), Counter[str](), 0
    with tempfile.TemporaryDirectory() as cache:
        os.environ["LABEL_DATA_DIR"] = cache  # an identity of its own, not the user's
        place = Place(cache, tuple(options.folders))
        for number, verdict, wrong in search(
            options.seed, numbers, place, jobs=options.jobs, timeout=options.timeout
        ):
            verdicts[verdict] += 1
            if not wrong:
                continue
            bad += 1
            base, data = case(options.seed, number, place)
            print(f"--seed {options.seed} --first {number} --count 1: {base.name}: {wrong}", flush=True)
            if options.keep:
                options.keep.mkdir(exist_ok=True)
                (options.keep / f"{number}{base.archive}").write_bytes(data)
    counts = ", ".join(f"{n} {verdict}" for verdict, n in verdicts.most_common())
    rate = verdicts.total() / (time.monotonic() - start)
    print(f"{verdicts.total()} cases, {rate:.0f} a second: {counts}; {bad} wrong")
    return int(bad > 0)


if __name__ == "__main__":
    import fuzz  # by the name that workers can import

    sys.exit(fuzz.main())
