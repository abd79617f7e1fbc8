"""Whether a page could hide what stands first in its body: a static look at what the page itself says.

The notice's own style is inline and important, so no stylesheet reaches what it sets (CSS Cascading 4, section 6.1):
only what encloses the notice, ``html`` and ``body``, can still hide it. Stylesheets elsewhere and scripts are not
looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_MAX = 4 << 20
_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_HOST = re.compile(r"(?:^|[,\s>(])(?:html|body|:root|\*)(?:[.#:\[][^\s,>]*)?\s*(?:,|$)", re.I)
_HIDES = re.compile(
    r"(?:^|[;{\s])(?:display\s*:\s*none|opacity\s*:\s*0?\.?0*[0-8]?\s*(?:[;!]|$)"
    r"|(?:max-)?(?:width|height)\s*:\s*0|content-visibility\s*:\s*hidden|clip(?:-path)?\s*:|transform\s*:|translate\s*:"
    r"|scale\s*:|zoom\s*:|filter\s*:|mask|position\s*:\s*(?:absolute|fixed)|text-indent\s*:\s*-|mix-blend-mode)",
    re.I,
)


def doubt(hosts: Sequence[Mapping[str, str]], styles: Sequence[str]) -> str:
    """Why the first thing in the body may not be seen; "" = nothing in the page speaks against it.

    ``hosts``: the attributes of html and body. ``styles``: the page's own stylesheets.
    """
    for attributes in hosts:
        if "hidden" in attributes or attributes.get("aria-hidden", "").lower() == "true":
            return "the page's body is hidden"
        if _HIDES.search(attributes.get("style", "")):
            return "the style of the page's body may hide it"
    if sum(map(len, styles)) > _MAX:
        return "the page's stylesheets are too long to look at"
    for style in styles:
        for rule in _COMMENT.sub("", style).split("}"):
            selectors, _, declarations = rule.rpartition("{")
            # inside of an at-rule its own condition stands before the selector
            if _HIDES.search(declarations) and _HOST.search(selectors.rpartition("{")[2].strip()):
                return "a stylesheet of the page may hide its body"
    return ""
