"""The C2PA mark: Content Credentials written and read through c2pa-python, which is imported only here.

C2PA 2.4; what a conforming manifest needs: the conformance programme's asset rubric 0.2.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import functools
import hashlib
import importlib.util
import io
import json
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import labeler
from labeler.errors import IdentityError, LabelError, SigningError
from labeler.facts import Fact, Level, Mark, Reading, Status
from labeler.label import AI_SOURCE_TYPES, IPTC_SOURCE_TYPE, Involvement, Label
from labeler.marks import c2pa_trust
from labeler.signing import timestamp
from labeler.signing.identity import Identity
from labeler.signing.profile import PURPOSES
from labeler.signing.proof import checked
from labeler.signing.signers import KeySigner
from labeler.signing.timestamp import Authority
from labeler.signing.trust import Anchors, Purpose

ASSERTION = "kz.tanba.label"
SIDECAR_MIME = "application/c2pa"
# the extended key usages that the field signs with: claims, time, OCSP
_EKUS = (*PURPOSES, "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9")
_BROKEN = frozenset(
    {
        "assertion.dataHash.mismatch",
        "assertion.bmffHash.mismatch",
        "assertion.boxesHash.mismatch",
        "assertion.collectionHash.mismatch",
        "assertion.hashedURI.mismatch",
        "claimSignature.mismatch",
    }
)
_KINDS = {Purpose.SIGNER: "manifest", Purpose.TSA: "tsa", Purpose.IDENTITY: "cawg"}
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
# start, length: the bytes that a hash leaves out; true: it is taken over the Unicode form NFC of the others (A.8)
Hole = tuple[int, int, bool]
_MAX_MANIFESTS = 64
# assertions whose metadata may say what kind of source the asset is
_METADATA = (
    "cawg.metadata",
    "c2pa.metadata",
    "stds.iptc",
    "stds.iptc.photo-metadata",
    "stds.schema-org.CreativeWork",
)
_OURS = "tanba: "
_TRIES = 200  # signatures until a store's size settles
_ASKED = 4  # the same, where each asks an authority
_guess = 4096  # bytes of the next store: most are as large as the last
_import_lock = threading.Lock()


def _c2pa() -> ModuleType:
    """c2pa, without letting the working directory supply its native library (it would be searched first)."""
    if (module := sys.modules.get("c2pa")) and hasattr(module, "Reader"):
        return module
    with _import_lock:
        spec = importlib.util.find_spec("c2pa")
        if not spec or not spec.origin:
            raise LabelError("c2pa-python is not installed.", "Install tanba again.")
        name = {"win32": "c2pa_c.dll", "darwin": "libc2pa_c.dylib"}.get(sys.platform, "libc2pa_c.so")
        library = Path(spec.origin).resolve().parent / "libs" / name
        before = os.environ.get("C2PA_LIBRARY_NAME")
        os.environ["C2PA_LIBRARY_NAME"] = str(library)
        try:
            return importlib.import_module("c2pa")
        finally:
            if before is None:
                del os.environ["C2PA_LIBRARY_NAME"]
            else:
                os.environ["C2PA_LIBRARY_NAME"] = before


def _generator() -> dict[str, str]:
    return {"name": "Tanba", "version": labeler.__version__, "specVersion": "2.4.0"}


@dataclass(frozen=True)
class _Trust:
    """Whom one context believes: numbered lists of one purpose. ``time``: every time-stamp that fits."""

    lists: tuple[tuple[int, bytes], ...] = ()
    purpose: Purpose = Purpose.SIGNER
    time: bool = False


def _settings(trust: _Trust = _Trust()) -> dict[str, Any]:
    config = "\n".join(_EKUS) + "\n"
    settings: dict[str, Any] = {"trust_config": config}
    seen: set[bytes] = set()  # c2pa asks the lists in no order: the first that holds a certificate keeps it
    for number, pem in trust.lists:
        new = [c for c in _PEM.findall(pem) if c not in seen]
        seen.update(new)
        if new:
            settings.setdefault("anchors", []).append(
                {
                    "trust_kind": _KINDS[trust.purpose],
                    "trust_uri": str(number),
                    "trust_anchors": b"\n".join(new).decode("ascii", "replace"),
                    "trust_config": config,
                }
            )
    return {
        "trust": settings,
        "core": {
            "allowed_network_hosts": [],
            "decode_identity_assertions": trust.purpose is Purpose.IDENTITY,
        },
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_after_sign": True,
            "verify_timestamp_trust": not trust.time,
        },
        "builder": {
            "thumbnail": {"enabled": False},
            "claim_generator_info": _generator(),
            "created_assertion_labels": ["c2pa.actions", "c2pa.ai-disclosure", ASSERTION, "cawg.metadata"],
        },
    }


def _context(trust: _Trust = _Trust()) -> Any:
    return _context_of(os.getpid(), trust)


@functools.lru_cache(16)
def _context_of(process: int, trust: _Trust) -> Any:
    """c2pa's objects do not survive a fork: each process makes its own."""
    return _c2pa().Context.from_dict(_settings(trust))


