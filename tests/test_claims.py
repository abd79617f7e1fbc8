"""Content Credentials of any vendor: whose claims say AI, and whose do not. Signed with real keys, read by c2pa."""

from __future__ import annotations

from typing import Any

import pytest
from pictures import encode

import labeler
from labeler.marks import c2pa
from labeler.signing import identity

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def signed(generator: str, *assertions: tuple[str, dict[str, Any]], kind: str = "png") -> bytes:
    manifest = {
        "claim_version": 2,
        "title": "a picture",
        "claim_generator_info": [{"name": generator, "version": "1"}],
        "assertions": [{"label": name, "data": data} for name, data in assertions],
    }
    mime = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}[kind]
    return c2pa.sign(encode(kind), mime, manifest, identity.ensure(), None)


def actions(
    source: str, agent: str | None = None, action: str = "c2pa.created"
) -> tuple[str, dict[str, Any]]:
    more = {"softwareAgent": {"name": agent}} if agent else {}
    return "c2pa.actions.v2", {"actions": [{"action": action, "digitalSourceType": IPTC + source, **more}]}


CAPTURED = actions("digitalCapture")


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
@pytest.mark.parametrize(
    ("generator", "assertions"),
    [
        ("OpenAI Media Service API", [actions("trainedAlgorithmicMedia", "gpt-image")]),
        ("Google C2PA Core Generator Library", [actions("trainedAlgorithmicMedia")]),
        ("Adobe_Firefly", [actions("compositeWithTrainedAlgorithmicMedia", "Adobe Firefly")]),
        ("Microsoft_Responsible_AI", [actions("trainedAlgorithmicMedia", "Image Creator from Designer")]),
        ("Galaxy S25 c2pa-rs", [actions("compositeWithTrainedAlgorithmicMedia", "Photo assist")]),
        ("A vendor nobody knows", [actions("compositeSynthetic")]),
        ("Black Forest Labs API", [CAPTURED, ("c2pa.ai_generated_content", {"ai_generated": True})]),
        ("With metadata", [CAPTURED, ("cawg.metadata", {"@context": {"Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"}, "Iptc4xmpExt:DigitalSourceType": IPTC + "trainedAlgorithmicMedia"})]),
        ("With a system", [CAPTURED, ("cawg.metadata", {"@context": {"Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"}, "Iptc4xmpExt:AISystemUsed": "Model 1"})]),
        ("With a disclosure", [CAPTURED, ("c2pa.ai-disclosure", {"modelType": "c2pa.types.model"})]),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_a_claim_of_ai_is_a_label(kind: str, generator: str, assertions: list[Any]) -> None:
    report = labeler.verify(signed(generator, *assertions, kind=kind))
    assert report.verdict == "incomplete", report.facts  # labelled, without a notice
    assert any(f.code == "label.ai" and f.mark == "c2pa" for f in report.facts)
    (mark,) = (m for m in report.marks if m.kind == "c2pa")
    assert generator in str(mark.details["generator"])


@pytest.mark.parametrize(
    "assertions",
    [
        [CAPTURED],
        [actions("algorithmicMedia")],
        [actions("digitalCreation"), actions("algorithmicallyEnhanced", action="c2pa.edited")],
        [CAPTURED, ("cawg.training-mining", {"entries": {"cawg.ai_generative_training": {"use": "notAllowed"}, "cawg.ai_training": {"use": "notAllowed"}}})],
        [CAPTURED, ("c2pa.training-mining", {"entries": {"c2pa.ai_generative_training": {"use": "allowed"}}})],
        [CAPTURED, ("c2pa.ai_generated_content", {"ai_generated": False})],
        [CAPTURED, ("org.example.note", {"text": IPTC + "trainedAlgorithmicMedia"})],
        [CAPTURED, ("cawg.metadata", {"@context": {"dc": "http://purl.org/dc/elements/1.1/"}, "dc:description": IPTC + "trainedAlgorithmicMedia"})],
    ],
    ids=range(8),
)  # fmt: skip
def test_content_credentials_alone_say_nothing_of_ai(assertions: list[Any]) -> None:
    report = labeler.verify(signed("A camera", *assertions), depth="deep")
    assert report.verdict == "no-evidence", report.facts
    assert "c2pa.intact" in {f.code for f in report.facts}
