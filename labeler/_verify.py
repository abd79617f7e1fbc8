"""Verify: what is there, rule by rule, and the verdict that follows.

bytes -> medium.read -> fields and slots -> marks, evidence -> facts -> policy rules -> verdict -> report
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from labeler import evidence, files, media, notices, persons, surfaces, thumbnails
from labeler import likeness as likenesses
from labeler.errors import ConfigError, LabelError, LimitError, NoticeError, UnreadableError, UnsupportedError
from labeler.facts import Evidence, Fact, Level, Mark, Reading, Status, Strength, Tells
from labeler.files import Sidecar
from labeler.label import Label
from labeler.likeness import Likeness
from labeler.marks import exif, native, tc260, xmp
from labeler.media.base import (
    Content,
    DocumentMedium,
    Field,
    Inside,
    KeepsPixels,
    Limits,
    Medium,
    Part,
    Slot,
    Surface,
)
from labeler.policy import engine
from labeler.policy.engine import RuleResult, Verdict
from labeler.signing import trust as lists
from labeler.signing.trust import Anchors
from labeler.surfaces.layout import Layout, Seen

if TYPE_CHECKING:
    from PIL.Image import Image

SCHEMA_VERSION = 1
Depth = Literal["fast", "default", "deep"]
Source = str | Path | bytes | BinaryIO
_PARALLEL = 1 << 20  # from this size on, hashing beside validating is worth a thread
_LARGE = 0.05  # capital letters of a notice, as a share of the short side (GB 45438-2025 section 5.2)
_CLEAN = ("c2pa", "sidecar", "xmp", "exif", "notice")  # every report tells of these, absent or not


@dataclass(frozen=True)
class Survey:
    """Everything read from one file, before any policy: `add` decides by it too."""

    medium: Medium
    content: Content
    marks: tuple[Mark, ...]
    facts: tuple[Fact, ...]
    evidence: tuple[Evidence, ...] = ()
    record: Mapping[str, Any] | None = None
    label: Label | None = None
    layout: Layout | None = None
    packet: xmp.Packet | None = None
    fields: tuple[Field, ...] = ()
    chinese: tuple[tc260.Found, ...] = ()

    def status(self, kind: str) -> Status:
        """Of the mark of this kind."""
        return next((m.status for m in self.marks if m.kind == kind), Status.ABSENT)

    @property
    def takes(self) -> frozenset[Slot]:
        """The slots that can be written into this file."""
        return self.medium.info.slots if self.content.takes is None else self.content.takes

    @property
    def mime(self) -> str:
        """What the file is."""
        return self.content.mime or self.medium.info.mime

    @property
    def tampered(self) -> Fact | None:
        """The fact that makes it so."""
        return next((f for f in self.facts if f.code == "c2pa.tampered"), None)


@dataclass(frozen=True)
class Problem:
    """Why a file could not be examined, and the next step."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True)
