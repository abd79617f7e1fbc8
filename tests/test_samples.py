"""The samples are what their script makes, and small."""

from __future__ import annotations

import io
import runpy
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageSequence, ImageStat

FOLDER = Path(__file__).parent.parent / "samples"
MAKERS = runpy.run_path(str(FOLDER / "make.py"))["MAKERS"]


def frames(data: bytes) -> list[tuple[object, Image.Image]]:
    """Timing and look of each; alpha composed on grey, since what is hidden under it may differ."""
    out = []
    for frame in ImageSequence.Iterator(Image.open(io.BytesIO(data))):
        rgba = frame.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, "grey")
        out.append((frame.info.get("duration"), Image.alpha_composite(ground, rgba).convert("RGB")))
    return out


@pytest.mark.parametrize("name", MAKERS)
def test_file_is_what_the_script_makes(name: str, tmp_path: Path) -> None:
    MAKERS[name](tmp_path / name)
    kept, made = (FOLDER / name).read_bytes(), (tmp_path / name).read_bytes()
    if name.endswith((".svg", ".pdf")):
        assert kept == made
        return
    # encoders and resamplers differ a little between versions of Pillow
    for (old_time, old), (new_time, new) in zip(frames(kept), frames(made), strict=True):
        assert (old_time, old.size) == (new_time, new.size)
        assert max(ImageStat.Stat(ImageChops.difference(old, new)).mean) < 1


def test_folder_holds_nothing_else_and_stays_small() -> None:
    files = {p.name: p.stat().st_size for p in FOLDER.iterdir() if p.is_file()}
    assert set(files) == {*MAKERS, "make.py", "README.md", "LICENSE"}
    assert sum(files.values()) < 1_200_000
