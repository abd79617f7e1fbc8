"""What could change how an element of an SVG looks: a static reading of its styles and scripts, no rendering.

CSS Syntax 3 (rules), Selectors 4 (compounds), SVG 2 section 6 (properties). Conservative: what is not known to be
harmless is a doubt. The element asked about has no class, and says its own fill, opacity, place and transformations
inline as ``!important``, which outranks every style sheet and animation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_STYLE = re.compile(rb"<(?:[\w.-]+:)?style\b[^>]*>(.*?)</(?:[\w.-]+:)?style\s*>", re.S)
_SCRIPT = re.compile(rb"<(?:[\w.-]+:)?script\b|<[\w:.-]+\s(?:[^<>]*?\s)?on[a-z]+\s*=", re.I)
_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_OURS = frozenset({"g", "path", "rect"})
_ROOT = frozenset({"svg", "*"})
_HARMLESS = re.compile(
    r"(?:fill|stroke|font|text|color|marker|stop|background|shape|vector|letter|word|line|enable|-inkscape|-webkit-text)"
    r"[\w-]*|opacity|display|visibility|cursor|paint-order|clip-rule|isolation|direction|unicode-bidi|user-select|pointer-events"
)
_SAID_INLINE = re.compile(
    r"transform[\w-]*|translate|rotate|scale|filter|clip-path|mask|mix-blend-mode|x|y|width|height|rx|ry"
)
_ON_ROOT = ("clip-path", "mask", "filter", "transform")


def doubt(text: bytes, root: Mapping[str, str]) -> str:
    """Why the notice may look otherwise than it is written; empty when nothing was found.

    ``text`` is the document in UTF-8, ``root`` the attributes of its root.
    """
    if b"<?xml-stylesheet" in text:
        return "an external style sheet could change it"
    if _SCRIPT.search(text):
        return "a script could change it"
    if any(name in root for name in _ON_ROOT) or not all(map(_harmless, _properties(root.get("style", "")))):
        return "the root's own style could change it"
    for style in _STYLE.findall(text):
        if not _is_harmless(style.decode("utf-8", "replace"), "class" in root):
            return "a style sheet could change it"
    return ""


def _is_harmless(sheet: str, root_has_class: bool) -> bool:
    sheet = _COMMENT.sub("", sheet.replace("<![CDATA[", "").replace("]]>", ""))
    if "@import" in sheet or "\\" in sheet:
        return False
    for selectors, declarations in _RULE.findall(sheet):
        names = list(_properties(declarations))
        for selector in selectors.split(","):
            ours, root = _matches(selector, root_has_class)
            if root and not all(map(_harmless, names)):
                return False
            if ours and not all(_harmless(n) or _SAID_INLINE.fullmatch(n) for n in names):
                return False
    return True


def _matches(selector: str, root_has_class: bool) -> tuple[bool, bool]:
    """Whether a selector could mean the notice's elements, and whether the root."""
    compound = (re.split(r"[\s>+~]+", selector.strip()) or [""])[-1]
    if "(" in selector or "[" in compound or compound.startswith((":", "@")) or "tanba-notice" in selector:
        return True, True
    if "." in compound or "#" in compound:
        return False, root_has_class or "#" in compound
    name = compound.partition(":")[0]
    return name in _OURS or name == "*", name in _ROOT


def _properties(declarations: str) -> Iterator[str]:
    for declaration in declarations.split(";"):
        name, colon, _ = declaration.partition(":")
        if colon:
            yield name.strip().lower()


def _harmless(name: str) -> bool:
    return name.startswith("--") or _HARMLESS.fullmatch(name) is not None