class Findings:
    """What was read from one file, before any policy: the same for the same bytes, whoever asks.

    ``sidecar`` is the key of the one that was read with it; ``likeness`` and ``thumbnail`` are there when asked for.
    """

    media_type: str | None = None
    sha256: str | None = None
    size: int | None = None
    marks: tuple[Mark, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    facts: tuple[Fact, ...] = ()
    label: Label | None = None
    error: Problem | None = None
    not_checked: tuple[str, ...] = ()
    sidecar: str | None = None
    likeness: Likeness | None = None
    thumbnail: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Report:
    """What was found in one file. Not a finding of law or authorship.

    ``verdict`` is the worst of ``verdicts`` (by policy). ``named`` is False for files met in a folder walk.
    ``thumbnail`` is a WebP of a few KB, where one was asked for and the content is a raster picture.
    """

    path: str
    media_type: str | None = None
    sha256: str | None = None
    size: int | None = None
    verdict: Verdict = Verdict.UNREADABLE
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    rules: tuple[RuleResult, ...] = ()
    facts: tuple[Fact, ...] = ()
    label: Label | None = None
    error: Problem | None = None
    not_checked: tuple[str, ...] = ()
    named: bool = True
    thumbnail: bytes | None = field(default=None, repr=False)

    @property
    def accepted(self) -> bool:
        """A baseline lists all that was found."""
        return any(f.code == "baseline.accepted" for f in self.facts)

    @property
    def skipped(self) -> bool:
        """An unsupported kind met in a folder walk: counted, not judged. A name that promises a kind is."""
        unsupported = self.error is not None and self.error.code == UnsupportedError.code
        return unsupported and not self.named and not media.claims(self.path)

    def to_dict(self, *, show_values: bool = False) -> dict[str, Any]:
        """JSON-ready; every key is always there. Prompts only with ``show_values``."""
        label = self.label.to_dict() if self.label else None
        if label and not show_values:
            label.pop("prompt", None)
        return {
            "path": self.path,
            "media_type": self.media_type,
            "sha256": self.sha256,
            "size": self.size,
            "verdict": self.verdict,
            "verdicts": dict(self.verdicts),
            "label": label,
            "marks": [{**m.details, "kind": m.kind, "status": m.status} for m in self.marks],
            "evidence": [
                {
                    "source": e.source,
                    "generator": e.generator,
                    "strength": e.strength,
                    "where": e.where,
                    "excerpt": (show_values and e.value) or e.excerpt,
                    "tells": e.tells,
                }
                for e in self.evidence
            ],
            "rules": [
                {
                    "id": r.id,
                    "policy": r.policy,
                    "citation": r.citation,
                    "basis": r.basis,
                    "level": r.level,
                    "status": r.status,
                    "message": r.messages.get("en", ""),
                }
                for r in self.rules
            ],
            "facts": [
                {"code": f.code, "level": f.level, "mark": f.mark, "where": f.where} for f in self.facts
            ],
            "not_checked": list(self.not_checked),
            "error": vars(self.error) if self.error else None,
        }


def summary(reports: Iterable[Report] | Mapping[str, int]) -> dict[str, int]:
    """A count per verdict, and of the files skipped; also from counts that lack some."""
    if isinstance(reports, Mapping):
        counts = reports
    else:
        counts = Counter("skipped" if r.skipped else r.verdict.value for r in reports)
    return {name: counts.get(name, 0) for name in (*(v.value for v in Verdict), "skipped")}


def survey(
    data: bytes,
    name: str | None,
    *,
    sidecar: Sidecar | None,
    anchors: Callable[[], Anchors],
    depth: Depth,
    limits: Limits,
    essence: bool = False,
    signed: Reading | None = None,
    password: str | None = None,
    whole: bool = True,
) -> Survey:
    """Read everything that speaks about AI in these bytes; ``anchors`` is asked only when something is signed.

    ``signed``: what the embedded manifest says, when it was validated a moment ago; it is not read again then.
    ``password`` opens content that is encrypted. ``whole``: also what stands inside a document.

    Raises:
        UnreadableError: not parsed to the end, or unsupported. LockedError: encrypted with another password.
        LimitError: a limit was hit.
    """
    src = io.BytesIO(data)
    medium = media.unlocked(media.identify(src, name), password)
    content = medium.read(src, limits, essence=essence)
    facts = [Fact("container.parsed", Level.SUCCESS, None, medium.info.name)]
    if data[len(data) - content.trailing :].strip():
        where = f"{content.trailing}"
        facts.append(Fact("container.trailing", Level.INFORMATIONAL, None, where))
    readings = [
        *_read_manifests(data, medium, content, sidecar, anchors, signed)
    ]  # first: their record is signed
    reading, packet, fields = _read_xmp(content)
    inside = exif.read(content.slots.get(Slot.EXIF))
    if inside and inside.record:
        fields = tuple(f for f in fields if not exif.is_own(f.key, f.value))  # no trace of anybody else
    chinese = tc260.find((f.where, f.key, f.value) for f in fields)
    own = native.read(content.slots.get(Slot.NATIVE))
    readings += [r for r in (reading, inside, own, tc260.read(chinese)) if r]
    document = Inside()
    if whole and depth != "fast" and isinstance(medium, DocumentMedium):
        document = medium.inside(src, limits)
        facts += [f for part in document.parts for f in _part(part, anchors, limits)]
    if document.unread:
        facts.append(Fact("document.unread", Level.INFORMATIONAL, None, document.unread))
    surface = functools.cache(lambda: medium.surface(src, limits))
    pixels = _pixels(data, medium, surface, limits) if depth == "deep" else None
    if pixels:
        facts.append(Fact("pixels.searched", Level.INFORMATIONAL))
    traces = evidence.find((*fields, *document.fields), size=content.size, data=data, pixels=pixels)
    readings += [_traced(t) for t in traces]
    facts += [f for r in readings for f in r.facts]
    marks = [m for r in readings for m in r.marks]
    provenance = packet.get("dcterms:provenance") if packet else None
    provenance = content.remote or (provenance if provenance and provenance.startswith("http") else None)
    if provenance and not any(m.kind == "c2pa" for m in marks):
        facts.append(Fact("c2pa.remote", Level.INFORMATIONAL, "c2pa", provenance[:200]))
        marks.append(
            Mark("c2pa", Status.UNKNOWN, {"reason": "the manifest is elsewhere and was not fetched"})
        )
    label, record = _label(readings, facts)
    if (
        record
        and record.get("signed") is not False  # every record of ours is written to be signed
        and not any(m.kind in ("c2pa", "sidecar") for r in readings for m in r.marks)
    ):
        facts.append(Fact("c2pa.removed", Level.FAILURE, "c2pa"))
    if label:
        facts.append(Fact(f"label.{label.involvement}", Level.INFORMATIONAL, None, label.system[:80]))
    if label and label.imitates:
        facts.append(Fact("label.imitates", Level.INFORMATIONAL, None, ", ".join(label.imitates)))
    if label and label.publisher:
        facts.append(Fact("label.publisher", Level.SUCCESS, None, label.publisher[:80]))
    for where, value in persons.ai_authors(fields, label.system if label else None):
        facts.append(Fact("author.ai", Level.FAILURE, None, f"{where}: {value}"))
    if label:
        facts += _contradictions(label, packet, marks)
    layout = Layout.from_dict(record.get("notice")) if record else None
    if any(f.code == "c2pa.tampered" for f in facts):
        depth = "fast"  # the pixels are not what was signed, and may not even decode
    mark, seen = _notice(surface, medium, label, layout, depth)
    return Survey(
        medium=medium,
        content=content,
        marks=_complete([*marks, mark]),
        facts=(*facts, *seen),
        evidence=tuple(e for r in readings for e in r.evidence),
        record=record,
        label=label,
        layout=layout,
        packet=packet,
        fields=fields,
        chinese=chinese,
    )


def _read_manifests(
    data: bytes,
    medium: Medium,
    content: Content,
    sidecar: Sidecar | None,
    anchors: Callable[[], Anchors],
    signed: Reading | None,
) -> Iterator[Reading]:
    if signed:
        yield signed
    elif content.defect:
        why = f"the manifest store cannot be read: {content.defect}"
        fact = Fact("c2pa.malformed", Level.FAILURE, "c2pa", why)
        yield Reading((Mark("c2pa", Status.INVALID, {"reason": why}),), (fact,))
    elif Slot.C2PA in content.slots:
        from labeler.marks import c2pa

        store = content.slots[Slot.C2PA] if content.hole else None
        mime = content.mime or medium.info.mime
        reading = c2pa.read(io.BytesIO(data), mime, anchors(), sidecar=store, hole=content.hole)
        if reading.marks[0].status is not Status.ABSENT:
            yield reading
    if sidecar is not None:
        from labeler.marks import c2pa

        reading = c2pa.read(io.BytesIO(data), medium.info.mime, anchors(), sidecar=sidecar.data)
        if not sidecar.exact and reading.marks[0].status is not Status.PRESENT:
            why = "its name could speak of another file, and it does not fit this one"
            fact = Fact("sidecar.foreign", Level.INFORMATIONAL, "sidecar", why)
            reading = Reading((Mark("sidecar", Status.UNKNOWN, {"reason": why}),), (fact,))
        yield reading


def _pixels(
    data: bytes, medium: Medium, surface: Callable[[], Surface | None], limits: Limits
) -> Image | None:
    """The first frame; where the surface keeps it, the notice is looked for in the same."""
    from labeler.media.pixels import first_frame  # imports Pillow

    kept = None
    with contextlib.suppress(UnreadableError, NoticeError):
        kept = surface() if medium.info.surface == "raster" else None
    return first_frame(kept if isinstance(kept, KeepsPixels) else data, limits)


def _part(part: Part, anchors: Callable[[], Anchors], limits: Limits) -> Iterator[Fact]:
    """Whether a part of a document is AI's, by its own marks and traces; a part says nothing of the whole."""
    try:
        if part.packet:
            told = xmp.read(xmp.parse(part.packet)).facts
        else:
            told = survey(part.data, None, sidecar=None, anchors=anchors, depth="fast", limits=limits).facts
    except UnreadableError:
        return
    said = [f for f in told if f.code in ("label.ai", "label.ai-part", "evidence.strong")]
    if said:
        yield Fact("label.ai-part", Level.SUCCESS, said[0].mark, f"{part.where}: {said[0].where}"[:200])


def _traced(found: Evidence) -> Reading:
    """A generator's trace; a declared one is a label, and its source is the mark's kind."""
    where = f"{found.where} {found.excerpt}"
    if found.strength is Strength.DECLARED:
        mark = Mark(found.source, Status.PRESENT, {"where": where})
        return Reading((mark,), (Fact("label.ai", Level.SUCCESS, found.source, where),))
    what = found.strength if found.tells is Tells.MADE else found.tells
    return Reading((), (Fact(f"evidence.{what}", Level.INFORMATIONAL, None, where),), (found,))


def _read_xmp(content: Content) -> tuple[Reading | None, xmp.Packet | None, tuple[Field, ...]]:
    raw, fields = content.slots.get(Slot.XMP), content.fields
    if not raw:
        return None, None, fields
    try:
        packet = xmp.parse(raw)
    except LimitError:
        raise
    except UnreadableError as e:
        fact = Fact("xmp.malformed", Level.FAILURE, "xmp", e.message[:200])
        return Reading((Mark("xmp", Status.INVALID, {"reason": e.message[:200]}),), (fact,)), None, fields
    found = [Field("xmp", p.name, v.encode()) for p in packet.properties for v in p.values]
    found += [Field("xmp", name, v.encode()) for name, v in packet.members]
    return xmp.read(packet), packet, (*fields, *found)


def _label(readings: Sequence[Reading], facts: list[Fact]) -> tuple[Label | None, Mapping[str, Any] | None]:
    """Our own label, signed record first; records that contradict each other are a finding."""
    chosen: tuple[Label | None, Mapping[str, Any] | None] = (None, None)
    for record in (r.record for r in readings if r.record):
        if record == chosen[1]:
            continue
        try:
            label = Label.from_dict(record["label"])
        except (LabelError, KeyError, TypeError, AttributeError):
            facts.append(
                Fact("record.malformed", Level.FAILURE, None, "our record holds no well-formed label")
            )
            continue
        if chosen[0] is None:
            chosen = label, record
        elif label != chosen[0]:
            facts.append(Fact("marks.disagree", Level.FAILURE, None, "the records of two marks differ"))
    return chosen


def _contradictions(label: Label, packet: xmp.Packet | None, marks: Iterable[Mark]) -> Iterator[Fact]:
    """IPTC fields that say otherwise than our record."""
    inside = next((m.details for m in marks if m.kind == "exif"), {})
    for key, name, said in (
        ("source_type", "Iptc4xmpExt:DigitalSourceType", label.source_type),
        ("system", "Iptc4xmpExt:AISystemUsed", label.system),
    ):
        values = {
            "xmp": packet.values(name) if packet else (),
            "exif": [str(inside[key])] if key in inside else (),
        }
        for mark, found in values.items():
            if any(v.rpartition("/")[2] != said.rpartition("/")[2] for v in found):
                yield Fact("marks.disagree", Level.FAILURE, mark, name)


def _notice(
    opened: Callable[[], Surface | None],
    medium: Medium,
    label: Label | None,
    claim: Layout | None,
    depth: Depth,
) -> tuple[Mark, tuple[Fact, ...]]:
    """Render what the label claims and compare it with what is there."""
    if label is None or claim is None:
        return Mark("notice", Status.UNKNOWN, {"reason": "no notice of ours is claimed"}), (
            Fact("notice.unrecognised", Level.INFORMATIONAL, "notice"),
        )
    if claim.mode == "none":
        return Mark("notice", Status.ABSENT), (Fact("notice.absent", Level.FAILURE, "notice"),)
    if depth == "fast":
        return Mark("notice", Status.UNKNOWN, {"reason": "pixels not looked at"}), (
            Fact("notice.unchecked", Level.INFORMATIONAL, "notice"),
        )
    words = notices.words(label, medium.info.kind, claim.langs).get(claim.tier)
    seen = Seen()
    try:
        surface = opened() if words else None
    except NoticeError as e:  # what cannot be drawn on here cannot be looked at either
        surface, seen = None, Seen(doubt=f"it was not looked for, since {e.message}")
    if words and surface is not None:
        seen = surfaces.load(medium.info.surface).recognise(surface, claim, words)
    if seen.doubt:
        return Mark("notice", Status.UNKNOWN, {"reason": seen.doubt}), (
            Fact("notice.doubtful", Level.INFORMATIONAL, "notice", seen.doubt),
        )
    if not words or not seen.langs:
        fact = Fact("notice.mismatch", Level.FAILURE, "notice")
        return Mark("notice", Status.INVALID), (fact,)
    facts = [Fact(f"notice.{lang}", Level.SUCCESS, "notice", words[lang][:80]) for lang in seen.langs]
    if seen.unseen:
        facts.append(
            Fact("notice.partly", Level.INFORMATIONAL, "notice", f"{seen.unseen} pages not looked at")
        )
    if seen.layout and medium.info.kind == "image":
        told = f"{seen.layout.letters * 100:.1f} % of the short side"
        large = seen.layout.letters >= _LARGE * 0.999
        facts.append(
            Fact("notice.large", Level.SUCCESS, "notice", told)
            if large
            else Fact("notice.small", Level.INFORMATIONAL, "notice", told)
        )
    measured = f"contrast {seen.contrast:.1f}:1, type {seen.layout.em if seen.layout else 0:.0f} px"
    if claim.mode == "head":
        measured = "letters of the text"
    facts.append(
        Fact("notice.legible", Level.SUCCESS, "notice", measured)
        if seen.legible
        else Fact("notice.illegible", Level.FAILURE, "notice", measured)
    )
    return Mark("notice", Status.PRESENT, {"langs": list(seen.langs), "mode": claim.mode}), tuple(facts)


def _complete(marks: list[Mark]) -> tuple[Mark, ...]:
    marks = [_named(m) for m in marks]
    kinds = {m.kind for m in marks}
    return (*marks, *(Mark(kind, Status.ABSENT) for kind in _CLEAN if kind not in kinds))


def _named(mark: Mark) -> Mark:
    """With the name of a producer that the mark gives as a code."""
    name = evidence.producer(str(mark.details.get("producer", "")))
    return replace(mark, details={**mark.details, "generator": name}) if name else mark


def verify(
    source: Source,
    *,
    policies: Sequence[str] = ("kz",),
    depth: Depth = "default",
    assume_ai: bool = False,
    notice_on_page: bool = False,
    trust: Sequence[str | Path] = (),
    trust_tsa: Sequence[str | Path] = (),
    trust_identity: Sequence[str | Path] = (),
    name: str | None = None,
    sidecar: bytes | None = None,
    thumbnail: bool = False,
    password: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Report:
    """What one file carries, and what each rule of the policies makes of it.

    ``source`` is a path, the bytes, or a binary stream (read from where it stands, then put back there). ``policies``
    are names, or paths of files of your own (``*.json``). ``trust``, ``trust_tsa`` and ``trust_identity`` name files
    with certificates of those who vouch for signers, for time, for persons named; they come on top of the lists kept
    here (`label trust`) and the own identities. ``assume_ai``: the caller knows that AI made it. ``notice_on_page``:
    the caller knows that the page around it carries the notice; the report says so. ``thumbnail``: make a small
    picture of it too. ``password`` opens encrypted content.

    A file that cannot be examined is a report with an ``error``, not an exception.

    Raises:
        ConfigError: an unknown policy, or unusable trust anchors.
    """
    check(policies)
    listed = lists.chosen(trust, trust_tsa, trust_identity)
    found = examine(
        source,
        depth=depth,
        anchors=lambda: (*lists.own_anchors(), *listed),
        name=name,
        sidecar=None if sidecar is None else Sidecar(sidecar),
        limits=limits,
        thumbnail=thumbnail,
        password=password,
    )
    path = str(source) if isinstance(source, str | Path) else name or "-"
    return judge(path, found, policies, assume_ai=assume_ai, notice_on_page=notice_on_page)


def check(policies: Sequence[str]) -> None:
    """Raises ConfigError: none, or an unknown one."""
    if not policies:
        raise ConfigError("No policy is named.", f"Choose from: {', '.join(engine.names())}.")
    engine.check(policies)


def examine(
    source: Source,
    *,
    depth: Depth,
    anchors: Callable[[], Anchors],
    name: str | None = None,
    sidecar: Sidecar | None = None,
    limits: Limits,
    likeness: bool = False,
    thumbnail: bool = False,
    password: str | None = None,
) -> Findings:
    """Read one file; never raises for what it holds. ``likeness``: tell what finds other copies of the content."""
    digest = None
    size = None
    try:
        data, beside = load(source, limits)
        beside = sidecar or beside
        digest, size = _digest(data), len(data)
        found = survey(
            data,
            str(source) if isinstance(source, str | Path) else name or "-",
            sidecar=beside,
            anchors=anchors,
            depth=depth,
            limits=limits,
            essence=likeness,
            password=password,
        )
        mime = found.content.mime or found.medium.info.mime
        alike = likenesses.of(found.content, data) if likeness else None
        small = thumbnails.make(data) if thumbnail else None
    except Exception as e:
        return unexamined(_typed(e), digest() if digest else None, size)
    return Findings(
        media_type=mime,
        sha256=digest(),
        size=size,
        marks=found.marks,
        evidence=(*_declared(found.facts), *found.evidence),
        facts=found.facts,
        label=found.label,
        not_checked=tuple(_not_checked(found)),
        sidecar=beside.key if beside else None,
        likeness=alike,
        thumbnail=small,
    )


def _typed(e: Exception) -> UnreadableError:
    """A defect of ours must not end a batch, nor be taken for the file's innocence."""
    if isinstance(e, UnreadableError):
        return e
    if isinstance(e, MemoryError):
        return LimitError(
            "it needs more memory than it may have.", "If you trust it, allow more with --memory."
        )
    return UnreadableError(f"examining it failed ({type(e).__name__}).", "Please report this with the file.")


def unexamined(e: UnreadableError, sha256: str | None = None, size: int | None = None) -> Findings:
    """What is said of a file that could not be examined."""
    code = "container.limit" if isinstance(e, LimitError) else "container.unreadable"
    return Findings(
        sha256=sha256,
        size=size,
        facts=(Fact(code, Level.FAILURE, None, e.message),),
        error=Problem(e.code, e.message, e.hint),
        not_checked=("everything: the file could not be examined",),
    )


def judge(
    path: str,
    found: Findings,
    policies: Sequence[str],
    *,
    assume_ai: bool = False,
    notice_on_page: bool = False,
    told: Sequence[Fact] = (),
    named: bool = True,
) -> Report:
    """What each rule makes of the findings; ``told``: facts that are not in the file itself."""
    facts = found.facts
    if not found.error:
        if assume_ai:
            told = (*told, Fact("caller.ai", Level.INFORMATIONAL))
        if notice_on_page:
            # a notice that the label says was not drawn is then where the caller says it is
            facts = tuple(f for f in facts if f.code != "notice.absent")
            told = (*told, Fact("notice.on-page", Level.INFORMATIONAL, "notice"))
    facts = (*facts, *told)
    results = {
        i: () if found.error else engine.apply(p, facts)
        for i, p in zip(engine.check(policies), policies, strict=True)
    }
    verdicts = {i: engine.decide(facts, rules) for i, rules in results.items()}
    return Report(
        path,
        media_type=found.media_type,
        sha256=found.sha256,
        size=found.size,
        verdict=engine.worst(verdicts.values()),
        verdicts=verdicts,
        marks=found.marks,
        evidence=found.evidence,
        rules=tuple(r for rules in results.values() for r in rules),
        facts=facts,
        label=found.label,
        error=found.error,
        not_checked=found.not_checked,
        named=named,
        thumbnail=found.thumbnail,
    )


def load(source: Source, limits: Limits) -> tuple[bytes, Sidecar | None]:
    """The bytes, and those of the sidecar beside a file.

    Raises:
        UnreadableError: they cannot be read. LimitError: too many.
    """
    if isinstance(source, bytes):
        return media.whole(io.BytesIO(source), limits), None
    if isinstance(source, str | Path):
        return files.read(source, limits.max_bytes), Sidecar.beside(source, limits.max_inflated)
    return media.whole(source, limits), None


def _digest(data: bytes) -> Callable[[], str]:
    if len(data) < _PARALLEL:
        return lambda: hashlib.sha256(data).hexdigest()
    pool = ThreadPoolExecutor(1)
    future: Future[str] = pool.submit(lambda: hashlib.sha256(data).hexdigest())
    pool.shutdown(wait=False)
    return future.result


def _declared(facts: Iterable[Fact]) -> Iterator[Evidence]:
    for f in facts:
        if f.code == "label.ai":
            yield Evidence(f.mark or "", "", Strength.DECLARED, f.mark or "", f.where[:80])


def _not_checked(found: Survey) -> Iterator[str]:
    if any(f.code == "pixels.searched" for f in found.facts):
        yield "watermarks that only their makers can read"
    else:
        yield "generators' traces in pixels and watermarks"
    yield "captions beside the file"
    if any(f.code == "notice.unchecked" for f in found.facts):
        yield "the visible notice"
    if any(f.code == "notice.partly" for f in found.facts):
        yield "the visible notice on some of the pages"
    if any(f.code == "document.unread" for f in found.facts):
        yield "the text and pictures of some of the pages"
    if any(f.code == "container.trailing" for f in found.facts):
        yield "bytes after the container's end"
    yield from found.content.unread
    if any(f.code == "c2pa.remote" for f in found.facts):
        yield "a manifest that is stored elsewhere"
    if any(f.code == "c2pa.signer.revocation-unchecked" for f in found.facts):
        yield "whether the signer's certificate was revoked"
    if any(f.code == "c2pa.time.unchecked" for f in found.facts):
        yield "who made the time-stamp"
    if any(f.code == "c2pa.identity.unchecked" for f in found.facts):
        yield "who is named in the Content Credentials"
