"""The contract that every medium runs, over every variant of its container.

A new format adds ``tests/variants/<module>.py`` with ``VARIANTS`` (name -> maker of bytes) and nothing here.
"""

from __future__ import annotations

import functools
import importlib
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps, ImageSequence, ImageStat

from labeler.errors import LabelError, NoticeError, UnreadableError, UsageError
from labeler.media import (
    MODULES,
    Box,
    ExactMedium,
    Limits,
    Medium,
    PageSurface,
    RasterSurface,
    Slot,
    TextSurface,
    VectorSurface,
    identify,
    load,
)

LIMITS = Limits()
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
XMP = (XMP + '<rdf:Description rdf:about="" xmlns:q="q:/" q:a="Қазақ %d"/></rdf:RDF></x:xmpmeta>').replace(
    "%d", "1"
)


@functools.cache
def variants(module: str) -> dict[str, bytes]:
    makers = importlib.import_module(f"variants.{module}").VARIANTS
    return {name: make() for name, make in makers.items()}


def cases() -> Iterator[pytest.ParameterSet]:
    for module in MODULES:
        for name in importlib.import_module(f"variants.{module}").VARIANTS:
            yield pytest.param(module, name, id=f"{module}-{name}")


def spliced(medium: Medium, data: bytes, payload: bytes, slot: Slot = Slot.XMP) -> bytes:
    src, dst = io.BytesIO(data), io.BytesIO()
    medium.splice(src, dst, {slot: payload})
    assert src.tell() == 0 and src.getvalue() == data
    return dst.getvalue()


def read(medium: Medium, data: bytes) -> object:
    return medium.read(io.BytesIO(data), LIMITS, essence=True)


def is_text(medium: Medium) -> bool:
    """Texts have no size, no magic and no end of their own."""
    return medium.info.kind == "text"


every = pytest.mark.parametrize(("module", "name"), list(cases()))


@every
def test_found_by_content_and_read_to_the_end(module: str, name: str) -> None:
    data, medium = variants(module)[name], load(module)
    assert identify(io.BytesIO(data), f"x{medium.info.suffixes[0]}") is medium
    src = io.BytesIO(b"??" + data)
    src.seek(2)
    content = medium.read(src, LIMITS, essence=True)
    assert src.tell() == 2 and src.getvalue() == b"??" + data
    assert content.essence and (is_text(medium) or (content.size and min(content.size) > 0))
    assert content == medium.read(io.BytesIO(data), LIMITS, essence=True)
    assert medium.read(io.BytesIO(data), LIMITS).essence == ()


@every
def test_splice_round_trip_and_nothing_else_moves(module: str, name: str) -> None:
    data, medium = variants(module)[name], load(module)
    before = medium.read(io.BytesIO(data), LIMITS, essence=True)
    if Slot.XMP not in medium.info.slots:
        return
    once = spliced(medium, data, XMP.encode())
    after = medium.read(io.BytesIO(once), LIMITS, essence=True)
    assert after.slots[Slot.XMP].strip() == XMP.encode()
    assert after.essence == before.essence and after.size == before.size and after.trailing == before.trailing
    assert {k: v for k, v in after.slots.items() if k != Slot.XMP} == {
        k: v for k, v in before.slots.items() if k != Slot.XMP
    }
    assert after.fields == before.fields
    assert spliced(medium, once, XMP.encode()) == once
    longer = spliced(medium, once, XMP.replace("1", "22222").encode())
    assert spliced(medium, longer, XMP.encode()) == once


def exif_block(text: str) -> bytes:
    """A comment and a description, of a new block."""
    exif = Image.Exif()
    exif[0x010E] = text
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + text.encode() * 3
    return exif.tobytes().removeprefix(b"Exif\0\0")


@every
def test_splice_of_exif_and_nothing_else_moves(module: str, name: str) -> None:
    data, medium = variants(module)[name], load(module)
    before = medium.read(io.BytesIO(data), LIMITS, essence=True)
    if Slot.EXIF not in (medium.info.slots if before.takes is None else before.takes):
        return
    block = exif_block("a steppe")
    once = spliced(medium, data, block, Slot.EXIF)
    after = medium.read(io.BytesIO(once), LIMITS, essence=True)
    texts = {f.key: f.value for f in after.fields if f.where in ("exif:IFD0", "exif:Exif")}
    assert texts["ImageDescription"] == b"a steppe\0" and texts["UserComment"].endswith(b"a steppe" * 3)
    assert after.essence == before.essence and after.trailing == before.trailing
    assert {k: v for k, v in after.slots.items() if k != Slot.EXIF} == {
        k: v for k, v in before.slots.items() if k != Slot.EXIF
    }
    assert [f for f in after.fields if not f.where.startswith("exif:")] == [
        f for f in before.fields if not f.where.startswith("exif:")
    ]
    assert spliced(medium, once, block, Slot.EXIF) == once
    longer = spliced(medium, once, exif_block("a steppe at sunset"), Slot.EXIF)
    assert spliced(medium, longer, block, Slot.EXIF) == once
    both = io.BytesIO()
    medium.splice(io.BytesIO(data), both, {Slot.XMP: XMP.encode(), Slot.EXIF: block})
    found = medium.read(io.BytesIO(both.getvalue()), LIMITS, essence=True)
    assert found.slots[Slot.XMP].strip() == XMP.encode() and found.slots[Slot.EXIF] == after.slots[Slot.EXIF]
    assert found.essence == before.essence
    with pytest.raises(UsageError):
        spliced(medium, data, b"no TIFF header", Slot.EXIF)


