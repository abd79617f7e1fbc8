"""Add: the notice, then the metadata, then the signature, last; read back before anything is replaced.

bytes -> medium -> existing marks (tampered? refuse) -> notice on its surface -> metadata -> C2PA -> read back -> write
"""

from __future__ import annotations

import datetime as dt
import functools
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from labeler import files, media, notices, persons, surfaces
from labeler._verify import Source, Survey, load, survey
from labeler.errors import (
    LabelError,
    LimitError,
    LockedError,
    NoticeError,
    ReadBackError,
    SigningError,
    TamperedError,
    TimeStampError,
    UnreadableError,
    UnsupportedError,
    UsageError,
    WriteError,
)
from labeler.facts import Fact, Level, Reading, Status
from labeler.files import Sidecar
from labeler.label import Involvement, Label
from labeler.marks import exif, native, tc260, xmp
from labeler.media.base import (
    ExactMedium,
    Limits,
    Medium,
    Painted,
    RasterSurface,
    RepairableMedium,
    Slot,
    Surface,
)
from labeler.policy import engine
from labeler.policy.engine import Asks, RuleStatus
from labeler.signing import identity as identities
from labeler.signing import profile, trust
from labeler.signing.identity import Identity
from labeler.signing.timestamp import Authority
from labeler.surfaces.layout import Layout, Mode

if TYPE_CHECKING:
    from PIL.Image import Image

    from labeler.marks.c2pa import Parent

RECORD_VERSION = 1
_TOLERANCE = 6.0  # mean difference of a channel that a re-encode at equal or high quality stays below
_MINUTE = dt.timedelta(minutes=1)
_SKEW = 10 * _MINUTE
_SUBSTANCE = ("c2pa.", "xmp.", "record.", "marks.", "notice.")
_REWRITTEN = ("UserComment", "ImageDescription", tc260.NAME)  # fields that may become ours


