"""Golden verdicts: what `labeler.verify` says of every signed file of the corpus, with its trust lists and without.

    python tools/golden.py           writes tests/golden.json anew
    python tools/golden.py --check   says what would change, and exits 1 if anything would

A new version of c2pa, or a change of ours, thus shows file by file what it does to other vendors' originals. Only
names and codes are stored, nothing of the files. Certificates without a time-stamp are judged as of today: the test
certificates of c2pa-rs end in 2030. The corpus is at LABEL_TEST_CORPUS, else in ../shared/corpus.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import labeler
from labeler.errors import UnsupportedError
from labeler.marks import c2pa
from labeler.signing import trust

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden.json"
# kinds that c2pa reads, also where no medium of ours does
MIMES = {
    ".arw": "image/x-sony-arw",
    ".avi": "video/avi",
    ".avif": "image/avif",
    ".dng": "image/x-adobe-dng",
    ".gif": "image/gif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".jxl": "image/jxl",
    ".m4a": "audio/mp4",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".nef": "image/x-nikon-nef",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".wav": "audio/wav",
    ".webp": "image/webp",
}
SIGNERS = ("c2pa-trust-list-2026-08.pem", "interim-anchors-frozen-2026-01.pem", "c2pa-rs-test-roots.pem")
CLOCKS = ("c2pa-tsa-trust-list-2026-08.pem", "interim-anchors-frozen-2026-01.pem")

Verdicts = Mapping[str, Mapping[str, Any]]


def corpus() -> Path:
    """Where the real files are."""
    return Path(os.environ.get("LABEL_TEST_CORPUS", ROOT.parent / "shared" / "corpus"))


def judged(path: Path, lists: Path | None) -> dict[str, Any] | None:
    """Verdict, and the codes of what its manifest gave; None where there is none. ``lists``: the folder of lists."""
    signers = [lists / n for n in SIGNERS] if lists else []
    clocks = [lists / n for n in CLOCKS] if lists else []
    report = labeler.verify(path, trust=signers, trust_tsa=clocks, trust_identity=signers)
    verdict, facts = report.verdict.value, report.facts
    if report.error and report.error.code == UnsupportedError.code:
        anchors = (
            *trust.from_files(signers),
            *trust.from_files(clocks, trust.Purpose.TSA),
            *trust.from_files(signers, trust.Purpose.IDENTITY),
        )
        verdict = "unsupported"
        facts = c2pa.read(io.BytesIO(path.read_bytes()), MIMES[path.suffix.lower()], anchors).facts
    codes = sorted({f.code for f in facts if f.mark in ("c2pa", "sidecar")})
    return {"verdict": verdict, "facts": codes} if codes else None


def names(folder: Path) -> list[str]:
    """Of all files of the corpus."""
    with open(folder / "MANIFEST.tsv", newline="", encoding="utf-8") as f:
        return sorted(r["path"] for r in csv.DictReader(f, delimiter="\t"))


def golden(folder: Path, chosen: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every signed one of these files, by its path in the corpus."""
    for name in chosen:
        if Path(name).suffix.lower() in MIMES and (found := judged(folder / name, folder / "trust")):
            yield name, {"with": found, "without": judged(folder / name, None)}


def differences(old: Verdicts, new: Verdicts) -> Iterator[str]:
    """Line by line; a kind that a medium of ours reads by now may have got a verdict."""
    for name in sorted(old.keys() | new.keys()):
        for how in ("with", "without"):
            was, now = ((v.get(name) or {}).get(how) or {} for v in (old, new))
            if was.get("verdict") != now.get("verdict") and not (now and was.get("verdict") == "unsupported"):
                yield f"{name} ({how} lists): {was.get('verdict')} -> {now.get('verdict')}"
            gone, come = (
                set(a.get("facts", ())) - set(b.get("facts", ())) for a, b in ((was, now), (now, was))
            )
            for sign, codes in (("-", gone), ("+", come)):
                if codes:
                    yield f"{name} ({how} lists): {sign} {', '.join(sorted(codes))}"


def main() -> int:
    """Write or check."""
    import tempfile

    with tempfile.TemporaryDirectory() as data:  # no identity and no list of this machine
        os.environ["LABEL_DATA_DIR"] = data
        new = dict(golden(corpus(), names(corpus())))
    if "--check" not in sys.argv[1:]:
        lines = (f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in new.items())
        GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
        print(f"{len(new)} signed files")
        return 0
    changes = list(differences(json.loads(GOLDEN.read_text("utf-8")), new))
    print("\n".join(changes) or f"{len(new)} signed files, nothing changed")
    return int(bool(changes))


if __name__ == "__main__":
    sys.exit(main())