@every
def test_a_native_label_round_trips_and_nothing_else_moves(module: str, name: str) -> None:
    data, medium = variants(module)[name], load(module)
    before = medium.read(io.BytesIO(data), LIMITS, essence=True)
    if Slot.NATIVE not in (medium.info.slots if before.takes is None else before.takes):
        return

    def payload(value: str) -> bytes:
        meta = {
            "digitalSourceType": value,
            "ai-disclosure": "ai-generated",
            "tanba-label": '{"қ": "\\"\'<&>"}',
        }
        return json.dumps({"meta": meta, "ld": {"digitalSourceType": value}}).encode()

    once = spliced(medium, data, payload("Қазақ"), Slot.NATIVE)
    after = medium.read(io.BytesIO(once), LIMITS, essence=True)
    said = json.loads(after.slots[Slot.NATIVE])
    assert (
        "Қазақ" in str(said) and said.get("meta", {}).items() <= json.loads(payload("Қазақ"))["meta"].items()
    )
    assert after.essence == before.essence and after.fields == before.fields
    assert after.slots.get(Slot.C2PA) == before.slots.get(Slot.C2PA)
    assert spliced(medium, once, payload("Қазақ"), Slot.NATIVE) == once
    longer = spliced(medium, once, payload("Қазақ «2» \U0001f600\u2028"), Slot.NATIVE)
    assert spliced(medium, longer, payload("Қазақ"), Slot.NATIVE) == once


@every
def test_an_embedded_manifest_leaves_all_else(module: str, name: str) -> None:
    data, medium = variants(module)[name], load(module)
    before = medium.read(io.BytesIO(data), LIMITS, essence=True)
    takes = medium.info.slots if before.takes is None else before.takes
    if medium.info.c2pa != "exact" or Slot.C2PA not in takes:
        return
    assert isinstance(medium, ExactMedium)
    one, other = (b"\0\0\0\x08jumb" + c * 300 for c in (b"a", b"b"))
    src = io.BytesIO(data)
    made, again = medium.embed(src, one), medium.embed(io.BytesIO(medium.embed(src, other).data), one)
    assert src.tell() == 0 and src.getvalue() == data
    after = medium.read(io.BytesIO(made.data), LIMITS, essence=True)
    assert after.slots[Slot.C2PA] == one and after.essence == before.essence and after.fields == before.fields
    if after.hole:
        assert again == made and after.hole[:2] == (made.start, made.length)


@every
def test_eight_threads_agree(module: str, name: str) -> None:
    data, medium = variants(module)[name], load(module)

    def work(_: int) -> object:
        new = spliced(medium, data, XMP.encode()) if Slot.XMP in medium.info.slots else data
        return medium.read(io.BytesIO(new), LIMITS, essence=True)

    with ThreadPoolExecutor(8) as pool:
        first, *rest = pool.map(work, range(16))
    assert all(r == first for r in rest)


