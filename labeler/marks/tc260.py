"""The TC260 mark: the implicit label that China's GB 45438-2025 puts into a file's metadata.

GB 45438-2025 section 6.1 c) (one label in a file) and annex E (seven keys; note 1: who produces a file writes itself
as the propagator too; j: characters of values); TC260-PG-20259A clause 6 (pictures: XMP) and annex B (EXIF's comment and
PNG's text, wrapped in ``{"AIGC": …}``). Both as quoted by several public implementations: the text itself was not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from labeler.errors import UsageError
from labeler.evidence.value import Value
from labeler.facts import Evidence, Fact, Level, Mark, Reading, Status, Strength
from labeler.label import Involvement, Label

KEYS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
NAME, PROPERTY = "AIGC", "TC260:AIGC"
Carrier = Literal["xmp", "exif", "native", "elsewhere"]
_CODE = re.compile(r"[!#-\[\]-~]{1,500}")
_SHOWN = 80


@dataclass(frozen=True)
class Found:
    """One label as it stands in a file; ``carrier`` says who can write it anew."""

    where: str
    carrier: Carrier
    data: dict[str, Any]
    wrapped: bool

    def text(self, data: dict[str, Any]) -> str:
        """Other data in the form of this one."""
        # a PNG text is Latin-1 and our comments are ASCII
        whole = {NAME: data} if self.wrapped else data
        return json.dumps(whole, ensure_ascii=self.carrier != "xmp", separators=(",", ":"))

    @property
    def made(self) -> tuple[str, ...]:
        """What its producer says."""
        return tuple(str(self.data.get(key, "")) for key in KEYS[:3])


def find(fields: Iterable[tuple[str, str, bytes]]) -> tuple[Found, ...]:
    """The labels among fields (place, key, value) of a file's metadata: an object under its key, or in its wrapping."""
    found = []
    for where, key, value in fields:
        if key == PROPERTY and where == "xmp":
            carrier: Carrier = "xmp"
        elif key == NAME:
            carrier = "native"
        elif key in ("UserComment", "ImageDescription") and where.startswith("exif:"):
            carrier = "exif" if (where, key) == ("exif:Exif", "UserComment") else "elsewhere"
        else:
            continue
        whole = Value(value).json()
        inner = whole.get(NAME) if isinstance(whole, dict) else None
        bare = carrier in ("xmp", "native")
        data = inner if isinstance(inner, dict) else whole if bare else None
        if isinstance(data, dict) and not data.keys().isdisjoint((*KEYS, "ServiceProvider")):
            found.append(Found(f"{where} {key}", carrier, data, data is inner))
        elif carrier == "xmp":
            found.append(Found(f"{where} {key}", "elsewhere", {}, False))
    return tuple(found)


def read(found: Sequence[Found]) -> Reading | None:
    """What the labels say: ``Label`` 1 declares AI, 2 and 3 only suspect it. None: there is none."""
    if not found:
        return None
    facts, evidence = list[Fact](), list[Evidence]()
    first = found[0]
    level, producer, number = first.made
    # ServiceProvider: what one cloud wrote before the standard
    if level == "1" or "ServiceProvider" in first.data:
        facts.append(Fact("label.ai", Level.SUCCESS, "tc260", f"{first.where} Label={level}"))
    elif level in ("2", "3"):
        facts.append(Fact("evidence.weak", Level.INFORMATIONAL, "tc260", f"{first.where} Label={level}"))
        facts.append(Fact("tc260.suspects", Level.INFORMATIONAL, "tc260", f"Label={level}"))
        evidence.append(Evidence("tc260", producer[:_SHOWN], Strength.WEAK, first.where, f"Label={level}"))
    if level in ("1", "2", "3"):
        facts.append(Fact("tc260.label", Level.SUCCESS, "tc260", f"Label={level}"))
    if producer and number:
        facts.append(Fact("tc260.producer", Level.SUCCESS, "tc260", producer[:_SHOWN]))
    broken = [f"{f.where}: {why}" for f in found if (why := _defect(f.data))]
    facts += [Fact("tc260.malformed", Level.FAILURE, "tc260", why) for why in broken]
    if len(found) > 1:
        places = ", ".join(f.where for f in found)[:200]
        facts.append(Fact("tc260.repeated", Level.FAILURE, "tc260", places))
        if len({f.made for f in found}) > 1:
            facts.append(Fact("marks.disagree", Level.FAILURE, "tc260", places))
    details: dict[str, object] = {
        "label": level[:_SHOWN],
        "producer": producer[:_SHOWN],
        "where": first.where,
    }
    mark = Mark("tc260", Status.INVALID if broken else Status.PRESENT, details)
    return Reading((mark,), tuple(facts), tuple(evidence))


