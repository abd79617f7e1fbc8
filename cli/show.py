"""``label show``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from labeler.words import has_words, printable, say

from .options import option, password, password_file, standard_input, trust, ui_lang

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
def command(path: str, password_file: Path | None, show_values: bool, ui_lang: str, **trusted: Any) -> int:
    """Tell in plain words everything that FILE says about AI."""
    from labeler import verify

    source = standard_input() if path == "-" else path
    report = verify(source, password=password(password_file), **trusted)
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
        name, status = say(f"mark.{mark.kind}", lang), say(f"status.{mark.status.value}", lang)
        producer = mark.details.get("producer")
        yield f"  {name}: {status}" + (f" ({printable(producer)})" if producer else "")
        for what, value in _credentials(mark.details, lang):
            said = say(f"detail.{what}", lang)
            yield f"    {said[:1].upper()}{said[1:]}: {value}"
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


def _credentials(details: Mapping[str, Any], lang: str) -> Iterator[tuple[str, str]]:
    """With what, by whom and when it was signed, each with the list that says so."""
    if generator := details.get("generator"):
        yield "generator", printable(generator)
    if signer := details.get("signer"):
        yield "signer", f"{printable(signer)} ({_vouched(details['trust_list'], lang)})"
    if time := details.get("time"):
        who = f", {printable(details['time_authority'])}" if details.get("time_authority") else ""
        checked = details.get("time_trusted") is not None
        yield "time", f"{printable(time)}{who} ({_vouched(details['time_list'], lang, checked)})"
    for person in details.get("identities") or ():
        if person["name"]:
            checked = person["state"] != "unchecked"
            yield "identity", f"{printable(person['name'])} ({_vouched(person['list'], lang, checked)})"


def _vouched(list_: Mapping[str, Any] | None, lang: str, checked: bool = True) -> str:
    if list_ is None:
        return say("vouched.nobody", lang) if checked else say("vouched.unchecked", lang)
    if list_["own"]:
        return say("vouched.own", lang)
    date = f", {list_['date']}" if list_["date"] else ""
    return say("vouched.list", lang, name=printable(list_["name"] + date))