@contextlib.contextmanager
def _signer(identity: Identity, tsa: str | None = None, *, fresh: bool = False) -> Iterator[Any]:
    """c2pa's signer for one signature; what an own signer raises comes out of here.

    ``tsa``: the address that c2pa asks for a time-stamp of it. ``fresh``: it will be used up.
    """
    if isinstance(identity.signer, KeySigner) and not fresh and not tsa:
        yield _signer_of(os.getpid(), identity)
        return
    trouble: list[BaseException] = []
    try:
        yield _make_signer(identity, trouble, tsa)
    except _c2pa().C2paError:
        if trouble:
            raise trouble[0] from None
        raise


@functools.lru_cache(8)
def _signer_of(process: int, identity: Identity) -> Any:
    return _make_signer(identity, [], None)


def _make_signer(identity: Identity, trouble: list[BaseException], tsa: str | None) -> Any:
    c2pa, signer = _c2pa(), identity.signer

    def sign(data: bytes) -> bytes:
        try:
            return checked(signer, data)
        except BaseException as e:  # c2pa would swallow it, Ctrl-C too
            trouble.append(e)
            return b""

    try:
        if isinstance(signer, KeySigner):
            address = tsa.encode() if tsa else None
            info = c2pa.C2paSignerInfo(signer.algorithm.encode(), signer.chain, signer.key, address)
            return c2pa.Signer.from_info(info)
        algorithm = c2pa.C2paSigningAlg[signer.algorithm.upper()]
        return c2pa.Signer.from_callback(sign, algorithm, signer.chain.decode("ascii"), tsa)
    except c2pa.C2paError as e:
        raise IdentityError(
            f"The identity {identity.name!r} cannot sign ({e}).",
            "See `label identity check` for its certificate.",
        ) from e


# ---- writing


@dataclass(frozen=True)
class Parent:
    """The asset that the new one was made from, with whatever manifest it carries."""

    data: bytes
    mime: str
    title: str
    sidecar: bytes | None = None
    hole: Hole | None = None  # where ``sidecar`` stands, if it is in the data after all