def _defect(data: dict[str, Any]) -> str:
    """Why these are not the seven texts of annex E; empty: they are."""
    wrong = [key for key in KEYS if not isinstance(data.get(key), str)]
    if wrong:
        return f"no text for {', '.join(wrong)}"
    return "" if data["Label"] in ("1", "2", "3") else "Label is not 1, 2 or 3"


def check_code(code: str | None, option: str) -> str | None:
    """The code as it is.

    Raises:
        UsageError: it holds what annex E j) does not allow.
    """
    if code is not None and not _CODE.fullmatch(code):
        raise UsageError(
            f"{option} {code!r} cannot stand in a TC260 label.",
            "It takes printable ASCII without spaces, quotes and backslashes.",
        )
    return code


def write(
    found: Sequence[Found], label: Label, provider: str | None, publisher: str | None
) -> tuple[dict[Carrier, str], str]:
    """The texts of the labels by carrier, changed or not, and why there are none or not all of them.

    Without a label there will be one, in XMP. One of others stays, and takes the publisher as its propagator where it
    names none but its producer. ``provider`` and ``publisher`` are codes; else the names in ``label`` stand for them.
    """
    number = label.content_id.removeprefix("urn:uuid:")
    others = [f for f in found if f.data.get("ProduceID") != number]
    if others:
        return _propagated(found, number, publisher or label.publisher)
    if label.involvement is Involvement.ASSISTED:
        return {}, "no TC260 label was written: it is for content that AI generated or synthesised"
    producer = provider or label.provider
    if producer is None or not _CODE.fullmatch(producer):
        why = (
            "nobody is named as its producer: --provider or --provider-code"
            if producer is None
            else f"it takes only printable ASCII without spaces, which {producer!r} is not: --provider-code"
        )
        return {}, f"no TC260 label was written: {why}"
    data = dict(zip(KEYS, ("1", producer, number, "", producer, number, ""), strict=True))
    if not found:
        return {"xmp": json.dumps(data, separators=(",", ":"))}, ""
    return {f.carrier: f.text(data) for f in found}, ""


def changed(found: Sequence[Found], texts: Mapping[Carrier, str]) -> dict[Carrier, str]:
    """Those that say something else than what stands there."""
    there = {f.carrier: f.text(f.data) for f in reversed(found)}
    return {carrier: text for carrier, text in texts.items() if there.get(carrier) != text}


def _propagated(found: Sequence[Found], number: str, publisher: str | None) -> tuple[dict[Carrier, str], str]:
    texts, kept = dict[Carrier, str](), list[str]()
    for f in found:
        said = [str(f.data.get(key, "")) for key in KEYS]
        first = said[4:6] in (["", ""], said[1:3])  # nobody but the producer has propagated it
        if f.carrier == "elsewhere" or _defect(f.data):
            kept.append(f"it stands in {f.where} in a form that is not written here")
        elif not first and said[5] != number:
            kept.append("it names another propagator")
        elif publisher is None or not _CODE.fullmatch(publisher):
            kept.append("no publisher is named by a code: --publisher-code")
        else:
            texts[f.carrier] = f.text({**f.data, "ContentPropagator": publisher, "PropagateID": number})
    why = f"the TC260 label that is there was kept as it is: {'; '.join(dict.fromkeys(kept))}" if kept else ""
    return texts, why
