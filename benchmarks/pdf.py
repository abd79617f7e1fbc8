"""What PDFs cost, next to the bare libraries: ``python benchmarks/pdf.py [--quick]``. How it measures: see `bench`."""

from __future__ import annotations

import argparse
import functools
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pikepdf
import pypdf
from bench import LABEL, MANIFEST, bare_sign, machine, ratio, row, size, timed
from bench import turns as turns_of
from pikepdf import Array, Dictionary, Name, Stream

import labeler
from labeler import notices
from labeler.marks import c2pa as mark
from labeler.media.base import Limits
from labeler.media.pdf import MEDIUM
from labeler.signing import identity
from labeler.surfaces import page as surface

Work = Callable[[bytes], bytes]


def document(pages: int, pictures: int = 0) -> bytes:
    """Pages with a line of text each; ``pictures``: bytes of noise on them in all."""
    pdf, out = pikepdf.new(), io.BytesIO()
    font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    side = round((pictures / pages / 3) ** 0.5)
    for number in range(pages):
        pdf.add_blank_page(page_size=(595, 842))
        page = pdf.pages[-1].obj
        page.Contents = Stream(pdf, b"BT /F1 12 Tf 72 700 Td (Page %d) Tj ET" % number)
        page.Resources = Dictionary(Font=Dictionary(F1=font))
        if pictures:
            noise = Random(number).randbytes(side * side * 3)
            shape = {"Width": side, "Height": side, "ColorSpace": Name.DeviceRGB, "BitsPerComponent": 8}
            picture = pdf.make_stream(noise, Type=Name.XObject, Subtype=Name.Image, **shape)
            page.Resources.XObject = Dictionary(I=picture)
            page.Contents = Stream(pdf, b"q 400 0 0 400 90 200 cm /I Do Q")
    pdf.save(out, compress_streams=False, static_id=True)
    return out.getvalue()


# ---- the manifest alone


def ours() -> Work:
    who = identity.ensure()
    return lambda data: mark.sign_exact(
        functools.partial(MEDIUM.embed, io.BytesIO(data)), MANIFEST, who, None
    )


def native() -> Work:
    """c2pa-python writes the whole file anew."""
    return bare_sign("application/pdf")


def resident(name: str) -> int:
    """Bytes: ``VmRSS``, or ``VmHWM``, its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def peak(way: str, file: Path) -> int:
    """Bytes that writing takes besides its input, in a process of its own that has warmed up."""
    command = [sys.executable, __file__, "--peak", way, str(file)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(way: str, file: Path) -> int:
    work = {"ours": ours, "native": native}[way]()
    work(document(2))
    data = file.read_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = resident("VmRSS")
    work(data)
    return resident("VmHWM") - before


# ---- the notice alone


def stamp(data: bytes) -> bytes:
    pages = MEDIUM.surface(io.BytesIO(data), Limits())
    painted, _ = surface.draw(pages, notices.words(LABEL, "document", ("kk", "ru")), "all")  # type: ignore[arg-type]
    return painted.data


def footer() -> bytes:
    """A page with a notice, for those who lay one page over another."""
    pdf = pikepdf.open(io.BytesIO(stamp(document(1))))
    pdf.pages[0].obj.Contents = Array(list(pdf.pages[0].obj.Contents)[-1:])
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


def with_pikepdf(data: bytes, notice: bytes) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf, pikepdf.open(io.BytesIO(notice)) as over:
        form = pdf.copy_foreign(over.pages[0].as_form_xobject())
        for page in pdf.pages:
            name = page.add_resource(form, Name.XObject)
            page.contents_add(b"q %s Do Q" % bytes(name.unparse()))
        pdf.save(out)
    return out.getvalue()


def with_pypdf(data: bytes, notice: bytes) -> bytes:
    out = io.BytesIO()
    writer = pypdf.PdfWriter(fileobj=io.BytesIO(data), incremental=True)
    over = pypdf.PdfReader(io.BytesIO(notice)).pages[0]
    for page in writer.pages:
        page.merge_page(over)
    writer.write(out)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few turns: to see that it runs, not to quote")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print(measure(options.peak[0], Path(options.peak[1])))
        return
    turns = 3 if options.quick else 11
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LABEL_DATA_DIR"] = folder  # an identity of its own, not the user's
        os.environ["LABEL_CONFIG"] = os.devnull
        print(f"{machine()}\n\n| what | ours | other | ratio | bound | |\n|---|---|---|---|---|---|")
        made = {
            "10 pages": document(10),
            "1,000 pages": document(1000),
            "pictures": document(20, 100_000_000),
        }
        sign, other = ours(), native()
        for name, data in made.items():
            large = name == "pictures"
            ratio(
                f"C2PA only, against c2pa-python: {name}, {size(data)}",
                lambda data=data: sign(data),  # type: ignore[misc]
                lambda data=data: other(data),  # type: ignore[misc]
                3 if large else turns,
                0.2 if large else 1.0,
            )
        if Path("/proc/self/clear_refs").exists():
            file = Path(folder, "large.pdf")
            file.write_bytes(made["pictures"])
            a, b = peak("ours", file), peak("native", file)
            what = f"C2PA only, peak memory of the writer, against c2pa-python: {size(made['pictures'])}"
            row(what, f"{a / 1e6:.0f} MB", f"{b / 1e6:.0f} MB", f"{a / b:.2f}", "<= 0.2", a <= b / 5)
        notice = footer()
        for name in ("10 pages", "1,000 pages"):
            data = made[name]
            for library, work in (("pikepdf", with_pikepdf), ("pypdf", with_pypdf)):
                a, b, r = turns_of(
                    lambda data=data: stamp(data),  # type: ignore[misc]
                    lambda data=data, work=work: work(data, notice),  # type: ignore[misc]
                    min(turns, 5),
                )
                what = f"notice on all pages, fitted and placed, against {library} laying a page over: {name}"
                row(what, f"{a:.1f} ms", f"{b:.1f} ms", f"{r:.2f}")
        for name, data in made.items():
            labelled = labeler.add(data, None, LABEL)
            a, b = (
                timed(lambda data=data: labeler.add(data, None, LABEL)),
                timed(  # type: ignore[misc]
                    lambda labelled=labelled: labeler.verify(labelled.data)  # type: ignore[misc]
                ),
            )
            row(f"the whole of add, and of verify: {name}", f"{a:.0f} ms", f"{b:.0f} ms", "")


if __name__ == "__main__":
    main()
