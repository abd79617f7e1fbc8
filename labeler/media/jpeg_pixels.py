"""Pixels of JPEG: blocks are replaced in the coded picture, so that every other block stays as it is.

ITU-T T.81 annexes A.2 (MCU), B.2 (tables, scans); JFIF 1.02; Adobe technical note 5116 (APP14, inverted CMYK).

Decoders blend subsampled colour with that of the next pixel. Therefore a box is the cells that are replaced and a
rim of one pixel around them, whose brightness stays: outside the box every decoded pixel is the same.
"""

from __future__ import annotations

import functools
import io
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image, JpegImagePlugin

from labeler.errors import LimitError, UnreadableError
from labeler.media.base import Box, Limits, Painted
from labeler.media.jpeg import APP14, DHT, DQT, SOS, Frame, Parsed, Segment, parse, rebuilt, segment
from labeler.media.pixels import (
    check_pixels,
    flat,
    open_picture,
    swaps,
    to_displayed,
    to_stored,
    turned,
    upright,
)

_SEQUENTIAL, _EXTENDED, _PROGRESSIVE, _ARITHMETIC, _BOTH = 0xC0, 0xC1, 0xC2, 0xC9, 0xCA
_FLAGS = {
    _SEQUENTIAL: (),
    _EXTENDED: (),
    _PROGRESSIVE: ("-progressive",),
    _ARITHMETIC: ("-arithmetic",),
    _BOTH: ("-arithmetic", "-progressive"),
}
_MAX_SIDE = 65_500  # libjpeg's
_TIMEOUT = 120  # seconds; 178 million pixels take about ten
