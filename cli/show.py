"""``label show``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from .options import (
    has_words,
    option,
    password,
    password_file,
    printable,
    say,
    standard_input,
    trust,
    ui_lang,
)

_LABEL = (
    "system",
    "system_version",
    "provider",
    "publisher",
    "role",
    "involvement",
    "imitates",
    "risk",
    "time",
    "reviewer",
    "content_id",
)


@click.command("show")
@click.argument("path", type=click.Path(), metavar="FILE")
@trust
@password_file
@option("--show-values", is_flag=True, help="Show the prompt too, if the label carries it.")
@ui_lang
def command(
    path: str, trust: tuple[Path, ...], password_file: Path | None, show_values: bool, ui_lang: str
) -> int:
    """Tell in plain words everything that FILE says about AI."""
    from labeler import verify

    report = verify(standard_input() if path == "-" else path, trust=trust, password=password(password_file))
    for line in _lines(report, ui_lang, show_values):
        click.echo(line)
    return 3 if report.error else 0


def _lines(report: Any, lang: str, show_values: bool) -> Iterator[str]:
    yield f"{printable(report.path)}: {say(f'sentence.{report.verdict.value}', lang)}"
    if report.error:
        yield f"  {printable(report.error.message)} {printable(report.error.hint)}"
        return
    yield f"  {report.media_type}, {say('bytes', lang, n=report.size)}, SHA-256 {report.sha256}"
    if report.label:
        yield ""
        yield say("heading.label", lang)
        data = report.label.to_dict()
        for key in (*_LABEL, *(("prompt",) if show_values else ())):
            if key in data:
                value = data[key]
                values = value if isinstance(value, list) else [value]
                said = ", ".join(
                    say(f"value.{v}", lang) if has_words(f"value.{v}") else printable(v) for v in values
                )
                yield f"  {say(f'label.{key}', lang)}: {said}"
        if "prompt" in data and not show_values:
            yield f"  {say('label.prompt', lang)}: {say('prompt.hidden', lang)}"
    yield ""
    yield say("heading.marks", lang)
    for mark in report.marks:
        details = "; ".join(
            printable(v) for k, v in mark.details.items() if v and k in ("generator", "signer", "time")
        )
        name, status = say(f"mark.{mark.kind}", lang), say(f"status.{mark.status.value}", lang)
        yield f"  {name}: {status}" + (f" ({details})" if details else "")
    yield ""
    yield say("heading.facts", lang)
    for fact in report.facts:
        where = f" [{printable(fact.where)}]" if fact.where else ""
        yield f"  - {say(f'fact.{fact.code}', lang, default=fact.code)}{where}"
    yield ""
    yield say("heading.not-checked", lang)
    for item in report.not_checked:
        yield f"  - {say(f'not-checked.{item}', lang, default=item)}"
    yield ""
    yield say("disclaimer", lang)