def definition(
    label: Label,
    record: Mapping[str, Any],
    *,
    title: str,
    parent: bool,
    drawn: bool,
    transcoded: bool = False,
) -> dict[str, Any]:
    """The manifest definition for this label.

    ``drawn``: a notice was added to the content just now; ``transcoded``: that took encoding it again.
    """
    agent = {"name": label.system} | ({"version": label.system_version} if label.system_version else {})
    ai: dict[str, Any] = {
        "digitalSourceType": label.source_type,
        "softwareAgent": agent,
    }
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}}
    actions: list[dict[str, Any]]
    if not parent:
        actions = [{"action": "c2pa.created", **ai}]
    elif label.involvement is Involvement.GENERATED:
        actions = [opened]
    else:
        actions = [opened, {"action": "c2pa.edited", **ai}]
    if drawn:
        actions.append(
            {
                "action": "c2pa.addedText",
                "digitalSourceType": IPTC_SOURCE_TYPE + "algorithmicMedia",
                "description": "Notice that AI was involved",
                "softwareAgent": {"name": "Tanba", "version": labeler.__version__},
                "when": label.time,
            }
        )
    if transcoded:
        actions.append({"action": "c2pa.transcoded", "when": label.time})
    metadata: dict[str, Any] = {
        "@context": {"Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"},
        "Iptc4xmpExt:DigitalSourceType": label.source_type,
        "Iptc4xmpExt:AISystemUsed": label.system,
    }
    if label.system_version:
        metadata["Iptc4xmpExt:AISystemVersionUsed"] = label.system_version
    if label.prompt:
        metadata["Iptc4xmpExt:AIPromptInformation"] = label.prompt
    disclosure = {"modelType": "c2pa.types.model", "modelName": label.system}
    out: dict[str, Any] = {
        "claim_version": 2,
        "title": title,
        "claim_generator_info": [_generator()],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": actions, "allActionsIncluded": True},
                "created": True,
            },
            {"label": "c2pa.ai-disclosure", "data": disclosure, "created": True},
            {"label": "cawg.metadata", "data": metadata, "kind": "Json", "created": True},
            {"label": ASSERTION, "data": dict(record), "kind": "Json", "created": True},
        ],
    }
    return out


def sign(
    data: bytes,
    mime: str,
    manifest: Mapping[str, Any],
    identity: Identity,
    parent: Parent | None,
    authority: Authority | None = None,
) -> bytes:
    """The asset with the manifest embedded; a manifest that was there is replaced, so pass it as ``parent``.

    c2pa reads its result back and validates signature and hashes before it returns.

    Raises:
        IdentityError: the identity cannot sign. SigningError: c2pa refuses the asset or the manifest.
        TimeStampError: ``authority`` gave no time-stamp of this signature.
    """

    def embedded(tsa: str | None) -> bytes:
        out = io.BytesIO()
        with _signer(identity, tsa) as signer:
            _builder(manifest, parent).sign(signer, mime, io.BytesIO(data), out)
        return out.getvalue()

    return _stamped(embedded, parent, authority)


def _stamped(
    make: Callable[[str | None], bytes], parent: Parent | None, authority: Authority | None
) -> bytes:
    """What ``make`` signs, given the address that c2pa asks for a time-stamp."""
    c2pa = _c2pa()
    with timestamp.relay(authority) as relay:
        try:
            return make(relay.url)
        except c2pa.C2paError as e:
            refusal = e
    if authority and relay.asked:
        # c2pa asks when all else is done; that it would sign without says who is to blame
        with contextlib.suppress(c2pa.C2paError):
            if not relay.error:
                make(None)
            raise timestamp.failure(authority, relay, refusal) from refusal
    raise _refused(refusal, parent) from refusal


def _refused(error: Exception, parent: Parent | None) -> SigningError:
    if parent:
        return SigningError(
            f"the Content Credentials that it carries cannot be taken over ({error}); nothing was written.",
            "Ask whoever signed it for a copy with a current manifest.",
        )
    return SigningError(
        f"the manifest could not be signed ({error}); nothing was written.",
        "Check the identity: `label identity check`.",
    )


def _builder(manifest: Mapping[str, Any], parent: Parent | None, context: Any = None) -> Any:
    c2pa, context = _c2pa(), context or _context()
    if parent is None:
        return c2pa.Builder(dict(manifest), context=context)
    ingredient: dict[str, Any] = {
        "title": parent.title,
        "relationship": "parentOf",
        "label": "parent",
        "format": parent.mime,
    }
    if parent.sidecar is None:
        builder = c2pa.Builder(dict(manifest), context=context)
        builder.add_ingredient(ingredient, parent.mime, io.BytesIO(parent.data))
        return builder
    # add_ingredient knows no sidecars: tell it what its own reader found
    with c2pa.Reader(parent.mime, io.BytesIO(parent.data), parent.sidecar, context=_context()) as reader:
        ingredient |= {
            "active_manifest": json.loads(reader.json())["active_manifest"],
            "validation_results": _results(reader, parent.data, parent.hole),
            "manifest_data": {"format": SIDECAR_MIME, "identifier": "parent.c2pa"},
        }
    builder = c2pa.Builder({**manifest, "ingredients": [ingredient]}, context=context)
    builder.add_resource("parent.c2pa", io.BytesIO(parent.sidecar))
    return builder


