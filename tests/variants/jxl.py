"""JPEG XL files. The codestreams were coded by libjxl 0.7 from pictures drawn by our own code; the boxes are ours."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from itertools import pairwise

import brotli

from variants.webp import PACKET

_LOSSY = """
{|d`MLUADh6a<S+2>^f!l~KkGUe5J=`JuyN+QxN;w%WF^gt6IP7$gKhWm~S>XwLs1!FWB1Z(h$M41=VuAll0$t}$f+gg787DmV$e
pg@-k09<3}K=UYocLa6~Bh--
$Un+QyXo184aN;xAjtKyqu|gD=0UV6eDlo#f9AEB0(E&K|0zg6u?(~|(t<M0GB)4HbBcwo%ZIu!knHeJ^Gv+{S0KlP3z2HAYt3hW
QnQhjv`|t!zba)8=+?l|0c_Xk$jU=JI46u`zpE&(ymr21E%`~o%rO_Y?-mES{5kSUR_t-
AC<1Dk*ZWQykPf8@>)35lqdetdtMSK;W43W9plVyZ=(b53
"""
_LOSSLESS = """
{|b--
@PL5gLI?r@04M@WD5JUs`sv`RFnH}|@H+_w1qFo!A`t~{88gP<+{Zu+V^J!`sOadG08jxTpaOzG1;m01IJo}+cy0rH1OQM40I;FK
pOg>)9Dp?P#(x{`z5al;@zD~Ctu+Wc{qtgbI0zY<N>|=Z4!IgM)FQ1WG?adK4S+hMjugE>JB|p|OY?tBrndK<2>
"""
# of a JPEG with EXIF and XMP, turned to the right
_FROM_JPEG = """
{|W~!5EI~A0uTUb1`c)%bq;p^{|*2E7yt+W0RR91004l1C5cqXyh#rLc$yjR1prVIQczHs8YIVHk}X(_@cSWaDvL-
8S9wDQ+|~FUl`SX+RvHl2PLKsl@H+qi697&CF`0q^09brr0x9<1d(;*s_1=4%y-U6K-ZPJhdhfmW-
h1!8_uhN&z4zXG@4ffld+)vXSYqNEi`W_DNfudwP-
8F(`L2?GlgL<nc5QkfHO8$B2oM$o(1ilS5HoW|I6?pc2hjh7f}#N;sBd$`RCps^Fnjh4?>*8Bn|klPwZ^30d+%Aj_ud1Hd+)vX-
h1!8_uhN&z4zXG@4ffldjJ3c004jkfE*PPqD)AEBmiwIiIjLpl{~yx$cg};Z1(yd%qsz;M}%Y@zewa3ScJls>W|^F)Y<ZK>YnUdr
6`NL97N|D88yMUy$4axO{D#9B#O)Bee^{q)RG=gMreVW=MOO`Rsns{zU2?HfD)fX|Fk%q!a<4C0e!ZpJdG)ue=W>|trj-
fT4ad=La*4OKLFKiwj1$zp6x-lAMjx
"""
_RESTORES = """
z%bl4fFKA$%YXndK7eolLX83;SCs$&fRLlI1w(QEPY@X+lyOceXg@-
RFiRa|n1RwAYOp?JIQf_Xha6N`<e*^(wvQV6_eYjF?6?CBMfblL<BUlz+2oT^PI+dUYqt4joO2d>XrhZY`e>w+mU?QctG4=Ttg{w
-Y_iKX`)st+mV0ix>$dxDyz>@(aKZ~W{BXn*k6iM}DX-
k}%Q4S9bkRpAy>!!0M?Lk}WuKk)+HJob_uPXQet6=GH~x6!laF5d>8Y>Y`s=aJ9{ljdAD{g4%|9Rg^x=<R{`u*z-
~RjY&;MV+R8<K8fRLlI1w(QEUl0kUjIvHC65|0On^A)dlj=Z2^<cxfha5AYARjd3pu-MqEV9f|zuSi$H?*QZ^333q4DWw2#u=Av^
2sQtOmodP-;8t4LJv)J(MBJQbkb5!O?A~)UyXIvVvkLB*=C=OcG_~!O?TaP-
;H<PfeSu3;e{K1IO2&%F8Sn?S8n;`m}efk=%bTfy6LB*o_g%E&rW;ow%?9>?!gN`Jn_XFe?0QZM=$;K)K_o)_1I@0zWC#lU%vV0q
o02K^3P9y{r2CFfBydhKLAi!000XJfZzZSN=8XW00992009620009
"""
SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
FTYP = b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
# as Pillow writes orientation 6 and the software's name
EXIF = b"MM\0*\0\0\0\x08\0\2" + struct.pack(">HHIHH", 0x112, 3, 1, 6, 0)
EXIF += struct.pack(">HHII", 0x131, 2, 9, 38) + bytes(4) + b"Steppe 1\0\0"


def decoded(text: str) -> bytes:
    return base64.b85decode(text.replace("\n", ""))


def lossy() -> bytes:
    """64 x 48, bare."""
    return decoded(_LOSSY)


def lossless() -> bytes:
    """121 x 83, bare."""
    return decoded(_LOSSLESS)


def box(kind: bytes, *body: bytes) -> bytes:
    content = b"".join(body)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def container(*parts: bytes) -> bytes:
    return SIGNATURE + FTYP + b"".join(parts)


def parted(codestream: bytes, *between: bytes, cuts: tuple[int, ...] = (10,)) -> list[bytes]:
    """The codestream in numbered boxes, with others behind the first."""
    ends = (0, *cuts, len(codestream))
    pieces = [codestream[a:b] for a, b in pairwise(ends)]
    last = len(pieces) - 1
    told = [
        box(b"jxlp", struct.pack(">I", i | (1 << 31) * (i == last)), piece) for i, piece in enumerate(pieces)
    ]
    return [told[0], *between, *told[1:]]


def packed(kind: bytes, body: bytes) -> bytes:
    return box(b"brob", kind, brotli.compress(body))


def from_jpeg(xmp: bytes | None = PACKET, *, compressed: bool = True) -> bytes:
    """What `djxl` makes the JPEG of again; that had an XMP packet, so without one here it cannot."""
    make = packed if compressed else box
    about = [make(b"Exif", bytes(4) + EXIF)] + ([make(b"xml ", xmp)] if xmp else [])
    codestream = decoded(_FROM_JPEG)
    return container(*parted(codestream, box(b"jbrd", decoded(_RESTORES)), *about, cuts=(6,)))


VARIANTS: dict[str, Callable[[], bytes]] = {
    "container": lambda: container(box(b"jxlc", lossy())),
    "level-10": lambda: container(box(b"jxll", b"\x0a"), box(b"jxlc", lossless())),
    "long-sizes": lambda: container(struct.pack(">I4sQ", 1, b"jxlc", 16 + len(lossy())) + lossy()),
    "parted": lambda: container(*parted(lossy(), cuts=(3, 10, 100))),
    "metadata": lambda: container(
        box(b"Exif", bytes(4), EXIF), box(b"xml ", PACKET), box(b"xml ", b"<second/>"), box(b"jxlc", lossy())
    ),
    "exif-offset": lambda: container(
        box(b"Exif", struct.pack(">I", 6), b"Exif\0\0", EXIF), box(b"jxlc", lossy())
    ),
    "compressed": lambda: container(
        packed(b"Exif", bytes(4) + EXIF), packed(b"xml ", PACKET), box(b"jxlc", lossy())
    ),
    "other-boxes": lambda: container(
        box(b"jumb", box(b"jumd", b"json" + bytes(13))),
        box(b"jxli", b"index"),
        *parted(lossy(), box(b"hrgm", b"gain map")),
    ),
    "signed": lambda: container(
        box(b"jumb", box(b"jumd", bytes.fromhex("6332706100110010800000aa00389b71"), b"\3c2pa\0")),
        box(b"jxlc", lossy()),
    ),
}
# whose end is the file's, so that a cut is not noticed
ENDLESS: dict[str, Callable[[], bytes]] = {
    "bare-lossy": lossy,
    "bare-lossless": lossless,
    "open-ended": lambda: container(box(b"xml ", PACKET), bytes(4) + b"jxlc" + lossless()),
}
