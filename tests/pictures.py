"""Pictures for tests, made here; and the validators that we did not write."""

from __future__ import annotations

import functools
import io
import json
from typing import Any

from PIL import Image, ImageDraw

from labeler.label import Label

KINDS = ("png", "jpeg", "webp", "svg")
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="800" height="600" viewBox="0 0 800 600">'
    '<rect width="800" height="600" fill="#9cf"/><circle cx="400" cy="300" r="120" fill="#fc3"/></svg>'
)


@functools.cache
def photo(width: int = 640, height: int = 480, mode: str = "RGB") -> Image.Image:
    """Something with edges, gradients and noise."""
    image = Image.effect_mandelbrot((width, height), (-2, -1.2, 1, 1.2), 60).convert("RGB")
    noise = Image.effect_noise((width, height), 40).convert("RGB")
    image = Image.blend(image, noise, 0.4)
    ImageDraw.Draw(image).ellipse((width // 4, height // 4, width // 2, height // 2), fill=(220, 180, 40))
    return image.convert(mode)


@functools.cache
def encode(kind: str, width: int = 640, height: int = 480) -> bytes:
    """The photo in one of our containers."""
    if kind == "svg":
        return SVG.encode()
    out = io.BytesIO()
    options: dict[str, Any] = {"jpeg": {"quality": 85}, "webp": {"lossless": True}}.get(kind, {})
    photo(width, height).save(out, kind.upper() if kind != "webp" else "WebP", **options)
    return out.getvalue()


def label(**more: Any) -> Label:
    """A label with everything that policy kz asks for."""
    return Label(**{"system": "Kandinsky 5", "provider": "Sber", "publisher": "Qala Media", **more})


MIMES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "svg": "image/svg+xml"}
MIMES |= {"avif": "image/avif"}


def c2pa_reader(
    data: bytes, mime: str, sidecar: bytes | None = None, anchors: bytes = b""
) -> tuple[str, dict[str, Any]]:
    """What c2pa's own Reader says with its own defaults and these anchors: failure codes, and the manifest store."""
    from labeler.marks.c2pa import _c2pa

    c2pa = _c2pa()
    settings: dict[str, Any] = {"verify": {"remote_manifest_fetch": False}}
    if anchors:
        settings["trust"] = {"user_anchors": anchors.decode()}
    context = c2pa.Context.from_dict(settings)
    with c2pa.Reader(mime, io.BytesIO(data), sidecar, context=context) as reader:
        results = reader.get_validation_results()["activeManifest"]
        return ",".join(sorted(c["code"] for c in results["failure"])), json.loads(reader.json())


def encypher(data: bytes, mime: str, sidecar: bytes | None = None, **more: Any) -> dict[str, Any]:
    """The verdict of encypher-c2pa: another code base."""
    import encypher_c2pa

    kwargs: dict[str, Any] = {"manifest_store": sidecar} if sidecar else {}
    return dict(encypher_c2pa.verify(data, mime, telemetry=False, online=False, **kwargs, **more))
