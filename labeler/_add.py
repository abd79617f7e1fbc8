"""Add: the notice, then the metadata, then the signature, last; read back before anything is replaced.

bytes -> medium -> existing marks (tampered? refuse) -> notice on its surface -> XMP -> C2PA -> read back -> write
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from labeler import files, media, notices, persons, surfaces
from labeler._verify import Sidecar, Source, Survey, load, survey
from labeler.errors import (
    LabelError,
    LimitError,
    LockedError,
    NoticeError,
    ReadBackError,
    SigningError,
    TamperedError,
    UnreadableError,
    UnsupportedError,
    UsageError,
    WriteError,
)
from labeler.facts import Fact, Level, Reading, Status
from labeler.label import Involvement, Label
from labeler.marks import xmp
from labeler.media.base import ExactMedium, Limits, Medium, RasterSurface, RepairableMedium, Slot, Surface
from labeler.policy import engine
from labeler.policy.engine import RuleStatus
from labeler.signing import identity as identities
from labeler.signing import trust
from labeler.signing.identity import Identity
from labeler.surfaces.layout import Layout, Mode

if TYPE_CHECKING:
    from PIL.Image import Image

    from labeler.marks.c2pa import Parent

RECORD_VERSION = 1
_TOLERANCE = 6.0  # mean difference of a channel that a re-encode at equal or high quality stays below
_SUBSTANCE = ("c2pa.", "xmp.", "record.", "marks.", "notice.")


@dataclass(frozen=True)
class Receipt:
    """What `add` did. ``degradations``: what was done the second-best way; ``remarks``: what the caller should know."""

    source: str
    target: str | None
    unchanged: bool
    label: Label
    notice: Layout
    marks: tuple[str, ...] = ()
    identity: str | None = None
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
    policies: Sequence[str] = ("kz",),
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
    ``notice``: see `labeler.surfaces`. ``sidecar`` puts the signature beside the file; a file that has a sidecar keeps to it. ``policies``: the mandatory
    rules that the result leaves unmet are told in the receipt's remarks. ``original`` is what a
    modified picture was made from. The same label on a file whose marks are all valid changes nothing. ``password``
    opens encrypted content, which stays encrypted; ``force`` changes what its owner has locked against changes.
    Damaged content that other software still shows is rebuilt first, and the receipt says so.

    Raises:
        UsageError: the request contradicts itself or the file. TamperedError: the source's own marks contradict its
        bytes. UnreadableError, LimitError: the source. NoticeError: no notice fits. IdentityError: cannot sign.
        ReadBackError: the result was not what was promised. WriteError: the target. Nothing is written in any case.
    """
    path = Path(source) if isinstance(source, str | Path) else None
    # a name that is no Unicode would be no JSON
    title = (name or (path.name if path else "content")).encode("utf-8", "replace").decode()
    called = path or name or "the input"
    destination = _destination(path, target, in_place)
    langs = notices.check_langs(langs)
    engine.check(policies)
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
        prompt = label.prompt
        label = replace(
            label,
            prompt=label.prompt if with_prompt else None,
            content_id=found.label.content_id if found.label else label.content_id,
        )
        work = _Work(title, data, beside, found, label, langs, limits, password, detached=sidecar)
        work.degradations += [damage] if damage else []
        mode = work.mode(notice)
        if work.is_done(mode):
            made, signer = work.as_it_is(), None
        else:
            signer = (
                identity if isinstance(identity, Identity) else identities.ensure(identity, keep=not dry_run)
            )
            made = work.make(mode, signer, _original(original, limits))
        unmet = _unmet(made.facts, policies)
        remarks = (*_remarks(found, label, with_prompt, signer), *made.remarks, *unmet)
        if prompt and not with_prompt:
            remarks = (*remarks, "The prompt was left out: --with-prompt lets the label carry it.")
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
    if found.status("sidecar") is Status.INVALID:
        raise UnreadableError("the sidecar beside it cannot be read.", "Move it away first.")
    able = found.medium.info.c2pa != "sidecar" and not found.content.beside
    if embedded and (detached or beside or not able):
        raise UsageError(
            "it carries an embedded manifest; a sidecar beside it would contradict it.",
            "Leave out --sidecar, or move the sidecar away.",
        )


def _remarks(found: Survey, label: Label, with_prompt: bool, signer: Identity | None) -> Iterator[str]:
    if signer and signer.local:
        yield (
            f"Signed with the local identity {signer.name!r}: nobody else trusts it yet. Give others its certificate: "
            f"`label identity export {signer.name}`."
        )
    if found.content.forbidden:
        yield f"You asked for a change although {found.content.forbidden}."
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


