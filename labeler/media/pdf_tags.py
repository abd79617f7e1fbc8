"""The notice in the structure tree of a tagged PDF, for those who listen: ISO 32000-2, 14.7 and 14.8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pikepdf

from labeler.media.pdf_update import Ref, Update, changed, dictionary, raw, ref

OURS = "/TanbaNotice"
LANGS = {"kk": b"kk-KZ", "ru": b"ru-RU", "en": b"en"}
_MAX_NODES = 10_000


def next_key(pdf: pikepdf.Pdf) -> int | None:
    """A free key of the parent tree; None when the document is not tagged."""
    root = pdf.Root.get("/StructTreeRoot")
    if not isinstance(root, pikepdf.Dictionary) or not root.is_indirect:
        return None
    tree = root.get("/ParentTree")
    if not isinstance(tree, pikepdf.Dictionary):
        return None
    said = root.get("/ParentTreeNextKey", 0)
    highest, queue = -1, [tree]
    for _, node in zip(range(_MAX_NODES), queue, strict=False):
        numbers = [n for n in _list(node.get("/Nums"))[::2] if isinstance(n, int)]
        highest = max([highest, *numbers])
        queue += [kid for kid in _list(node.get("/Kids")) if isinstance(kid, pikepdf.Dictionary)]
    return max(int(said) if isinstance(said, int) else 0, highest + 1)


def insert(update: Update, page: pikepdf.Object, form: Ref, key: int, langs: Sequence[str]) -> None:
    """A paragraph for each language at the head of the document; marked content ``i`` of ``form`` is language ``i``."""
    root = update.pdf.Root.StructTreeRoot
    kids = _kids(root)
    body = kids[0] if len(kids) == 1 and _is_grouping(kids[0]) else root
    parts = [
        update.add(
            dictionary(
                {
                    "/Type": b"/StructElem",
                    "/S": b"/P",
                    "/P": ref(body),
                    "/Pg": ref(page),
                    "/Lang": b"(%s)" % LANGS[lang],
                    "/K": dictionary(
                        {"/Type": b"/MCR", "/Pg": ref(page), "/Stm": ref(form), "/MCID": b"%d" % number}
                    ),
                    OURS: b"true",
                }
            )
        )
        for number, lang in enumerate(langs)
    ]
    inside = _array([*map(ref, parts), *(raw(k) for k in _kids(body) if not is_ours(k))])
    parents = _array(map(ref, parts))
    entries: dict[str, bytes | None] = {"/ParentTreeNextKey": b"%d" % (key + 1)}
    tree = root.ParentTree
    if "/Kids" in tree:
        leaf = update.add(
            dictionary({"/Limits": b"[ %d %d ]" % (key, key), "/Nums": b"[ %d %s ]" % (key, parents)})
        )
        grown = changed(tree, {"/Kids": _array([*map(raw, _list(tree.Kids)), ref(leaf)])})
    else:
        grown = changed(tree, {"/Nums": _array([*map(raw, _list(tree.get("/Nums"))), b"%d" % key, parents])})
    if tree.is_indirect:
        update.put(tree, grown)
    else:
        entries["/ParentTree"] = grown
    if body is root:
        entries["/K"] = inside
    else:
        update.put(body, changed(body, {"/K": inside}))
    update.put(root, changed(root, entries))


def is_ours(value: object) -> bool:
    """Whether an earlier notice of ours put it there."""
    return isinstance(value, pikepdf.Dictionary | pikepdf.Stream) and OURS in value


def _is_grouping(kid: object) -> bool:
    return (
        isinstance(kid, pikepdf.Dictionary)
        and kid.is_indirect
        and kid.get("/S") in ("/Document", "/Part", "/Sect")
    )


def _kids(node: pikepdf.Object) -> list[Any]:
    kids = node.get("/K")
    return _list(kids) if isinstance(kids, pikepdf.Array) else [] if kids is None else [kids]


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, pikepdf.Array) else []


def _array(items: Any) -> bytes:
    return b"[ %s ]" % b" ".join(items)