def just_signed(record: Mapping[str, Any]) -> Reading:
    """What a manifest says that `sign` has just embedded and c2pa validated."""
    facts = (
        Fact("c2pa.intact", Level.SUCCESS, "c2pa"),
        Fact("label.ai", Level.SUCCESS, "c2pa", ASSERTION),
    )
    return Reading((Mark("c2pa", Status.PRESENT),), facts, record=dict(record))


def sign_detached(
    data: bytes,
    manifest: Mapping[str, Any],
    identity: Identity,
    parent: Parent | None,
    authority: Authority | None = None,
    *,
    exclude: tuple[int, int] | None = None,
) -> bytes:
    """A manifest store over the exact bytes but ``exclude`` (start, length); the asset stays as it is.

    Raises:
        IdentityError: the identity cannot sign. SigningError: c2pa refuses the manifest.
        TimeStampError: ``authority`` gave no time-stamp of this signature.
    """

    def detached(tsa: str | None) -> bytes:
        with _signer(identity, tsa, fresh=True) as signer:
            context = _c2pa().Context.from_dict(_settings(), signer=signer)
            return _embeddable(_builder(manifest, parent, context), data, exclude)

    return _stamped(detached, parent, authority)


def sign_exact(
    embed: Callable[[bytes], tuple[bytes, int, int]],
    manifest: Mapping[str, Any],
    identity: Identity,
    parent: Parent | None,
    authority: Authority | None = None,
) -> bytes:
    """The asset with the manifest where ``embed`` puts it; its hash leaves out just the place (start, length) it names.

    Signed again until the signed store takes the room that was declared: once or twice, some ten times where the room
    depends on the bytes themselves (C2PA 2.4, A.8). An authority is asked for each signature, and so only a few times.

    Raises:
        IdentityError: the identity cannot sign. SigningError: c2pa refuses the manifest, or its size never settles.
        TimeStampError: ``authority`` gave no time-stamp of this signature.
    """
    global _guess
    store = bytes(_guess)
    for _ in range(_ASKED if authority else _TRIES):
        guess, (data, start, length) = len(store), embed(store)
        store = sign_detached(data, manifest, identity, parent, authority, exclude=(start, length))
        _guess = len(store)
        if guess == length == len(store):
            return b"".join((memoryview(data)[:start], store, memoryview(data)[start + length :]))
        if guess != length:  # the room depends on the bytes, or there is a frame around them
            data, *room = embed(store)
            if room == [start, length]:
                return data
    raise SigningError("the manifest's size does not settle; nothing was written.", "Sign with --sidecar.")


