"""Who signed, when, and who vouches for that: c2pa asked for one purpose at a time.

c2pa 0.91 takes lists of several kinds but believes each of them about everything: an authority for time-stamps also
vouches for signers, and the other way round. It calls every time-stamp of a claim v1 trusted without looking.
So signers, time and named identities are each validated with the lists of that purpose alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labeler.facts import Fact, Level
from labeler.signing.trust import Anchors, Purpose, TrustList

_SIGNER = {
    "signingCredential.untrusted": "c2pa.signer.untrusted",
    "signingCredential.expired": "c2pa.signer.expired",
    "signingCredential.invalid": "c2pa.signer.unsuitable",
    "signingCredential.revoked": "c2pa.signer.revoked",
    "signingCredential.ocsp.revoked": "c2pa.signer.revoked",
}
SIGNER_CODES = frozenset(_SIGNER)
_DEFECTS = frozenset({"timeStamp.malformed", "timeStamp.outsideValidity"})
_LIST = re.compile(
    r"(?:found in \[|trust list: )(\d+)(?:\] trust anchors)?$"
)  # before it: names from the file
_IDENTITY, _ELSEWHERE = "cawg.identity", "cawg.ica.did_unavailable"

Codes = Mapping[str, Mapping[str, str]]  # level -> code -> explanation
Ask = Callable[[Purpose, bool], Mapping[str, Any]]
"""What c2pa says of the same store when it knows the lists of this purpose alone; True: time-stamps are believed."""


@dataclass(frozen=True)
class Standing:
    """Facts about signer, time and named identities, and what a person wants to know of them."""

    facts: tuple[Fact, ...]
    details: dict[str, object]


def active(store: Mapping[str, Any]) -> Mapping[str, Any]:
    """The active manifest; {} where there is none."""
    manifest = (store.get("manifests") or {}).get(store.get("active_manifest") or "")
    return manifest if isinstance(manifest, dict) else {}


def codes(store: Mapping[str, Any]) -> Codes:
    """What c2pa found in the active manifest."""
    checks = (store.get("validation_results") or {}).get("activeManifest") or {}
    return {
        level: {
            str(c.get("code", "")): str(c.get("explanation", ""))
            for c in checks.get(level) or ()
            if isinstance(c, dict)
        }
        for level in ("success", "informational", "failure")
    }


def judge(kind: str, store: Mapping[str, Any], anchors: Anchors, ask: Ask) -> Standing:
    """``store`` is what c2pa said when it knew the lists of signers alone; ``kind`` is the mark's."""
    found = codes(store)
    signature = active(store).get("signature_info") or {}
    time = signature.get("time")
    stamped = _stamped(found)
    by_time: Codes = found
    list_: TrustList | None = None
    if stamped and not _legacy(found):
        # what a list of signers says of the time is nothing: ask those of time-stamp authorities
        by_time = codes(ask(Purpose.TSA, False))
        list_ = _list("timeStamp.trusted", by_time, anchors, Purpose.TSA)
        vouched = "timeStamp.trusted" in found["success"]
        if list_ and not vouched:
            found = codes(ask(Purpose.SIGNER, True))  # the signer, and a stapled OCSP answer, as of that time
        elif not list_ and vouched and "signingCredential.expired" in by_time["failure"]:
            found = {**by_time, "success": {}}  # the signer, as of now
    name = str(signature.get("issuer") or signature.get("common_name") or "") or None
    against = dict.fromkeys(ours for code, ours in _SIGNER.items() if code in found["failure"])
    signer = None if against else _list("signingCredential.trusted", found, anchors, Purpose.SIGNER)
    facts = [
        *_signer_facts(kind, found, name or "", signer, against),
        *_time_facts(kind, by_time, time, list_),
    ]
    named, persons = _identities(kind, store, anchors, ask)
    return Standing(
        (*facts, *named),
        {
            "signer": name,
            "trusted": signer is not None and not signer.own,
            "trust_list": _told(signer),
            "time": time,
            "time_trusted": None if _legacy(by_time) else list_ is not None,
            "time_authority": _authority(by_time) if stamped else None,
            "time_list": _told(list_),
            "identities": persons,
        },
    )


def _told(list_: TrustList | None) -> dict[str, object] | None:
    names = ("name", "date", "own")
    return {n: getattr(list_, n) for n in names} if list_ else None


def _list(code: str, found: Codes, anchors: Anchors, purpose: Purpose) -> TrustList | None:
    """The list that made c2pa give this code: its explanation names it by our number."""
    if (match := _LIST.search(found["success"].get(code, ""))) and int(match[1]) < len(anchors):
        list_ = anchors[int(match[1])]
        return list_ if list_.purpose is purpose else None
    return None


# ---- the signer


