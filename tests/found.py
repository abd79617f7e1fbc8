"""Reports of every verdict, verified from real files; and the same files with hostile names and values."""

from __future__ import annotations

import functools
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pictures import encode, label, photo
from PIL.PngImagePlugin import PngInfo

import labeler
from labeler import Report, Verdict, reports
from labeler.reports.base import Closing, Settings

TIME = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
PARAMETERS = "a lighthouse\nSteps: 20, Sampler: DDIM, CFG scale: 7, Seed: 5, Size: 512x512"
XSS = (
    "<script>window.hacked=1</script>",
    "</script><script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=1">',
    "'><svg/onload=window.hacked=1>",
    "<!--<script>window.hacked=1//",
    "javascript:window.hacked=1",
    "{{constructor.constructor('window.hacked=1')()}}",
    "${window.hacked=1}",
    "]]><x>&lt;b&gt;&amp;",
    "<style>*{display:none}</style>",
    "<base href=http://192.0.2.1/><link rel=stylesheet href=//192.0.2.1/x>",
    "\u202egnp.exe\u2028\u2029\ufeff",
    "\x00\x01\x1b[31m\x7f\r\n\t",
    "\udcff\udc80",
    "=cmd|' /C calc'!A0",
    "::error file=x::hacked %0A::set-output name=a::b\n::add-mask::x ##[error]y",
    "&{}[](http://192.0.2.1)`|*_~",
)


def png(**texts: str) -> bytes:
    """A PNG with text chunks."""
    info, out = PngInfo(), io.BytesIO()
    for key, value in texts.items():
        info.add_itxt(key, value.encode("utf-8", "surrogatepass"))
    photo(120, 80).save(out, "PNG", pnginfo=info)
    return out.getvalue()


@functools.cache
def all_verdicts() -> tuple[Report, ...]:
    """One of each, in the order of `Verdict`, with thumbnails; then one that was skipped."""
    signed = labeler.add(encode("jpeg"), None, label()).data
    files: dict[Verdict, tuple[str, bytes, dict[str, Any]]] = {
        Verdict.UNREADABLE: ("site/broken.png", png()[:200], {}),
        Verdict.TAMPERED: ("site/forged.jpg", signed[:-2000] + bytes(1998) + signed[-2:], {}),
        Verdict.UNLABELLED: ("site/deep/маяк.png", png(parameters=PARAMETERS), {}),
        Verdict.INCOMPLETE: (
            "site/half.png",
            labeler.add(encode("png"), None, label(), notice="none").data,
            {},
        ),
        Verdict.SUSPECTED: ("site/deep/graph.png", png(workflow='{"nodes": [{"type": "KSampler"}]}'), {}),
        Verdict.LABELLED: ("site/әдемі.jpg", signed, {}),
        Verdict.NO_EVIDENCE: ("site/plain.png", png(), {}),
    }
    made = [labeler.verify(d, name=name, thumbnail=True, **more) for name, d, more in files.values()]
    assert [r.verdict for r in made] == list(files) == list(Verdict)
    skipped = replace(labeler.verify(b"some text", name="site/notes.xyz"), named=False)
    assert skipped.skipped
    return (*made, skipped)


@functools.cache
def hostile() -> tuple[Report, ...]:
    """Every string of the corpus as a name, in metadata that evidence quotes, and as names in the label."""
    out: list[Report] = []
    for i, text in enumerate(XSS):
        for report in all_verdicts()[1:4]:
            out.append(replace(report, path=f"{i}/{text}"))
        trace = png(parameters=f"{text}\nSteps: 20, {text[:60]}, Sampler: {text}", Software=text, Author=text)
        out.append(labeler.verify(trace, name=f"{text}.png"))
        clean = "x" + "".join(c for c in text if c.isprintable())
        named = labeler.add(
            encode("png", 200, 120), None, label(system=clean, publisher=clean), notice="none"
        ).data
        out.append(labeler.verify(named, name=f"label {i}.png"))
    return tuple(out)


def write(style: str, found: Iterable[Report], lang: str = "en", **more: Any) -> str:
    """The whole report."""
    counts: Counter[str] = Counter()
    pieces: list[str] = []

    def counted() -> Iterable[Report]:
        for report in found:
            counts["skipped" if report.skipped else report.verdict.value] += 1
            yield report

    settings = Settings(lang=lang, time=TIME, **more)

    def closing() -> Closing:
        every = {name: counts[name] for name in (*(v.value for v in Verdict), "skipped")}
        return Closing(every, ("site/gone.png.c2pa",))

    reports.stream(counted(), [(reports.writer(style, settings), pieces.append)], closing)
    return "".join(pieces)