def _embeddable(builder: Any, data: bytes, exclude: tuple[int, int] | None) -> bytes:
    """c2pa's data-hash API, which c2pa-python 0.38 exports but does not wrap."""
    raw = sys.modules["c2pa.c2pa"]
    library, mime = raw._lib, SIDECAR_MIME.encode()
    buffer = ctypes.POINTER(ctypes.c_ubyte)
    update, finish = library.c2pa_builder_update_hash_from_stream, library.c2pa_builder_sign_embeddable
    update.argtypes = [ctypes.POINTER(raw.C2paBuilder), ctypes.c_char_p, ctypes.POINTER(raw.C2paStream)]
    update.restype = ctypes.c_int
    finish.argtypes = [ctypes.POINTER(raw.C2paBuilder), ctypes.c_char_p, ctypes.POINTER(buffer)]
    finish.restype = ctypes.c_int64

    def hashed(part: bytes) -> None:
        with raw.Stream(io.BytesIO(part)) as stream:
            if update(builder._handle, mime, stream._stream):
                raise raw.C2paError(raw._convert_to_py_string(library.c2pa_error()))

    if exclude:
        hashed(b"\0")  # there is nothing to leave anything out of before something was hashed
        leave_out = library.c2pa_builder_set_data_hash_exclusions
        leave_out.argtypes = [
            ctypes.POINTER(raw.C2paBuilder),
            ctypes.POINTER(ctypes.c_uint64),
            ctypes.c_size_t,
        ]
        leave_out.restype = ctypes.c_int
        if leave_out(builder._handle, (ctypes.c_uint64 * 2)(*exclude), 1):
            raise raw.C2paError(raw._convert_to_py_string(library.c2pa_error()))
    hashed(data)
    out = buffer()
    size = finish(builder._handle, mime, ctypes.byref(out))
    if size < 0:
        raise raw.C2paError(raw._convert_to_py_string(library.c2pa_error()))
    try:
        return ctypes.string_at(out, size)
    finally:
        library.c2pa_free(out)


# ---- reading


def read(
    src: BinaryIO, mime: str, anchors: Anchors, *, sidecar: bytes | None = None, hole: Hole | None = None
) -> Reading:
    """Read and validate the manifest store in ``src``, or ``sidecar`` against the bytes of ``src``.

    ``hole``: where ``sidecar`` stands in ``src`` after all, if c2pa's Reader does not find it by itself.
    Never raises for what the file holds: an unreadable store is a mark of status ``invalid`` or ``unknown``.
    """
    kind = "c2pa" if sidecar is None or hole else "sidecar"
    if sidecar == b"":
        return _unread(kind, "it is empty")

    def ask(purpose: Purpose, time: bool) -> dict[str, Any]:
        """The whole validation once more, over the same bytes: only c2pa knows which store in them it reads."""
        src.seek(0)
        try:
            return _validate(mime, src, sidecar, hole, _trust(anchors, purpose, time))
        except (_c2pa().C2paError, ValueError, RecursionError):
            return first  # it names no list of this purpose

    try:
        first = _validate(mime, src, sidecar, hole, _trust(anchors, Purpose.SIGNER))
    except (_c2pa().C2paError, ValueError, RecursionError) as e:
        return _unread(kind, str(e))
    return _interpret(kind, first, c2pa_trust.judge(kind, first, anchors, ask))


def _trust(anchors: Anchors, purpose: Purpose, time: bool = False) -> _Trust:
    return _Trust(tuple((n, a.pem) for n, a in enumerate(anchors) if a.purpose is purpose), purpose, time)


def _validate(
    mime: str, src: BinaryIO, sidecar: bytes | None, hole: Hole | None, trust: _Trust
) -> dict[str, Any]:
    with _c2pa().Reader(mime, src, sidecar, context=_context(trust)) as reader:
        store: dict[str, Any] = json.loads(reader.json())
        if hole:
            src.seek(0)
            store["validation_results"] = _results(reader, src.read(), hole)
    return store


def _told(code: str, explanation: str) -> str:
    """A code, and of the explanations those that are for people: ours."""
    return f"{code}: {explanation.removeprefix(_OURS)}" if explanation.startswith(_OURS) else code


def _results(reader: Any, data: bytes, hole: Hole | None) -> dict[str, Any]:
    """What c2pa's Reader found; with a hole, the hash of the data is checked here.

    Since 0.91 the Reader refuses every exclusion in a format that it cannot parse.
    """
    results: dict[str, Any] = reader.get_validation_results() or {}
    if not hole:
        return results
    active = results.setdefault("activeManifest", {})
    for level in ("success", "informational", "failure"):
        codes = active.get(level) or ()
        active[level] = [c for c in codes if not str(c.get("code")).startswith("assertion.dataHash.")]
    store = json.loads(reader.detailed_json())
    try:
        assertions = store["manifests"][store["active_manifest"]]["assertion_store"]
    except (KeyError, TypeError) as e:
        raise ValueError("the store holds no manifest") from e
    hashes = [value for name, value in assertions.items() if name.split("__")[0] == "c2pa.hash.data"]
    why = _unbound(data, hole, hashes)
    code = "assertion.dataHash.mismatch" if why else "assertion.dataHash.match"
    active["failure" if why else "success"].append({"code": code, "explanation": _OURS + why})
    return results