@dataclass(frozen=True)
class Receipt:
    """What `add` did. ``degradations``: what was done the second-best way; ``remarks``: what the caller should know.

    ``time_stamp``: the time that an authority stamped (``time``, ``authority``, ``trusted``: by a list kept here).
    """

    source: str
    target: str | None
    unchanged: bool
    label: Label
    notice: Layout
    marks: tuple[str, ...] = ()
    identity: str | None = None
    time_stamp: Mapping[str, Any] | None = None
    sidecar: str | None = None
    degradations: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    data: bytes = field(default=b"", repr=False)
    sidecar_data: bytes | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; without the bytes, and without a prompt."""
        label = self.label.to_dict()
        label.pop("prompt", None)
        return {
            "source": self.source,
            "target": self.target,
            "unchanged": self.unchanged,
            "label": label,
            "notice": self.notice.to_dict(),
            "marks": list(self.marks),
            "identity": self.identity,
            "time_stamp": dict(self.time_stamp) if self.time_stamp else None,
            "sidecar": self.sidecar,
            "degradations": list(self.degradations),
            "remarks": list(self.remarks),
        }


def add(
    source: Source,
    target: str | Path | BinaryIO | None,
    label: Label,
    *,
    notice: Mode | Literal["auto"] = "auto",
    langs: Sequence[str] = notices.MANDATORY,
    identity: str | Identity = identities.DEFAULT,
    sidecar: bool = False,
    text_mark: bool = False,
    tsa: str | None = None,
    tsa_optional: bool = False,
    policies: Sequence[str] = ("kz",),
    provider_code: str | None = None,
    publisher_code: str | None = None,
    original: str | Path | bytes | None = None,
    with_prompt: bool = False,
    in_place: bool = False,
    backup: str | None = None,
    dry_run: bool = False,
    name: str | None = None,
    password: str | None = None,
    force: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Receipt:
    """Write a labelled copy of ``source`` to ``target``.

    ``source`` and ``target`` are paths or binary streams; ``source`` may be bytes, and without a ``target`` the
    result is in ``receipt.data`` (and ``receipt.sidecar_data``). ``in_place`` replaces the source file.
    ``notice``: see `labeler.surfaces`. ``sidecar`` puts the signature beside the file; a file that has a sidecar
    keeps to it. ``text_mark`` signs plain text within, with characters that cannot be seen. ``tsa`` is the address of a time-stamp authority (RFC 3161), asked over the network for each
    signature, not in a dry run; ``tsa_optional``: without its answer the file is signed all the same, and the
    receipt's degradations say so. ``policies`` (names, or paths of your own ``*.json``): what they ask for is done,
    and the mandatory rules that the result leaves unmet are told in the receipt's remarks. ``provider_code`` and
    ``publisher_code`` stand for the names in a TC260 label. ``original`` is what a modified picture was made from.
    The same label on a file whose marks are all valid changes nothing. ``password`` opens encrypted content, which
    stays encrypted; ``force`` changes what its owner has locked against changes. Damaged content that other software
    still shows is rebuilt first, and the receipt says so.

    Raises:
        UsageError: the request contradicts itself or the file. TamperedError: the source's own marks contradict its
        bytes. UnreadableError, LimitError: the source. NoticeError: no notice fits. IdentityError: cannot sign.
        ConfigError: the address of the authority. TimeStampError: it gave no time-stamp. ReadBackError: the result
        was not what was promised. WriteError: the target. Nothing is written in any case.
    """
    path = Path(source) if isinstance(source, str | Path) else None
    # a name that is no Unicode would be no JSON
    title = (name or (path.name if path else "content")).encode("utf-8", "replace").decode()
    called = path or name or "the input"
    destination = _destination(path, target, in_place)
    langs = notices.check_langs(langs)
    engine.check(policies)
    codes = (
        tc260.check_code(provider_code, "--provider-code"),
        tc260.check_code(publisher_code, "--publisher-code"),
    )
    authority = Authority(tsa) if tsa else None
    if backup is not None and (not backup or "/" in backup or backup == files.SIDECAR):
        raise UsageError(f"{backup!r} is no suffix for a backup.", "Use one like .orig.")
    try:
        data, found_beside = load(source, limits)
        data, found, damage = _examined(data, title, found_beside, limits, password)
        if damage and in_place and not backup:
            raise UsageError(
                f"{damage}; in its place would stand what could be found of it.",
                "Pass --backup SUFFIX to keep it, or write the copy elsewhere.",
            )
        fits = not any(f.code == "sidecar.foreign" for f in found.facts)
        beside = found_beside.data if found_beside and fits else None
        _refuse(found, label, sidecar, beside, original, force)
        if text_mark:
            _check_text_mark(found, sidecar, beside)
        prompt = label.prompt
        label = replace(
            label,
            prompt=label.prompt if with_prompt else None,
            content_id=found.label.content_id if found.label else label.content_id,
        )
        wants = engine.asks(policies)
        begin = functools.partial(
            _Work,
            title,
            data,
            beside,
            found,
            label,
            langs,
            limits,
            wants,
            codes,
            password,
            damage,
            sidecar,
            text_mark,
        )
        work = begin()
        mode = work.mode(notice)
        if work.is_done(mode, stamped=bool(tsa)):
            made, signer = work.as_it_is(), None
        else:
            _check_older(found)
            if not isinstance(identity, Identity):
                identity = identities.ensure(identity, keep=not dry_run)
            signer = identity.require()
            parent = _original(original, limits)
            try:
                # a dry run costs nobody a time-stamp
                made = work.make(mode, signer, parent, None if dry_run else authority)
            except TimeStampError as e:
                if not tsa_optional:
                    raise
                again = begin()
                if again.is_done(again.mode(notice), stamped=False):
                    made, signer = again.as_it_is(), None
                else:
                    made = again.make(mode, signer, parent, None)
                made = replace(made, degradations=(*made.degradations, e.message))
        unmet = _unmet(made.facts, policies)
        remarks = (*_remarks(found, label, with_prompt, signer), *made.remarks, *unmet)
        if prompt and not with_prompt:
            remarks = (*remarks, "The prompt was left out: --with-prompt lets the label carry it.")
        if tsa and dry_run:
            remarks = (*remarks, "The time-stamp authority was not asked: a dry run uses no network.")
        if (
            destination
            and destination.suffix
            and destination.suffix.lower() not in found.medium.info.suffixes
        ):
            remarks = (
                *remarks,
                f"The name ends in {destination.suffix}, but the file is {found.medium.info.name}.",
            )
        place = _sidecar(target, destination, made.sidecar)
        if not dry_run and not (signer is None and destination is not None and destination == path):
            _write(target, destination, made.data, place, made.sidecar, path, backup)
    except LabelError as e:
        raise type(e)(f"{called}: {e.message}", e.hint) from e
    except OSError as e:
        raise WriteError(f"{called}: {e.strerror}.", "Check path, space and permissions.") from e
    return Receipt(
        source=str(called),
        target=str(destination) if destination else None,
        unchanged=signer is None,
        label=made.label,
        notice=made.layout,
        marks=made.marks,
        identity=signer.name if signer else None,
        time_stamp=made.time_stamp,
        sidecar=str(place) if place else None,
        degradations=made.degradations,
        remarks=remarks,
        data=made.data,
        sidecar_data=made.sidecar,
    )


def _examined(
    data: bytes, title: str, beside: Sidecar | None, limits: Limits, password: str | None
) -> tuple[bytes, Survey, str]:
    """What is labelled, what was seen in it, and, where it had to be rebuilt, a clause that says so."""
    look = functools.partial(
        survey,
        name=title,
        sidecar=beside,
        anchors=trust.own_anchors,
        depth="default",
        limits=limits,
        essence=True,
        password=password,
        whole=False,  # no rule for writing speaks of it
    )
    try:
        return data, look(data), ""
    except (LimitError, LockedError, UnsupportedError):
        raise
    except UnreadableError as e:
        medium = media.unlocked(media.identify(io.BytesIO(data), title), password)
        if not isinstance(medium, RepairableMedium):
            raise
        rebuilt = medium.rebuilt(io.BytesIO(data), limits)
        damage = f"the source is damaged and was rebuilt with {rebuilt.found}; its bytes are not kept ({e.message})"
        return rebuilt.data, look(rebuilt.data), damage


def _destination(path: Path | None, target: str | Path | BinaryIO | None, in_place: bool) -> Path | None:
    if in_place:
        if path is None or target is not None:
            raise UsageError(
                "Only a file can be labelled in place, and then there is no target.", "Name one or the other."
            )
        return path
    if target is None or not isinstance(target, str | Path):
        return None
    destination = Path(target)
    if path and destination.exists() and path.exists() and destination.samefile(path):
        raise UsageError(
            f"{path} is source and target at once.", "To replace the file itself, label it in place."
        )
    if destination.is_dir():
        raise UsageError(f"{destination} is a folder.", "Name a file to write, or use an output folder.")
    return destination


def _sidecar(
    target: str | Path | BinaryIO | None, destination: Path | None, sidecar: bytes | None
) -> Path | None:
    """Where the sidecar goes; one that stands beside the target would be stale if none went there."""
    if destination is None:
        if sidecar and target is not None:
            raise UsageError(
                "a sidecar needs a file to stand beside.", "Write to a file instead of a stream."
            )
        return None
    standing = files.sidecar_of(destination)
    if standing and not sidecar:
        raise UsageError(
            f"{standing} speaks of the file that would be replaced.", "Move it away, or pass --sidecar."
        )
    return (standing or destination.with_name(destination.name + files.SIDECAR)) if sidecar else None


def _original(original: str | Path | bytes | None, limits: Limits) -> bytes | None:
    if not isinstance(original, str | Path):
        return original
    try:
        return files.read(Path(original), limits.max_bytes)
    except UnreadableError as e:
        raise UsageError(f"of the original {original}: {e.message}", "Check --original.") from e


def _write(
    target: str | Path | BinaryIO | None,
    destination: Path | None,
    data: bytes,
    place: Path | None,
    sidecar: bytes | None,
    path: Path | None,
    backup: str | None,
) -> None:
    if destination:
        beside = [(place, sidecar)] if place and sidecar else []
        files.write_all([(destination, data), *beside], like=path, backup=backup)
    elif target is not None and not isinstance(target, str | Path):
        try:
            target.write(data)
        except OSError as e:
            raise WriteError(
                f"The result cannot be written ({e.strerror}).", "Check where the output goes."
            ) from e


def _refuse(
    found: Survey,
    label: Label,
    detached: bool,
    beside: bytes | None,
    original: object | None,
    force: bool,
) -> None:
    if found.content.forbidden and not force:
        raise UsageError(
            f"{found.content.forbidden}.",
            "Give the owner's password; or pass --force if you have the right to change it.",
        )
    if original is not None and label.involvement is not Involvement.MODIFIED:
        raise UsageError(
            "an original is named, but the label does not say modified.", "Pass --involvement modified."
        )
    if original is not None and found.status("c2pa") is not Status.ABSENT:
        raise UsageError("it is signed, so it is its own parent.", "Leave out --original.")
    if label.reviewer and persons.is_ai(label.reviewer):
        raise UsageError(f"the reviewer {label.reviewer!r} is an AI system.", "Only a person can review.")
    if fact := found.tampered:
        raise TamperedError(
            f"the signed mark that it carries contradicts its bytes ({fact.where}); a new label would launder that.",
            "Find out who changed it, or start from the original.",
        )
    if found.status("xmp") is Status.INVALID:
        raise UnreadableError(
            "its XMP metadata is malformed, and replacing it would lose it.",
            "Repair the metadata first, e.g. with exiftool.",
        )
    for where, value in persons.ai_authors(found.fields, label.system):
        raise UsageError(
            f"{where} names an AI system ({value!r}) as the author; only a person can be one.",
            "Correct the author in the file's metadata first.",
        )
    embedded = found.status("c2pa") is not Status.ABSENT and not any(
        f.code == "c2pa.remote" for f in found.facts
    )
    if found.content.defect:
        raise UnreadableError(
            f"the manifest store that it carries cannot be read ({found.content.defect}), and replacing it would lose it.",
            "Start from the original.",
        )
    if found.status("sidecar") is Status.INVALID:
        raise UnreadableError("the sidecar beside it cannot be read.", "Move it away first.")
    for contradicts, hint in (
        (Slot.C2PA not in found.takes, "Export it as PNG or JPEG, and label that."),
        (beside, "Move the sidecar away."),
        (detached, "Leave out --sidecar."),
    ):
        if embedded and contradicts:
            raise UsageError(
                "it carries an embedded manifest; a sidecar beside it would contradict it.", hint
            )


def _check_older(found: Survey) -> None:
    """Raises UsageError: an older label of ours would stay beside the new one, and the two would contradict."""
    if found.packet and xmp.record(found.packet) and Slot.XMP not in found.takes:
        why = found.content.why or "nothing is written into this file"
        raise UsageError(
            f"its XMP holds an older label that cannot be replaced: {why}.",
            "Start from the file as it was before that label.",
        )


def _check_text_mark(found: Survey, sidecar: bool, beside: bytes | None) -> None:
    if not found.medium.info.detached:
        raise UsageError("only plain text takes a text mark.", "Leave out --text-mark.")
    if sidecar or beside:
        raise UsageError(
            "a text mark and a sidecar would contradict each other.",
            "Leave one out; a sidecar that is there must be moved away.",
        )
    if Slot.C2PA not in found.takes:
        raise UsageError(
            "a text mark needs UTF-8 in the Unicode form NFC; changing that would change the text.",
            "Convert the text first, or leave out --text-mark.",
        )


def _remarks(found: Survey, label: Label, with_prompt: bool, signer: Identity | None) -> Iterator[str]:
    if signer and signer.local:
        yield (
            f"Signed with the local identity {signer.name!r}: nobody else trusts it yet. Give others its certificate: "
            f"`label identity export {signer.name}`."
        )
    if found.content.forbidden:
        yield f"You asked for a change although {found.content.forbidden}."
    if signer and (told := profile.personal(signer.chain)):
        yield f"The certificate makes public, in every signed file: {', '.join(told)}."
    if found.layout and found.layout.mode != "none" and found.status("notice") is Status.INVALID:
        yield "The notice that an older label claims is not at its place: if the picture was cropped, two may stand there."
    if places := list(dict.fromkeys(persons.prompts(found.fields))):
        yield f"The file's own metadata seems to hold a prompt and is kept ({', '.join(places[:5])}): prompts can be personal."
    if not label.publisher:
        yield "No publisher is named: --publisher says who answers for it."
    if with_prompt and label.prompt:
        yield "The label carries the prompt: prompts can be personal."


def _unmet(facts: Sequence[Fact], policies: Sequence[str]) -> Iterator[str]:
    for policy in policies:
        for rule in engine.apply(policy, facts):
            if rule.level == "must" and rule.status in (RuleStatus.FAILS, RuleStatus.UNKNOWN):
                yield f"{rule.id} ({rule.status}): {rule.messages['en']}"


def _time_stamp(found: Survey) -> Mapping[str, Any] | None:
    """The time-stamp of the signature, whoever made it."""
    for mark in found.marks:
        if mark.kind in ("c2pa", "sidecar") and mark.details.get("time"):
            details = mark.details
            names = {"time": "time", "authority": "time_authority", "trusted": "time_trusted"}
            return {ours: details.get(theirs) for ours, theirs in names.items()}
    return None


def _of_time(stamp: Mapping[str, Any] | None) -> Iterator[str]:
    if stamp is None:
        return
    if not stamp["trusted"]:
        yield (
            f"The time-stamp authority {stamp['authority']!r} is on no trust list kept here: "
            "`label trust update` gets C2PA's, `label trust add FILE --for tsa` keeps another."
        )
    off = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(stamp["time"])
    if abs(off) > _SKEW:
        yield f"The time-stamp says {stamp['time']}; this machine's clock is {abs(off) // _MINUTE} minutes away from that."


@dataclass(frozen=True)
class _Made:
    """A finished asset, not yet written."""

    data: bytes
    sidecar: bytes | None
    label: Label
    layout: Layout
    marks: tuple[str, ...]
    facts: tuple[Fact, ...]
    time_stamp: Mapping[str, Any] | None = None
    degradations: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Chinese:
    """TC260 labels by carrier; ``puts`` are those in slots of their own, ``changed`` whether any says something new."""

    texts: Mapping[tc260.Carrier, str] = field(default_factory=dict)
    puts: Mapping[Slot, bytes] = field(default_factory=dict)
    changed: bool = False
    why_not: str = ""


class _Work:
    """One asset on its way from its bytes to labelled bytes, all in memory."""

    def __init__(
        self,
        title: str,
        data: bytes,
        beside: bytes | None,
        found: Survey,
        label: Label,
        langs: tuple[str, ...],
        limits: Limits,
        asks: Asks,
        codes: tuple[str | None, str | None],
        password: str | None,
        damage: str,
        detached: bool,
        text_mark: bool,
    ) -> None:
        self.title, self.data, self.beside, self.found = title, data, beside, found
        self.label, self.langs, self.limits = label, langs, limits
        self.asks, self.codes, self.password = asks, codes, password
        self.medium: Medium = found.medium
        # a file that has a sidecar keeps to it: an embedded manifest beside it would make it stale
        unasked = self.medium.info.detached and not text_mark and Slot.C2PA not in found.content.slots
        self.detached = detached or beside is not None or Slot.C2PA not in found.takes or unasked
        self.drawable = True
        self.undrawn: NoticeError | None = None
        self.sealed = ""
        self.written: list[str] = []  # kinds of marks in the metadata
        self.degradations: list[str] = [damage] if damage else []
        self.remarks: list[str] = []

    @property
    def embedder(self) -> ExactMedium | None:
        """The medium, where it embeds the manifest itself."""
        exact = self.medium.info.c2pa == "exact" or self.found.content.measured
        return self.medium if exact and isinstance(self.medium, ExactMedium) else None

    @cached_property
    def surface(self) -> Surface | None:
        """Where a notice can be drawn on this file; if nowhere, ``undrawn`` may tell why."""
        try:
            return self.medium.surface(io.BytesIO(self.data), self.limits)
        except NoticeError as e:
            self.undrawn = e
            return None

    def mode(self, wanted: str) -> Mode:
        """The notice's mode; a notice that stands there stays, since nothing here can take it away."""
        self.drawable = self.medium.info.surface != "none" and (wanted == "none" or self.surface is not None)
        if not self.drawable:
            if wanted not in ("auto", "none"):
                raise self.undrawn or NoticeError(
                    f"a notice cannot be drawn on this kind ({self.medium.info.name}).",
                    "Convert it to PNG or JPEG, or show the notice beside it and pass --notice none.",
                )
            return "none"
        chosen = surfaces.mode(self.medium.info.surface, wanted) if wanted != "none" else "none"
        here = self._standing()
        if sealed := self.found.content.sealed:
            if wanted == "auto" and not here:
                self.sealed = sealed
                return "none"
            if wanted != "none":
                self.remarks.append(f"You asked for a visible change of a sealed file: {sealed}.")
        if here:
            if wanted == "none":
                self.remarks.append("The notice that stands in the picture stays: nothing removes one.")
            return here.mode
        return chosen

    def _standing(self) -> Layout | None:
        """Our notice, if its words were recognised in the content."""
        return self.found.layout if self.found.status("notice") is Status.PRESENT else None

    def is_done(self, mode: Mode, *, stamped: bool) -> bool:
        """The same label, and every mark valid already; with a time-stamp, if one is asked for."""
        old, layout = self.found.label, self.found.layout
        defects = [
            f
            for f in self.found.facts
            if f.level is Level.FAILURE
            and f.code.startswith(_SUBSTANCE)
            and f.mark != "tc260"
            and not f.code.startswith(("c2pa.signer", "c2pa.time"))
            and not (f.code == "notice.absent" and mode == "none")
        ]
        return (
            old is not None
            and layout is not None
            and self.label.same_as(old)
            and layout.mode == mode
            and (mode == "none" or (layout.langs == self.langs and self._large(layout)))
            and self.found.status("sidecar" if self.detached else "c2pa") is Status.PRESENT
            and (
                self.detached
                or all(
                    self.found.status(kind) is Status.PRESENT
                    for kind, slot in (("xmp", Slot.XMP), ("native", Slot.NATIVE))
                    if slot in self.found.takes
                )
            )
            and (not stamped or _time_stamp(self.found) is not None)
            and not defects
            and not self._misses_a_mark(layout)
        )

    def _large(self, layout: Layout) -> bool:
        """Whether its letters are as high as the policies ask."""
        return all(layout.letters >= share * 0.999 for share in self._size().values())

    def _size(self) -> dict[str, float]:
        """What the policies ask of a notice's size: of pictures only."""
        asked = self.asks.letters if self.medium.info.kind == "image" else 0
        return {"letters": asked} if asked else {}

    def _misses_a_mark(self, layout: Layout) -> bool:
        """Whether the metadata could hold a mark that is not there, or other than it would be written."""
        if self._chinese.changed:
            return True
        if Slot.EXIF not in self.found.takes or self.found.status("exif") is Status.PRESENT:
            return False
        try:
            self._exif(self._words(layout, self.langs), self.found.record or {})
        except exif.OccupiedError:
            return False
        return True

    def as_it_is(self) -> _Made:
        """What `is_done` found."""
        assert self.found.label
        marks = tuple(m.kind for m in self.found.marks if m.status is Status.PRESENT)
        layout = self.found.layout or Layout("none")
        return _Made(
            self.data,
            self.beside,
            self.found.label,
            layout,
            marks,
            self.found.facts,
            _time_stamp(self.found),
            remarks=tuple(self.remarks),
        )

    def make(
        self, mode: Mode, signer: Identity, original: bytes | None, authority: Authority | None
    ) -> _Made:
        """Notice, metadata, signature, and the read-back."""
        from labeler.marks import c2pa

        if mode == "none":
            self._say_no_notice()
        self._say_what_is_left_out()
        with ThreadPoolExecutor(1) as beside:  # decoding and comparing take as long as all the rest
            before = None if mode == "none" else beside.submit(self._decoded, self.data)
            layout, drawn = self._draw(mode)
            painted = drawn.data if drawn else self.data
            same = beside.submit(self._compare, before, drawn, layout) if before and drawn else None
            record = {
                "version": RECORD_VERSION,
                "catalogue": notices.version(),
                "label": self.label.to_dict(),
                "notice": layout.to_dict(),
                "signed": True,
            }
            described = self._put_metadata(painted, layout, record)
            parent = self._parent(original)
            manifest = c2pa.definition(
                self.label,
                record,
                title=self.title,
                parent=parent is not None,
                drawn=drawn is not None,
                transcoded=drawn is not None and not drawn.exact,
            )
            out, store = self._sign(described, manifest, signer, parent, authority)
            # c2pa reads back what it embeds itself, but tells nothing of the time
            signed = None if store or authority or self.embedder else c2pa.just_signed(record)
            try:
                result = self._read_back(painted, out, store, signed, layout)
            except (ReadBackError, UnreadableError):
                if self.detached or Slot.C2PA in self.found.content.slots:
                    raise
                self._detach("with an embedded manifest the file did not read back")
                out, store = self._sign(described, manifest, signer, parent, authority)
                result = self._read_back(painted, out, store, None, layout)
            if same:
                same.result()
        marks = (
            *(("notice",) if layout.mode != "none" else ()),
            *self.written,
            "sidecar" if self.detached else "c2pa",
        )
        stamp = _time_stamp(result)
        self.remarks += _of_time(stamp)
        return _Made(
            out,
            store,
            self.label,
            layout,
            marks,
            result.facts,
            stamp,
            tuple(self.degradations),
            tuple(self.remarks),
        )

    def _say_no_notice(self) -> None:
        if self.sealed:
            self.degradations.append(
                f"no notice was drawn: {self.sealed}; show it beside the document, or ask for it with --notice"
            )
        elif self.undrawn:
            self.degradations.append(f"{self.undrawn.message.rstrip('.')}; show it beside the picture")
        elif not self.drawable:
            self.degradations.append(
                "no notice was drawn: it cannot be on this kind of file; show it beside the picture"
                if self.medium.info.surface == "none"
                else f"no notice was drawn: it cannot be on this {self.medium.info.name}; show it beside the picture"
            )
        else:
            self.degradations.append("no notice was drawn, as asked; show it beside the picture")

    def _say_what_is_left_out(self) -> None:
        told = [(Slot.C2PA, "signed in a sidecar"), (Slot.XMP, "no XMP was written")]
        if self.medium.info.kind == "text":
            told[1] = Slot.NATIVE, "no metadata was written"
        if missing := [words for slot, words in told if slot not in self.found.takes]:
            why = self.found.content.why or "nothing is written into files of this kind"
            self.degradations.append(f"{', and '.join(missing)}: {why}")

    def _draw(self, mode: Mode) -> tuple[Layout, Painted | None]:
        """The notice, and the content with it; None: it was not drawn just now."""
        standing = self._standing()
        if mode == "none":
            return Layout("none"), None
        words = notices.words(self.label, self.medium.info.kind, self.langs)
        surface = self.surface
        if standing and isinstance(surface, RasterSurface):
            standing = standing.at(surface.size)
        # one that was scaled with the picture is drawn anew, sharp
        if (
            standing
            and standing == self.found.layout
            and standing.langs == self.langs
            and self._large(standing)
            and self._says(standing)
        ):
            return standing, None
        draw = surfaces.load(self.medium.info.surface).draw
        painted, layout = draw(surface, words, mode, standing, **self._size())
        self.degradations += painted.degradations
        return layout, painted

    def _says(self, standing: Layout) -> bool:
        """Whether the notice that stands there says what the new label would."""
        assert self.found.label
        old, new = (
            notices.words(x, self.medium.info.kind, self.langs).get(standing.tier)
            for x in (self.found.label, self.label)
        )
        return old == new and any(f.code == "notice.legible" for f in self.found.facts)

    def _put_metadata(self, data: bytes, layout: Layout, record: dict[str, Any]) -> bytes:
        """XMP, EXIF, the format's own fields and the TC260 label, in one go."""
        puts, slots = dict[Slot, bytes](), self.found.takes
        chinese = self._chinese
        if Slot.XMP in slots:
            more = {tc260.PROPERTY: chinese.texts["xmp"]} if "xmp" in chinese.texts else {}
            words = self._words(layout, notices.LANGS)
            old = self.found.content.slots.get(Slot.XMP)
            puts[Slot.XMP], replaced = xmp.write(
                old, self.label, words, record, more, captioned=self.found.content.captioned
            )
            self.written.append("xmp")
            if replaced:
                told = ", ".join(replaced)[:300]
                self.remarks.append(f"XMP values that contradicted the label were replaced: {told}.")
            if self.found.content.remark:
                self.remarks.append(self.found.content.remark)
        if Slot.EXIF in slots:
            try:
                puts[Slot.EXIF] = self._exif(self._words(layout, self.langs), record)
                self.written.append("exif")
            except exif.OccupiedError as e:
                self.degradations.append(f"no EXIF mark was written: {e.message}")
        if Slot.NATIVE in slots:
            old = self.found.content.slots.get(Slot.NATIVE)
            puts[Slot.NATIVE], replaced = native.write(old, self.label, record)
            self.written.append("native")
            if replaced:
                told = ", ".join(replaced)[:300]
                self.remarks.append(f"Fields that contradicted the label were replaced: {told}.")
        puts |= chinese.puts
        self.written += ["tc260"] if chinese.texts else []
        self.degradations += [chinese.why_not] if chinese.why_not else []
        if not puts:
            return data
        out = io.BytesIO()
        self.medium.splice(io.BytesIO(data), out, puts)
        return out.getvalue()

    def _words(self, layout: Layout, langs: Sequence[str]) -> dict[str, str]:
        return notices.words(self.label, self.medium.info.kind, langs)[layout.tier]

    def _exif(self, words: dict[str, str], record: Mapping[str, Any]) -> bytes:
        """The EXIF block with the label in it.

        Raises:
            OccupiedError: it takes none.
        """
        return self._fitting(exif.write(self.found.content.slots.get(Slot.EXIF), self.label, words, record))

    def _fitting(self, block: bytes) -> bytes:
        room = self.medium.info.room.get(Slot.EXIF, len(block))
        if len(block) > room:
            raise exif.OccupiedError(
                f"its EXIF block would have {len(block):,} bytes, and {room:,} is the most"
            )
        return block

    @cached_property
    def _chinese(self) -> _Chinese:
        """The TC260 labels, where a policy asks for them."""
        if "tc260" not in self.asks.marks:
            return _Chinese()
        texts, why_not = tc260.write(self.found.chinese, self.label, *self.codes)
        if "xmp" in texts and Slot.XMP not in self.found.takes:
            return _Chinese(why_not="no TC260 label was written: this kind of file has no place for it")
        changed, puts = tc260.changed(self.found.chinese, texts), dict[Slot, bytes]()
        if "exif" in changed:
            try:
                block = exif.comment(self.found.content.slots[Slot.EXIF], changed["exif"])
                puts[Slot.EXIF] = self._fitting(block)
            except exif.OccupiedError as e:
                del texts["exif"], changed["exif"]
                why_not = f"the TC260 label that is there was kept as it is: {e.message}"
        if "native" in changed and Slot.AIGC not in self.found.takes:
            del texts["native"], changed["native"]
            why_not = "the TC260 label that is there was kept as it is: its place in this file is only read"
        if "native" in changed:
            puts[Slot.AIGC] = changed["native"].encode()
        return _Chinese(texts, puts, bool(changed), why_not)

    def _sign(
        self,
        data: bytes,
        manifest: dict[str, Any],
        signer: Identity,
        parent: Parent | None,
        authority: Authority | None,
    ) -> tuple[bytes, bytes | None]:
        """The signed bytes, or the bytes as they are and a manifest store for a sidecar."""
        from labeler.marks import c2pa

        if not self.detached:
            tail = data[len(data) - self.found.content.trailing :]
            try:
                if self.embedder:
                    embed = functools.partial(self.embedder.embed, io.BytesIO(data))
                    return c2pa.sign_exact(embed, manifest, signer, parent, authority), None
                out = c2pa.sign(data, self.found.mime, manifest, signer, parent, authority)
                if out.endswith(tail):
                    return out, None
                why = "embedding would lose the bytes after the container's end"
            except SigningError as e:
                if Slot.C2PA in self.found.content.slots:
                    raise
                why = e.message.partition(";")[0]
            self._detach(why)
        return data, c2pa.sign_detached(data, manifest, signer, parent, authority)

    def _detach(self, why: str) -> None:
        self.detached = True
        self.degradations.append(f"signed in a sidecar: {why}")

    def _parent(self, original: bytes | None) -> Parent | None:
        from labeler.marks.c2pa import Parent

        signed = Slot.C2PA in self.found.content.slots or self.beside is not None
        if original is not None and not signed:
            src = io.BytesIO(original)
            medium = media.identify(src)
            return Parent(original, medium.read(src, self.limits).mime or medium.info.mime, "original")
        if signed or self.label.involvement is Involvement.MODIFIED:
            content = self.found.content
            apart = content.slots[Slot.C2PA] if content.hole else None
            return Parent(self.data, self.found.mime, self.title, self.beside or apart, content.hole)
        return None

    def _read_back(
        self, before: bytes, out: bytes, store: bytes | None, signed: Reading | None, layout: Layout
    ) -> Survey:
        """What the result carries, once everything promised is there and the coded content is what it was."""
        essence = self.found.content.essence
        if before is not self.data:  # the notice changed it
            essence = self.medium.read(io.BytesIO(before), self.limits, essence=True).essence
        again = survey(
            out,
            self.title,
            sidecar=Sidecar(store) if store else None,
            anchors=trust.known,
            depth="default",
            limits=self.limits,
            essence=True,
            signed=signed,
            password=self.password,
            whole=False,
        )
        seen = {f.code for f in again.facts}
        noticed = (
            layout.mode == "none"
            or "notice.doubtful" in seen
            or {"notice.legible", *(f"notice.{x}" for x in layout.langs)} <= seen
        )
        for held, what in (
            (again.content.essence == essence, "the coded content changed"),
            (
                again.content.trailing == self.found.content.trailing,
                "bytes after the container's end were lost",
            ),
            ("c2pa.intact" in seen, "the signature does not validate"),
            (again.label == self.label, "the label does not read back"),
            (noticed, "the notice does not read back"),
            *(
                (again.status(kind) is Status.PRESENT, f"the {kind} is not there")
                for kind in self.written
                if kind != "tc260"
            ),
            (not tc260.changed(again.chinese, self._chinese.texts), "the TC260 label is not there"),
            (not self._lost(again), "metadata of others were lost"),
        ):
            if not held:
                raise ReadBackError(
                    f"the labelled copy did not read back ({what}); nothing was written.",
                    "Please report this with the file's kind and size.",
                )
        return again

    def _lost(self, again: Survey) -> bool:
        """Whether a field of others is there no more; documents may tell when they were changed."""
        if self.medium.info.kind != "image":
            return False
        before, after = (
            Counter(f for f in found.content.fields if f.key not in _REWRITTEN)
            for found in (self.found, again)
        )
        return bool(before - after)

    def _decoded(self, data: bytes) -> Image | None:
        if self.medium.info.surface != "raster":
            return None
        from labeler.surfaces import raster

        return raster.decoded(data, self.medium.info.name.upper(), self.limits)

    def _compare(self, source: Future[Image | None], painted: Painted, layout: Layout) -> None:
        """With Pillow, a decoder that is not ours."""
        try:
            before = source.result()
        except UnreadableError as e:
            self.remarks.append(f"The pixels outside the notice could not be compared: {e.message}")
            return
        after = self._decoded(painted.data)
        if before is None or after is None:
            return
        if painted.disputed:
            self.remarks.append(f"The pixels outside the notice could not be compared: {painted.disputed}.")
            return
        from labeler.surfaces import raster

        worst = raster.worst_change(before, after, layout.box)
        if worst > (0 if painted.exact else _TOLERANCE):
            raise ReadBackError(
                f"the notice would have changed pixels outside its box (mean {worst:.2f}); nothing was written.",
                "Please report this with the file's kind and size.",
            )
