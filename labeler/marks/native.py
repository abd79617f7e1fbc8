"""The native mark: a format's own fields (front matter, meta elements, JSON-LD, document properties).

A payload is a JSON object: ``meta`` maps names to texts, for formats that have named fields; ``ld`` is an object of
schema.org, for those that take JSON-LD. Media write what they have a place for, and give back what they find.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from labeler.facts import Fact, Level, Mark, Reading, Status
from labeler.label import AI_SOURCE_TYPES, Involvement, Label

SOURCE_TYPE, DISCLOSURE, RECORD = "digitalSourceType", "ai-disclosure", "tanba-label"
# schema.org's IPTCDigitalSourceEnumeration has no member for human edits
_SCHEMA_ORG = {
    Involvement.GENERATED: "https://schema.org/TrainedAlgorithmicMediaDigitalSource",
    Involvement.MODIFIED: "https://schema.org/CompositeWithTrainedAlgorithmicMediaDigitalSource",
}


def write(existing: bytes | None, label: Label, record: Mapping[str, Any]) -> tuple[bytes, tuple[str, ...]]:
    """The payload for this label, and what stood there that said otherwise.

    ``ai-disclosure`` is the name that the W3C AI Content Disclosure Community Group proposes.
    """
    said = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    meta = {
        SOURCE_TYPE: label.source_type,
        DISCLOSURE: f"ai-{label.involvement}",
        RECORD: said,
    }
    ld = {
        "@context": "https://schema.org",
        "@type": "CreativeWork",
        "identifier": label.content_id,
        SOURCE_TYPE: _SCHEMA_ORG.get(label.involvement, label.source_type),
        "additionalProperty": {"@type": "PropertyValue", "propertyID": RECORD, "value": said},
    }
    before = _object(existing) if existing else {}
    old = before.get("meta", {})
    contradicted = tuple(
        f"{key}: {old[key]}" for key in (SOURCE_TYPE, DISCLOSURE) if key in old and old[key] != meta[key]
    )
    # a label of ours that is replaced contradicts nothing
    payload = json.dumps({"meta": meta, "ld": ld}, ensure_ascii=False).encode()
    return payload, () if _record(before) else contradicted


def read(payload: bytes | None) -> Reading | None:
    """What the fields say, whoever wrote them; None: there are none."""
    if payload is None:
        return None
    data = _object(payload)
    meta, ld = data["meta"], data["ld"]
    facts = []
    for place, value in (("meta", meta.get(SOURCE_TYPE)), ("json-ld", ld.get(SOURCE_TYPE))):
        name = str(value or "").rpartition("/")[2].removesuffix("DigitalSource")
        if name[:1].lower() + name[1:] in AI_SOURCE_TYPES:
            facts.append(Fact("label.ai", Level.SUCCESS, "native", f"{place} {SOURCE_TYPE}: {name}"))
    record = _record(data)
    if record is not None:
        facts.append(Fact("label.ai", Level.SUCCESS, "native", RECORD))
    elif RECORD in meta:
        facts.append(Fact("record.malformed", Level.FAILURE, "native", "our record is no JSON object"))
    status = Status.PRESENT if facts else Status.ABSENT
    return Reading((Mark("native", status),), tuple(facts), record=record)


def _object(payload: bytes) -> dict[str, dict[str, Any]]:
    data = _parsed(payload)
    return {key: value if isinstance(value := data.get(key), dict) else {} for key in ("meta", "ld")}


def _parsed(text: object) -> dict[str, Any]:
    try:
        data = json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _record(data: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    more = data.get("ld", {}).get("additionalProperty")
    inside = more.get("value") if isinstance(more, dict) and more.get("propertyID") == RECORD else None
    return _parsed(data.get("meta", {}).get(RECORD)) or _parsed(inside) or None