def _unbound(data: bytes, hole: Hole, hashes: Sequence[object]) -> str:
    """Why the manifest is not that of these data; "" = it is."""
    claim = hashes[0] if len(hashes) == 1 else None
    if not isinstance(claim, dict):
        return f"there are {len(hashes)} hashes of the data, not one"
    try:
        wanted = base64.b64decode(str(claim["hash"]), validate=True)
        left_out = [(int(x["start"]), int(x["length"])) for x in claim.get("exclusions") or ()]
    except (KeyError, TypeError, ValueError):
        return "the hash of the data is malformed"
    if (algorithm := str(claim.get("alg") or "sha256")) not in ("sha256", "sha384", "sha512"):
        return f"the hash {algorithm[:20]} is unknown"

    def fits(rest: bytes) -> bool:
        return hashlib.new(algorithm, rest).digest() == wanted

    at, length, normal = hole
    before, behind = data[:at], data[at + length :]
    if left_out == [(at, length)] and fits(before + behind):
        return ""
    if not normal:
        return "the data were changed"
    try:
        text = _nfc(before + behind)
        if fits(text) and text != before + behind:
            # A.8 hashes the form NFC, but its validators take the place of the manifest from the stored bytes
            return "" if left_out == [(at, length)] else "the Unicode form was changed"
    except UnicodeDecodeError:
        return "the data were changed"
    if behind and fits(_nfc(before)):
        return "text was added behind the manifest"
    if fits(text):
        return "the manifest was moved"
    for made, what in (
        (text.replace(b"\r\n", b"\n"), "line ends were changed"),
        (text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), "line ends were changed"),
        (text.rstrip(b"\r\n \t"), "white space was added at the end"),
        (text + b"\n", "the last line end was removed"),
    ):
        if fits(made):
            return what
    return "the text was changed"


def _nfc(text: bytes) -> bytes:
    return unicodedata.normalize("NFC", text.decode()).encode()


def _unread(kind: str, message: str) -> Reading:
    if message.startswith("ManifestNotFound"):
        return Reading((Mark(kind, Status.ABSENT),))
    if "remote" in message.lower():
        fact = Fact("c2pa.remote", Level.INFORMATIONAL, kind, "the manifest is elsewhere and was not fetched")
        return Reading((Mark(kind, Status.UNKNOWN, {"reason": "remote manifest, not fetched"}),), (fact,))
    fact = Fact("c2pa.malformed", Level.FAILURE, kind, message[:200])
    return Reading((Mark(kind, Status.INVALID, {"reason": message[:200]}),), (fact,))


def _interpret(kind: str, store: Mapping[str, Any], standing: c2pa_trust.Standing) -> Reading:
    manifests: Mapping[str, Any] = store.get("manifests") or {}
    active, codes = c2pa_trust.active(store), c2pa_trust.codes(store)
    broken = sorted(_BROKEN & codes["failure"].keys())
    defects = [
        Fact(f"c2pa.{code}", Level.FAILURE, kind, why[:200])
        for code, why in codes["failure"].items()
        if code not in _BROKEN | c2pa_trust.SIGNER_CODES and not code.startswith("timeStamp")
    ]
    facts = [
        Fact("c2pa.tampered", Level.FAILURE, kind, _told(code, codes["failure"][code])) for code in broken
    ]
    if not broken and "claimSignature.validated" in codes["success"]:
        facts.append(Fact("c2pa.intact", Level.SUCCESS, kind))
    facts += [*standing.facts, *defects, *_ingredients(kind, store)]
    record = None if broken else _own_record(active)
    if not broken:
        facts += _origin(kind, manifests, active)
    details = {"generator": _generator_name(active), **standing.details, "manifests": len(manifests)}
    status = Status.INVALID if broken or defects or not active else Status.PRESENT
    return Reading((Mark(kind, status, details),), tuple(facts), record=record)