@every
def test_truncation_is_a_typed_error(module: str, name: str) -> None:
    data, medium = variants(module)[name], load(module)
    if is_text(medium):
        return  # a text may end anywhere
    end = len(data) - medium.read(io.BytesIO(data), LIMITS).trailing
    for n in {*range(0, end, max(97, end // 400)), end - 1}:
        with pytest.raises(UnreadableError) as caught:
            medium.read(io.BytesIO(data[:n]), LIMITS)
        assert caught.value.message


@pytest.mark.parametrize("module", MODULES)
def test_wrong_format_is_a_typed_error(module: str) -> None:
    medium = load(module)
    for other in MODULES:
        if is_text(medium):
            assert all(
                medium.accept(d[:4096], None) == 0 for d in variants(other).values() if module != other
            )
        # a raw file is a TIFF, and kept as it is there, too
        elif module not in (other, "picture") and (module, other) != ("tiff", "raw"):
            for name, data in variants(other).items():
                with pytest.raises(UnreadableError):
                    medium.read(io.BytesIO(data), LIMITS)
                assert medium.accept(data[:4096], None) == 0, name


@pytest.mark.parametrize("module", MODULES)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutations_never_surprise(module: str, data: st.DataObject) -> None:
    medium, pool = load(module), variants(module)
    source = pool[data.draw(st.sampled_from(sorted(pool)))]
    mutant = bytearray(source)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(
            st.integers(0, min(len(mutant) - 1, 600) if data.draw(st.booleans()) else len(mutant) - 1)
        )
        match data.draw(st.sampled_from("rid")):
            case "r":
                mutant[at] = data.draw(st.integers(0, 255))
            case "i":
                mutant[at:at] = data.draw(st.binary(max_size=8))
            case "d":
                del mutant[at : at + data.draw(st.integers(1, 16))]
        mutant = mutant or bytearray(b"x")
    blob = bytes(mutant)
    try:
        medium.read(io.BytesIO(blob), LIMITS, essence=True)
        if Slot.XMP in medium.info.slots:
            medium.read(io.BytesIO(spliced(medium, blob, XMP.encode())), LIMITS)
        if Slot.EXIF in medium.info.slots:
            medium.read(io.BytesIO(spliced(medium, blob, exif_block("x"), Slot.EXIF)), LIMITS)
        surface = medium.surface(io.BytesIO(blob), LIMITS)
        if isinstance(surface, RasterSurface):
            box = surface.fit(Box(0, 0, min(24, surface.size[0]), min(12, surface.size[1])))
            surface.regions(box)
            surface.paint(Image.new("RGB", (box.w, box.h)), box)
        elif isinstance(surface, VectorSurface):
            surface.insert('<g id="n"/>')
        elif isinstance(surface, TextSurface):
            lines = {"kk": "ЖИ", "ru": "ИИ"}
            if not surface.lacking("ЖИ")[1]:
                new = surface.insert(lines, {"ЖИ": "kk", "ИИ": "ru"}).data
                again = medium.surface(io.BytesIO(new), LIMITS)
                assert isinstance(again, TextSurface)
                assert again.shown({"ЖИ": "kk", "ИИ": "ru"}).lines == lines
    except LabelError:
        pass


def frames(data: bytes) -> list[Image.Image]:
    image = Image.open(io.BytesIO(data))
    upright = [ImageOps.exif_transpose(f.copy()) for f in ImageSequence.Iterator(image)]
    # I;16 to RGBA would clip, not scale
    return [f if f.mode == "I;16" else f.convert("RGBA") for f in upright]


def timing(data: bytes) -> list[object]:
    image = Image.open(io.BytesIO(data))
    out: list[object] = []
    for f in ImageSequence.Iterator(image):
        f.load()
        out.append(f.info.get("duration"))
    return [*out, image.info.get("loop")]


@every
@pytest.mark.parametrize("band", [False, True])
def test_painting_changes_only_the_box(module: str, name: str, band: bool) -> None:
    data, medium = variants(module)[name], load(module)
    before = medium.read(io.BytesIO(data), LIMITS)
    width, height = before.size or (0, 0)
    wanted = Box(0, height, width, 24) if band else Box(width // 8, height // 2, width // 3, height // 5)
    try:
        surface = medium.surface(io.BytesIO(data), LIMITS)
        if medium.info.surface != "raster":
            assert surface is None or isinstance(surface, VectorSurface | PageSurface | TextSurface)
            return
        assert isinstance(surface, RasterSurface) and surface.size == before.size
        box = surface.fit(wanted, band=band)
        plate = Image.new("RGB", (box.w, box.h))
        plate.paste("white", (box.w // 4, box.h // 4, box.w // 2, box.h // 2))
        painted = surface.paint(plate, box, band=band)
    except NoticeError as e:  # a reason worth telling: each medium's own tests say for which variants
        assert e.message and e.hint and medium.info.loss
        return
    after = medium.read(io.BytesIO(painted.data), LIMITS)
    assert after.slots.get(Slot.XMP) == before.slots.get(Slot.XMP) and after.trailing == before.trailing
    assert after.size == ((width, box.y + box.h) if band else (width, height))
    assert timing(painted.data) == timing(data)
    again = medium.surface(io.BytesIO(painted.data), LIMITS)
    assert isinstance(again, RasterSurface)
    regions = again.regions(box)
    assert len(regions) == len(surface.regions(Box(0, 0, 8, 8)))
    for region in regions:
        assert max(ImageStat.Stat(ImageChops.difference(region, plate)).mean) < 6
    exact = painted.exact
    assert exact or painted.degradations
    for old, new in zip(frames(data), frames(painted.data), strict=True):
        for image in (old, new):
            image.paste(0, (box.x, box.y, box.x + box.w, box.y + box.h))
        if exact:
            assert old.tobytes() == new.crop((0, 0, *old.size)).tobytes()
            continue
        difference = ImageChops.difference(old, new.crop((0, 0, *old.size)))
        if difference.mode == "I;16":
            raise AssertionError("no 16-bit picture may be degraded")
        assert max(ImageStat.Stat(difference).mean) < 6
