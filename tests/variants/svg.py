"""SVG texts, one for each way they can differ."""

from __future__ import annotations

import base64
from collections.abc import Callable

PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="Дала"/></rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
)
STORE = b"\0\0\0\x1ejumb stands for a manifest store"
OPEN = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 120">'
DRAWING = (
    '<rect width="160" height="120" fill="#9cf"/>\n<path d="M10 100L60 20l40 60 20-30 30 50z" fill="#363"/>\n'
)
DOCTYPE = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'

INKSCAPE = f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!-- Created with Inkscape (http://www.inkscape.org/) -->

<svg
   width="80mm"
   height="60mm"
   viewBox="0 0 160 120"
   version="1.1"
   id="svg1"
   inkscape:version="1.3.2 (091e20e, 2023-11-25)"
   sodipodi:docname="a &amp; b > c.svg"
   data-generator='say "svg"'
   xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"
   xmlns:sodipodi="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd"
   xmlns="http://www.w3.org/2000/svg"
   xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
   xmlns:cc="http://creativecommons.org/ns#"
   xmlns:dc="http://purl.org/dc/elements/1.1/"
   xml:space="preserve">
  <sodipodi:namedview id="base" pagecolor="#ffffff"/>
  <title id="t">Дала</title>
  <defs id="defs1"/>
  <metadata id="metadata1">
    <rdf:RDF>
      <cc:Work rdf:about="">
        <dc:format>image/svg+xml</dc:format>
        <dc:type rdf:resource="http://purl.org/dc/dcmitype/StillImage"/>
        <dc:creator><cc:Agent><dc:title>A. Author</dc:title></cc:Agent></dc:creator>
      </cc:Work>
    </rdf:RDF>
  </metadata>
  <g id="layer1" inkscape:groupmode="layer">
    {DRAWING}  </g>
</svg>
"""

TRAPS = f"""<?xml version='1.0'?>
<?xml-stylesheet href="a.css" type="text/css"?>
<!-- <svg xmlns="http://www.w3.org/2000/svg"></svg> -->
{OPEN[:-1]} data-end="/> &lt;/svg>" ><!-- </svg><metadata> -->
<style><![CDATA[ a > b {{ }} </svg> <metadata><x:xmpmeta> ]]></style>
<svg x="5"><metadata><x:xmpmeta xmlns:x="adobe:ns:meta/"/></metadata></svg>
<desc>5 &lt; 6 &amp;&#60;/svg&#62;</desc>
<?php echo "</svg>" ?>
{DRAWING}</svg >
<!-- </svg> -->
<?end </svg>?>
"""

C2PA = (
    OPEN[:-1]
    + ' xmlns:c2pa="http://c2pa.org/manifest"><metadata><c2pa:manifest>'
    + base64.b64encode(STORE).decode()
    + f"</c2pa:manifest></metadata>{DRAWING}</svg>"
)


def declared(encoding: str) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>\n{OPEN}<title>Café</title>\n{DRAWING}</svg>\n'


VARIANTS: dict[str, Callable[[], bytes]] = {
    "minimal": lambda: f'<svg xmlns="http://www.w3.org/2000/svg">{DRAWING}</svg>'.encode(),
    "view-box": lambda: f"{OPEN}{DRAWING}</svg>".encode(),
    "millimetres": lambda: f'{OPEN[:-1]} width="80mm" height="60.5mm">{DRAWING}</svg>'.encode(),
    "pixels": lambda: (
        f"<svg width='160' height='120px' xmlns='http://www.w3.org/2000/svg'>{DRAWING}</svg>".encode()
    ),
    "bom-crlf": lambda: (
        ("\ufeff<?xml version='1.0' encoding='utf-8'?>\n" + DOCTYPE + f"\n{OPEN}\n{DRAWING}</svg>\n")
        .replace("\n", "\r\n")
        .encode()
    ),
    "inkscape": INKSCAPE.encode,
    "prefixed": lambda: (
        b'<?xml version="1.0"?><s:svg xmlns:s="http://www.w3.org/2000/svg" width="9" height="8"><s:g/></s:svg>'
    ),
    "self-closing": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 120" />\n',
    "xmp": lambda: f"{OPEN}<title/><metadata>\n {PACKET}\n <other/></metadata>\n{DRAWING}</svg>".encode(),
    "xmp-bare": lambda: (
        f"{OPEN}<metadata>{PACKET.split('>', 1)[1].rsplit('<', 1)[0].strip()}</metadata></svg>".encode()
    ),
    "c2pa": C2PA.encode,
    "c2pa-and-xmp": lambda: C2PA.replace("</metadata>", f"{PACKET}</metadata>").encode(),
    "traps": TRAPS.encode,
    "empty-metadata": lambda: f"{OPEN}<metadata/>{DRAWING}<metadata> </metadata></svg>".encode(),
    "utf-16": lambda: declared("UTF-16").encode("utf-16"),
    "utf-16-be": lambda: ("\ufeff" + declared("utf-16")).encode("utf-16-be"),
    "latin-1": lambda: declared("ISO-8859-1").encode("latin-1"),
    "cyrillic": lambda: declared("windows-1251").replace("Café", "Дала").encode("cp1251"),
}
