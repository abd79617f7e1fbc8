"""Mutated PDFs, each from its seed; ``python tests/pdf_mutants.py 5000`` labels and verifies so many of them."""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))

from variants.pdf import VARIANTS

import labeler
from labeler import Label
from labeler.errors import LabelError

_POOL: dict[str, bytes] = {}
_TOKENS = (
    b"<<",
    b">>",
    b"[",
    b"]",
    b"obj",
    b"endobj",
    b"stream",
    b"endstream",
    b"R",
    b"null",
    b"xref",
    b"trailer",
)
_VALUES = (
    b"0",
    b"-1",
    b"99999999999",
    b"2147483648",
    b"1e99",
    b"/X",
    b"(x)",
    b"true",
    b"1 0 R",
    b"9 0 R",
    b"[[[[",
)


def mutant(seed: int) -> bytes:
    """A variant, bytes changed: at random, in its numbers and words, cut, or glued to another."""
    random = Random(seed)
    name = random.choice(sorted(VARIANTS))
    if name not in _POOL:
        _POOL[name] = VARIANTS[name]()
    data = bytearray(_POOL[name])
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(data))
        match random.randrange(7):
            case 0:
                data[at] = random.randrange(256)
            case 1:
                data[at:at] = random.randbytes(random.randint(1, 9))
            case 2:
                del data[at : at + random.randint(1, 60)]
            case 3:
                token = random.choice(_TOKENS)
                if (there := data.find(token, at)) >= 0:
                    data[there : there + len(token)] = random.choice(_TOKENS)
            case 4:  # a number
                digits = [i for i in range(at, min(len(data), at + 80)) if 48 <= data[i] <= 57]
                if digits:
                    data[digits[0] : digits[0] + 1] = random.choice(_VALUES)
            case 5:
                data += data[at : at + random.randint(1, 400)]
            case 6:
                slash = data.find(b"/", at)
                if slash >= 0:
                    data[slash + 1 : slash + 3] = random.choice((b"Kids", b"Length", b"Prev", b"Type", b"XX"))
        if not data:
            data = bytearray(b"%PDF-1.7\n")
    return bytes(data)


def tried(data: bytes) -> str:
    """What came of it: the verdict of the labelled copy, or the code of the error. Anything else is raised."""
    report = labeler.verify(data)
    assert not report.error or "please report" not in report.error.hint.lower(), report.error
    try:
        receipt = labeler.add(data, None, Label(system="K", publisher="Q"))
    except LabelError as e:
        assert e.message, e
        return e.code
    return labeler.verify(receipt.data, sidecar=receipt.sidecar_data).verdict.value


if __name__ == "__main__":
    counts: Counter[str] = Counter()
    slowest = (0.0, -1)
    for number in range(int(sys.argv[1])):
        start = time.perf_counter()
        try:
            counts[tried(mutant(number))] += 1
        except Exception as e:
            print(number, type(e).__name__, str(e)[:300], flush=True)
            counts["FAILED"] += 1
        slowest = max(slowest, (time.perf_counter() - start, number))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(dict(counts), f"slowest {slowest[0]:.2f} s (seed {slowest[1]}), peak {peak:.0f} MB")