def _signer_facts(
    kind: str, found: Codes, name: str, list_: TrustList | None, against: Collection[str]
) -> Iterator[Fact]:
    for ours in against:
        yield Fact(ours, Level.FAILURE, kind, name)
    if list_ and list_.own:
        yield Fact("c2pa.signer.own", Level.SUCCESS, kind, name)
        return  # nobody can revoke it
    if list_:
        yield Fact("c2pa.signer.trusted", Level.SUCCESS, kind, f"{name}; {list_.title}")
    elif "signingCredential.trusted" in found["success"] and not against:  # by a list of another purpose
        yield Fact("c2pa.signer.untrusted", Level.FAILURE, kind, name)
    if "signingCredential.ocsp.notRevoked" in found["success"]:
        yield Fact("c2pa.signer.not-revoked", Level.SUCCESS, kind)
    elif "c2pa.signer.revoked" not in against:
        yield Fact("c2pa.signer.revocation-unchecked", Level.INFORMATIONAL, kind)


# ---- the time


def _stamped(found: Codes) -> bool:
    return any(code.startswith("timeStamp") for level in found.values() for code in level)


def _legacy(found: Codes) -> bool:
    """A time-stamp of a claim v1: c2pa calls it trusted, unseen."""
    return found["success"].get("timeStamp.trusted", "").startswith("legacy")


def _authority(found: Codes) -> str | None:
    """Who stamped, as the explanation of a matching imprint ends with it."""
    return found["success"].get("timeStamp.validated", "").partition(": ")[2] or None


def _time_facts(kind: str, found: Codes, time: object, list_: TrustList | None) -> Iterator[Fact]:
    seen = {code for level in found.values() for code in level}
    who = ", ".join(str(x) for x in (time, _authority(found)) if x)
    if list_:
        yield Fact("c2pa.time.trusted", Level.SUCCESS, kind, f"{who}; {list_.title}")
    elif _legacy(found):
        yield Fact("c2pa.time.unchecked", Level.INFORMATIONAL, kind, f"{who}; claim v1")
    elif "timeStamp.validated" in seen:
        yield Fact("c2pa.time.untrusted", Level.INFORMATIONAL, kind, who)
    elif "timeStamp.mismatch" in seen:
        yield Fact("c2pa.time.mismatch", Level.FAILURE, kind, "timeStamp.mismatch")
    elif defects := sorted(seen & _DEFECTS):
        yield Fact("c2pa.time.invalid", Level.FAILURE, kind, ", ".join(defects))
    elif _stamped(found):
        others = sorted(c for c in seen if c.startswith("timeStamp"))
        yield Fact("c2pa.time.untrusted", Level.INFORMATIONAL, kind, ", ".join(others))
    else:
        yield Fact("c2pa.time.absent", Level.INFORMATIONAL, kind)


# ---- persons and organisations named in the manifest (CAWG identity assertion 1.2)


def _identities(
    kind: str, store: Mapping[str, Any], anchors: Anchors, ask: Ask
) -> tuple[list[Fact], list[dict[str, object]]]:
    """Offline: a credential whose issuer's key would have to be fetched stays unchecked."""
    if not _assertions(active(store)):
        return [], []
    told = ask(Purpose.IDENTITY, False)
    found = codes(told)
    assertions = _assertions(active(told))
    names = [_named(a) for a in assertions]
    who = ", ".join(n for n in names if n)[:200]
    failures = {c for c in found["failure"] if c.startswith("cawg.")}
    defects = sorted(failures - {"cawg.x509.credential.untrusted", _ELSEWHERE})
    valid = found["success"].keys() & {"cawg.x509.signature.validated"} or (
        found["informational"].keys() & {"cawg.ica.untrusted_issuer"}
    )
    list_ = _list("cawg.x509.credential.trusted", found, anchors, Purpose.IDENTITY)
    if defects:
        fact = Fact("c2pa.identity.invalid", Level.FAILURE, kind, ", ".join(defects))
    elif list_ and len(assertions) == 1:
        fact = Fact("c2pa.identity.trusted", Level.SUCCESS, kind, f"{who}; {list_.title}")
    elif valid and _ELSEWHERE not in failures:
        fact = Fact("c2pa.identity.untrusted", Level.INFORMATIONAL, kind, who)
    else:
        fact = Fact("c2pa.identity.unchecked", Level.INFORMATIONAL, kind, who)
    state = fact.code.rpartition(".")[2]
    return [fact], [{"name": name, "state": state, "list": _told(list_)} for name in names]


def _assertions(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        a
        for a in manifest.get("assertions") or ()
        if isinstance(a, dict) and str(a.get("label", "")).split("__")[0] == _IDENTITY
    ]


def _named(assertion: Mapping[str, Any]) -> str:
    """Of a certificate its subject; of an aggregator's credential the names it lists."""
    data = assertion.get("data")
    if not isinstance(data, dict):
        return ""
    if isinstance(info := data.get("signature_info"), dict):
        return str(info.get("issuer") or info.get("common_name") or "")
    subject = data.get("credentialSubject")
    listed = (subject if isinstance(subject, dict) else data).get("verifiedIdentities")
    people = [p for p in listed if isinstance(p, dict)] if isinstance(listed, list) else []
    return ", ".join(dict.fromkeys(str(n) for p in people if (n := p.get("name") or p.get("username"))))
