"""Policies on a page, generated from the data."""

from __future__ import annotations

from collections.abc import Iterable

from labeler.policy import engine


def markdown(policies: Iterable[str], lang: str = "en") -> str:
    """The rules of these policies as tables.

    Raises:
        ConfigError: one of them is none.
    """
    out = []
    for name in policies:
        policy = engine.load(name)
        since = f" Since {policy['since']}." if "since" in policy else ""
        head = f"## `{policy['id']}`: {policy['title'][lang]}\n\n{policy['source']}.{since} Version {policy['version']}.\n\n"
        head += "| rule | level | basis | citation | when it holds |\n|---|---|---|---|---|\n"
        rows = [
            (
                f"`{r['id']}`",
                r["level"],
                f"{r['basis']}, {r['confidence']}",
                r["citation"],
                r["messages"]["holds"][lang],
            )
            for r in policy["rules"]
        ]
        notes = [f"- `{r['id']}`: {r['note'][lang]}" for r in policy["rules"] if "note" in r]
        table = "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in rows)
        out.append(head + table + ("\n" + "\n".join(notes) + "\n" if notes else ""))
    return "\n".join(out)