def _ingredients(kind: str, store: Mapping[str, Any]) -> Iterator[Fact]:
    """Defects of what it was made from; who signed those is not asked."""
    for delta in (store.get("validation_results") or {}).get("ingredientDeltas") or ():
        for failure in (delta.get("validationDeltas") or {}).get("failure") or ():
            if (code := str(failure.get("code", ""))) not in c2pa_trust.SIGNER_CODES:
                yield Fact("c2pa.ingredient.failure", Level.INFORMATIONAL, kind, code)


def _assertions(manifest: Mapping[str, Any], label: str) -> Iterator[Mapping[str, Any]]:
    for assertion in manifest.get("assertions") or ():
        if isinstance(assertion, dict) and str(assertion.get("label", "")).split("__")[0] == label:
            data = assertion.get("data")
            if isinstance(data, dict):
                yield data


def _own_record(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    return next((dict(d) for d in _assertions(manifest, ASSERTION)), None)


def _generator_name(manifest: Mapping[str, Any]) -> str | None:
    infos = manifest.get("claim_generator_info")
    first = infos[0] if isinstance(infos, list) and infos else infos
    name = first.get("name") if isinstance(first, dict) else None
    return str(name or manifest.get("claim_generator") or "") or None


def _origin(kind: str, manifests: Mapping[str, Any], active: Mapping[str, Any]) -> Iterator[Fact]:
    """AI claims of the active manifest and of what it was made from; of components: an AI part."""
    queue: list[tuple[Mapping[str, Any], str, bool]] = [(active, "active manifest", True)]
    seen: set[int] = set()
    while queue and len(seen) < _MAX_MANIFESTS:
        manifest, where, lineage = queue.pop(0)
        if id(manifest) in seen:
            continue
        seen.add(id(manifest))
        for claim in _ai_claims(manifest):
            code = "label.ai" if lineage else "label.ai-part"
            yield Fact(code, Level.SUCCESS, kind, f"{where}: {claim}")
        for ingredient in manifest.get("ingredients") or ():
            if isinstance(ingredient, dict):
                parent = ingredient.get("relationship") == "parentOf"
                following = manifests.get(ingredient.get("active_manifest") or "")
                if isinstance(following, dict):
                    queue.append((following, "parent" if parent else "ingredient", lineage and parent))


def _ai_claims(manifest: Mapping[str, Any]) -> Iterator[str]:
    for name in ("c2pa.actions.v2", "c2pa.actions"):
        for data in _assertions(manifest, name):
            for action in data.get("actions") or ():
                if not isinstance(action, dict):
                    continue
                source = str(action.get("digitalSourceType") or "").rsplit("/", 1)[-1]
                if source in AI_SOURCE_TYPES:
                    yield f"{action.get('action')} {source}{_agent(action)}"
    if _own_record(manifest) is not None:
        yield ASSERTION
    for name in _METADATA:
        for data in _assertions(manifest, name):
            for key in ("Iptc4xmpExt:DigitalSourceType", "digitalSourceType"):
                source = str(data.get(key) or "").rsplit("/", 1)[-1]
                if source in AI_SOURCE_TYPES:
                    yield f"{name} {source}"
            if data.get("Iptc4xmpExt:AISystemUsed"):
                yield f"{name} AISystemUsed"
    if any(data.get("modelType") for data in _assertions(manifest, "c2pa.ai-disclosure")):
        yield "c2pa.ai-disclosure"
    for data in _assertions(manifest, "c2pa.ai_generated_content"):
        if data.get("ai_generated") is True:
            yield "c2pa.ai_generated_content"


def _agent(action: Mapping[str, Any]) -> str:
    agent = action.get("softwareAgent")
    name = agent.get("name") if isinstance(agent, dict) else agent
    return f" by {name}" if isinstance(name, str) else ""
