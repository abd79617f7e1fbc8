"""AVIF: HEIF whose pictures are AV1. AV1 Image File Format (AOMedia), sections 2 (items), 3 (sequences), 6 (brands)."""

from __future__ import annotations

from labeler.media.base import MediumInfo
from labeler.media.heif import SLOTS, HeifMedium, is_avif

MEDIUM = HeifMedium(
    MediumInfo(
        name="AVIF",
        mime="image/avif",
        suffixes=(".avif", ".avifs"),
        slots=SLOTS,
        surface="raster",
        c2pa="native",
        loss="encoded again at quality 95; no notice on HDR, more than 8 bits or what would not stay true",
    ),
    is_avif,
)