@dataclass(frozen=True)
class _Made:
    """A finished asset, not yet written."""

    data: bytes
    sidecar: bytes | None
    label: Label
    layout: Layout
    marks: tuple[str, ...]
    facts: tuple[Fact, ...]
    degradations: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


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
        password: str | None,
        *,
        detached: bool,
    ) -> None:
        self.title, self.data, self.beside, self.found = title, data, beside, found
        self.label, self.langs, self.limits, self.password = label, langs, limits, password
        self.medium: Medium = found.medium
        # a file that has a sidecar keeps to it: an embedded manifest beside it would make it stale
        asked = detached or beside is not None or self.medium.info.c2pa == "sidecar"
        self.detached = asked or bool(found.content.beside)
        self.drawable = True
        self.sealed = ""
        self.degradations: list[str] = []
        if self.detached and not asked:
            self.degradations.append(f"signed in a sidecar: {found.content.beside}")
        self.remarks: list[str] = []

    @cached_property
    def surface(self) -> Surface | None:
        """Where a notice can be drawn on this file."""
        return self.medium.surface(io.BytesIO(self.data), self.limits)

    def mode(self, wanted: str) -> Mode:
        """The notice's mode; a notice that stands there stays, since nothing here can take it away."""
        self.drawable = self.medium.info.surface != "none" and (wanted == "none" or self.surface is not None)
        if not self.drawable:
            if wanted not in ("auto", "none"):
                raise NoticeError(
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

    def is_done(self, mode: Mode) -> bool:
        """The same label, and every mark valid already."""
        old, layout = self.found.label, self.found.layout
        defects = [
            f
            for f in self.found.facts
            if f.level is Level.FAILURE
            and f.code.startswith(_SUBSTANCE)
            and not f.code.startswith(("c2pa.signer", "c2pa.time"))
            and not (f.code == "notice.absent" and mode == "none")
        ]
        return (
            old is not None
            and layout is not None
            and self.label.same_as(old)
            and layout.mode == mode
            and (mode == "none" or layout.langs == self.langs)
            and self.found.status("sidecar" if self.detached else "c2pa") is Status.PRESENT
            and (self.detached or self.found.status("xmp") is Status.PRESENT)
            and not defects
        )

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
            remarks=tuple(self.remarks),
        )

    def make(self, mode: Mode, signer: Identity, original: bytes | None) -> _Made:
        """Notice, metadata, signature, and the read-back."""
        from labeler.marks import c2pa

        if mode == "none":
            self._say_no_notice()
        with ThreadPoolExecutor(1) as beside:  # decoding and comparing take as long as all the rest
            before = None if mode == "none" else beside.submit(self._decoded, self.data)
            painted, layout, exact = self._draw(mode)
            drawn = exact is not None
            same = beside.submit(self._compare, before, painted, layout, exact) if before and drawn else None
            words = notices.words(self.label, self.medium.info.kind, notices.LANGS)[layout.tier]
            record = {
                "version": RECORD_VERSION,
                "catalogue": notices.version(),
                "label": self.label.to_dict(),
                "notice": layout.to_dict(),
                "signed": True,
            }
            out = self._put_xmp(painted, words, record)
            parent = self._parent(original)
            manifest = c2pa.definition(
                self.label,
                record,
                title=self.title,
                parent=parent is not None,
                drawn=drawn,
                transcoded=exact is False,
            )
            out, store = self._sign(out, manifest, signer, parent)
            # c2pa reads back what it embeds itself
            ours = store or isinstance(self.medium, ExactMedium)
            signed = None if ours else c2pa.just_signed(record)
            facts = self._read_back(painted, out, store, signed, layout)
            if same:
                same.result()
        marks = (
            *(("notice",) if layout.mode != "none" else ()),
            *(("xmp",) if Slot.XMP in self.medium.info.slots else ()),
            "sidecar" if self.detached else "c2pa",
        )
        return _Made(
            out, store, self.label, layout, marks, facts, tuple(self.degradations), tuple(self.remarks)
        )

    def _say_no_notice(self) -> None:
        if self.sealed:
            self.degradations.append(
                f"no notice was drawn: {self.sealed}; show it beside the document, or ask for it with --notice"
            )
        elif not self.drawable:
            self.degradations.append(
                "no notice was drawn: it cannot be on this kind of file; show it beside the picture"
            )
        else:
            self.degradations.append("no notice was drawn, as asked; show it beside the picture")

    def _draw(self, mode: Mode) -> tuple[bytes, Layout, bool | None]:
        """The content with its notice, and whether drawing changed nothing else; None: it was not drawn just now."""
        standing = self._standing()
        if mode == "none":
            return self.data, Layout("none"), None
        words = notices.words(self.label, self.medium.info.kind, self.langs)
        surface = self.surface
        if standing and isinstance(surface, RasterSurface):
            standing = standing.at(surface.size)
        # one that was scaled with the picture is drawn anew, sharp
        if (
            standing
            and standing == self.found.layout
            and standing.langs == self.langs
            and self._says(standing)
        ):
            return self.data, standing, None
        painted, layout = surfaces.load(self.medium.info.surface).draw(surface, words, mode, standing)
        self.degradations += painted.degradations
        return painted.data, layout, painted.exact

    def _says(self, standing: Layout) -> bool:
        """Whether the notice that stands there says what the new label would."""
        assert self.found.label
        old, new = (
            notices.words(x, self.medium.info.kind, self.langs).get(standing.tier)
            for x in (self.found.label, self.label)
        )
        return old == new and any(f.code == "notice.legible" for f in self.found.facts)

    def _put_xmp(self, data: bytes, words: dict[str, str], record: dict[str, Any]) -> bytes:
        if Slot.XMP not in self.medium.info.slots:
            self.degradations.append("no XMP was written: this kind of file gets a sidecar only")
            return data
        existing = self.found.content.slots.get(Slot.XMP)
        packet, replaced = xmp.write(
            existing, self.label, words, record, captioned=self.found.content.captioned
        )
        if replaced:
            self.remarks.append(
                f"XMP values that contradicted the label were replaced: {', '.join(replaced)[:300]}."
            )
        out = io.BytesIO()
        self.medium.splice(io.BytesIO(data), out, {Slot.XMP: packet})
        return out.getvalue()

    def _sign(
        self, data: bytes, manifest: dict[str, Any], signer: Identity, parent: Parent | None
    ) -> tuple[bytes, bytes | None]:
        """The signed bytes, or the bytes as they are and a manifest store for a sidecar."""
        from labeler.marks import c2pa

        if not self.detached:
            tail = data[len(data) - self.found.content.trailing :]
            try:
                if isinstance(self.medium, ExactMedium):
                    embed = functools.partial(self.medium.embed, io.BytesIO(data))
                    return c2pa.sign_exact(embed, manifest, signer, parent), None
                out = c2pa.sign(data, self.medium.info.mime, manifest, signer, parent)
                if out.endswith(tail):
                    return out, None
                why = "embedding would lose the bytes after the container's end"
            except SigningError as e:
                if Slot.C2PA in self.found.content.slots:
                    raise
                why = e.message.partition(";")[0]
            self.detached = True
            self.degradations.append(f"signed in a sidecar: {why}")
        return data, c2pa.sign_detached(data, manifest, signer, parent)

    def _parent(self, original: bytes | None) -> Parent | None:
        from labeler.marks.c2pa import Parent

        signed = Slot.C2PA in self.found.content.slots or self.beside is not None
        if original is not None and not signed:
            medium = media.identify(io.BytesIO(original))
            return Parent(original, medium.info.mime, "original")
        if signed or self.label.involvement is Involvement.MODIFIED:
            return Parent(self.data, self.medium.info.mime, self.title, self.beside)
        return None

    def _read_back(
        self, before: bytes, out: bytes, store: bytes | None, signed: Reading | None, layout: Layout
    ) -> tuple[Fact, ...]:
        """The facts of the result, once everything promised is there and the coded content is what it was."""
        essence = self.found.content.essence
        if before is not self.data:  # the notice changed it
            essence = self.medium.read(io.BytesIO(before), self.limits, essence=True).essence
        again = survey(
            out,
            self.title,
            sidecar=Sidecar(store) if store else None,
            anchors=trust.own_anchors,
            depth="default",
            limits=self.limits,
            essence=True,
            signed=signed,
            password=self.password,
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
            (noticed, "the notice does not read back from the pixels"),
            (
                Slot.XMP not in self.medium.info.slots or again.status("xmp") is Status.PRESENT,
                "the XMP is not there",
            ),
        ):
            if not held:
                raise ReadBackError(
                    f"the labelled copy did not read back ({what}); nothing was written.",
                    "Please report this with the file's kind and size.",
                )
        return again.facts

    def _decoded(self, data: bytes) -> Image | None:
        if self.medium.info.surface != "raster":
            return None
        from labeler.surfaces import raster

        return raster.decoded(data, self.medium.info.name.upper(), self.limits)

    def _compare(
        self, source: Future[Image | None], painted: bytes, layout: Layout, exact: bool | None
    ) -> None:
        """With Pillow, a decoder that is not ours."""
        try:
            before = source.result()
        except UnreadableError as e:
            self.remarks.append(f"The pixels outside the notice could not be compared: {e.message}")
            return
        after = self._decoded(painted)
        if before is None or after is None:
            return
        from labeler.surfaces import raster

        worst = raster.worst_change(before, after, layout.box)
        if worst > (0 if exact else _TOLERANCE):
            raise ReadBackError(
                f"the notice would have changed pixels outside its box (mean {worst:.2f}); nothing was written.",
                "Please report this with the file's kind and size.",
            )
