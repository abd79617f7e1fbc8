"""Whole files as each generator writes them, in its variations; whole files that only look like it; prompts stay private."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from labeler.cli import main
from pictures import encode, photo
from PIL import Image
from test_evidence import A1111, IMAGE_TO_IMAGE, TEXT_TO_IMAGE
from test_exif import ASCII, UNDEFINED, tiff
from test_pixels import hidden, saved

import labeler
from labeler import media, reports
from labeler.marks import xmp
from labeler.media import Slot

SECRET = "құпия сұрау qz7361 secret prompt"  # in every prompt here; in no report
UUID = "01234567-89ab-4cde-8f01-23456789abcd"
XMP_SPACES = {
    **xmp.PREFIXES,
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
}
Texts = list[tuple[str, str]]
Tags = dict[str, str | bytes]


def png(texts: Texts, kind: str = "tEXt", size: tuple[int, int] = (64, 48)) -> bytes:
    """A PNG with these texts in chunks of that kind, in UTF-8."""
    bare, chunks = saved(Image.linear_gradient("L").resize(size).convert("RGB")), b""
    for key, text in texts:
        raw = text.encode()
        body = (
            key.encode()
            + {
                "tEXt": b"\0" + raw,
                "zTXt": b"\0\0" + zlib.compress(raw),
                "iTXt": b"\0\0\0\0\0" + raw,
                "packed": b"\0\1\0kk\0\0" + zlib.compress(raw),
            }[kind]
        )
        name = b"iTXt" if kind == "packed" else kind.encode()
        chunks += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return bare[:33] + chunks + bare[33:]


def with_slot(kind: str, slot: Slot, payload: bytes) -> bytes:
    out = io.BytesIO()
    media.load(kind).splice(io.BytesIO(encode(kind, 64, 48)), out, {slot: payload})
    return out.getvalue()


NUMBERS = {"DocumentName": 0x10D, "ImageDescription": 0x10E, "Make": 0x10F, "Model": 0x110, "Software": 0x131, "Artist": 0x13B}  # fmt: skip


def exif(kind: str, order: str, tags: Tags, *, first: bool = False) -> bytes:
    """A file with these tags; ``first``: UserComment stands in IFD0, where some put it."""
    raw = {k: v.encode() + b"\0" if isinstance(v, str) else v for k, v in tags.items()}
    main = [(NUMBERS[k], ASCII, v) for k, v in raw.items() if k != "UserComment"]
    comment = [(0x9286, UNDEFINED, v) for k, v in raw.items() if k == "UserComment"]
    block = tiff(order, sorted([*main, *comment])) if first else tiff(order, sorted(main), comment)
    return with_slot(kind, Slot.EXIF, block)


def with_xmp(kind: str, properties: Tags, *, attributes: bool = False) -> bytes:
    spaces = " ".join(f'xmlns:{k}="{v}"' for k, v in XMP_SPACES.items())
    told = {k: escape(str(v), {'"': "&quot;", "\n": "&#10;"}) for k, v in properties.items()}
    if attributes:
        inside = " ".join(f'{k}="{v}"' for k, v in told.items())
        body = f'<rdf:Description rdf:about="" {spaces} {inside}/>'
    else:
        inside = "".join(f"<{k}>{v}</{k}>" for k, v in told.items())
        body = f'<rdf:Description rdf:about="" {spaces}>{inside}</rdf:Description>'
    return with_slot(kind, Slot.XMP, f'<rdf:RDF xmlns:rdf="{xmp.RDF}">{body}</rdf:RDF>'.encode())


# What generators write

INFOTEXTS = {
    "A1111": "{p}\nNegative prompt: fog\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1, Size: 512x768, Model hash: 0123abcd45, Model: m, Version: v1.9.4",
    "no negative prompt": "{p}\nSteps: 1, Sampler: Euler a, CFG scale: 1.0, Seed: 4294967295, Size: 64x48",
    "no prompt": "Steps: 30, Sampler: Heun, Seed: 7",
    "Forge": "{p}\nSteps: 4, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 3, Size: 896x1152, Model: flux1-dev, Version: f2.0.1v1.10.1-previous-669",
    "SD.Next": "{p}\nSteps: 20| Size: 512x512 | Sampler: x\nSteps: 25, Size: 1024x1024, Sampler: UniPC, Seed: 9, CFG scale: 6, App: SD.Next, Version: abc1234",
    "Civitai": "{p}\nNegative prompt: \nSteps: 25, Sampler: Undefined, CFG scale: 7.0, Seed: 1, Size: 832x1216, Clip skip: 2, Civitai resources: [{{\"type\":\"checkpoint\"}}]",
    "stable-diffusion.cpp": "{p}\nSteps: 20, CFG scale: 7.0, Guidance: 3.5, Eta: 0.0, Seed: 42, Size: 512x512, Model: m.gguf, RNG: cuda, Sampler: euler, Version: stable-diffusion.cpp",
    "Windows' lines": "{p}\r\nNegative prompt: fog\r\nSteps: 20, Sampler: DDIM, CFG scale: 7, Seed: 1\r\n",
    "huge": "{p} " + "маяк, " * 60_000 + "\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x48",
}  # fmt: skip
GRAPH = json.loads(TEXT_TO_IMAGE)
for _node in GRAPH.values():
    _node["inputs"]["text"] = SECRET
PLAIN = {"prompt": SECRET, "negative_prompt": "fog", "seed": 1, "steps": 20}


def texts() -> Iterator[tuple[str, Texts, str]]:
    """Name, texts of a PNG, and the catalogue's entry."""
    for name, text in INFOTEXTS.items():
        yield name, [("parameters", text.format(p=SECRET))], "a1111"
    swarm = {"sui_image_params": {**PLAIN, "swarm_version": "0.9.6.1"}, "sui_extra_data": {"date": "x"}}
    yield "SwarmUI", [("parameters", json.dumps(swarm, indent=2))], "swarmui"
    yield "SwarmUI, other order", [("parameters", json.dumps(dict(reversed(swarm.items()))))], "swarmui"
    yield "Fooocus", [("fooocus_scheme", "fooocus"), ("parameters", json.dumps(PLAIN))], "fooocus"
    yield (
        "Fooocus, one text",
        [("parameters", json.dumps({**PLAIN, "metadata_scheme": "fooocus", "version": "Fooocus v2.3.1"}))],
        "fooocus",
    )
    yield (
        "RuinedFooocus",
        [("parameters", json.dumps({"Prompt": SECRET, "software": "RuinedFooocus"}))],
        "ruined-fooocus",
    )
    yield (
        "Space",
        [("parameters", json.dumps({**PLAIN, "resolution": "1024 x 1024", "Model": {"Model": "m"}}))],
        "huggingface-space",
    )
    yield (
        "ComfyUI",
        [("prompt", json.dumps(GRAPH)), ("workflow", '{"last_node_id": 9, "nodes": [{"type": "KSampler"}]}')],
        "comfyui",
    )
    yield (
        "ComfyUI, workflow first",
        [
            ("workflow", '{"nodes": [{"type": "KSampler"}]}'),
            ("prompt", json.dumps(GRAPH, ensure_ascii=False, indent=1)),
        ],
        "comfyui",
    )
    yield "ComfyUI, image to image", [("prompt", IMAGE_TO_IMAGE.replace("photo.png", SECRET))], "comfyui"
    yield "ComfyUI, subgraph", [("prompt", json.dumps({f"12:{k}": v for k, v in GRAPH.items()}))], "comfyui"
    yield (
        "ComfyUI, huge",
        [("prompt", json.dumps({**GRAPH, "x": {"class_type": "Note", "inputs": {"text": "ә" * 300_000}}}))],
        "comfyui",
    )
    yield (
        "InvokeAI",
        [
            ("invokeai_metadata", json.dumps({"app_version": "5.4.2", "positive_prompt": SECRET})),
            ("invokeai_graph", '{"nodes": {}}'),
        ],
        "invokeai",
    )
    yield "InvokeAI, workflow", [("invokeai_workflow", json.dumps({"name": SECRET, "nodes": []}))], "invokeai"
    yield (
        "InvokeAI 2",
        [
            ("Dream", f'"{SECRET}" -s 50 -S 3054592274 -W 512 -H 512 -C 7.5 -A k_lms'),
            ("sd-metadata", json.dumps({"model": "stable diffusion", "image": {"prompt": SECRET}})),
        ],
        "invokeai-2",
    )
    yield "lstein", [("Dream", f'"{SECRET}" -s30 -b1 -W512 -H512 -C7.5 -Addim -S42')], "invokeai-2"
    for version in (
        "NovelAI Diffusion V3 C1E1DE52",
        "NovelAI Diffusion V4.5 4BDE2A90",
        "Stable Diffusion 1D44365E",
        "Stable Diffusion XL 9CC2F394",
    ):
        yield (
            version,
            [
                ("Title", "NovelAI generated image"),
                ("Description", SECRET),
                ("Software", "NovelAI"),
                ("Source", version),
                ("Comment", json.dumps(PLAIN)),
            ],
            "novelai",
        )
    yield (
        "NovelAI, only its source",
        [("Description", SECRET), ("Source", "NovelAI Diffusion V4 37442FCA")],
        "novelai",
    )
    yield (
        "Stability Matrix",
        [
            ("parameters-json", json.dumps({"PositivePrompt": SECRET, "Sampler": {"Name": "euler"}})),
            ("smproj", '{"Version": 4, "ProjectType": "Flux", "State": {}}'),
        ],
        "stability-matrix",
    )
    yield (
        "Tensor.Art",
        [("generation_data", json.dumps({**PLAIN, "cfgScale": 7, "models": []}) + "\0")],
        "tensor-art",
    )
    yield (
        "Easy Diffusion",
        [("prompt", SECRET), ("use_stable_diffusion_model", "sd-v1-4"), ("seed", "1")],
        "easy-diffusion",
    )
    yield (
        "Easy Diffusion, old",
        [("Prompt", SECRET), ("Stable Diffusion model", "models\\sd-v1-4.ckpt")],
        "easy-diffusion",
    )
    for options in ("--v 5.2", "--ar 16:9 --niji 6", "--stylize 250 --v 7 --raw", ""):
        yield (
            f"Midjourney {options}",
            [("Description", f"{SECRET} {options} Job ID: {UUID}"), ("Author", "u")],
            "midjourney",
        )
    yield "Luma", [("Source", "Luma AI"), ("Comment", "Generated by Luma AI's Uni-1 model")], "luma"


def comments() -> Iterator[tuple[str, Tags, str]]:
    """Name, tags of an EXIF block (UserComment as text), and the catalogue's entry."""
    for name, text in INFOTEXTS.items():
        if name != "huge":  # more than a JPEG segment takes
            yield name, {"UserComment": text.format(p=SECRET)}, "a1111"
    yield "SwarmUI", {"UserComment": json.dumps({"sui_image_params": PLAIN})}, "swarmui"
    yield "Fooocus", {"UserComment": json.dumps(PLAIN), "Software": "Fooocus v2.5.5"}, "fooocus"
    yield "ComfyUI", {"UserComment": json.dumps({"prompt": GRAPH, "workflow": {}})}, "comfyui"
    yield "ComfyUI, bare", {"UserComment": json.dumps(GRAPH)}, "comfyui"
    yield (
        "ComfyUI, model",
        {"Model": "prompt:" + json.dumps(GRAPH), "Make": 'workflow:{"nodes": []}'},
        "comfyui",
    )
    yield "ComfyUI, description", {"ImageDescription": "Prompt: " + json.dumps(GRAPH)}, "comfyui"
    yield (
        "NovelAI",
        {"Software": "NovelAI Diffusion V4.5 C02D4F98", "UserComment": json.dumps(PLAIN)},
        "novelai",
    )
    yield (
        "NovelAI, document",
        {"DocumentName": "NovelAI generated image", "ImageDescription": SECRET},
        "novelai",
    )
    yield "DALL-E 2", {"UserComment": "Made with OpenAI Labs"}, "dall-e-2"
    yield "Civitai", {"Artist": "ai", "Software": UUID, "UserComment": SECRET}, "civitai"
    signature = "Signature: " + "QUJD" * 30
    yield "Grok", {"ImageDescription": signature, "Artist": UUID, "UserComment": signature}, "grok"
    yield "Ideogram", {"Make": "Ideogram AI", "ImageDescription": SECRET}, "ideogram"
    yield "Aphrodite", {"Make": "Aphrodite AI", "Software": "Aphrodite AI v1.0"}, "aphrodite"
    yield "Reve", {"Software": "reve.com"}, "reve"
    yield (
        "Doubao",
        {"UserComment": json.dumps({"aigc_info": {"aigc_label_type": 1}, "data": {"product": "doubao"}})},
        "bytedance",
    )


SEVERAL = {"fooocus": {"a1111"}, "novelai": {"comfyui"}}  # what else may speak beside them
TEXTS, COMMENTS = list(texts()), list(comments())
CODES = {
    "ASCII": ("<", lambda t: b"ASCII\0\0\0" + t.encode()),
    "UTF-16 big": (">", lambda t: b"UNICODE\0" + t.encode("utf-16-be")),
    "UTF-16 little in a big block": (">", lambda t: b"UNICODE\0" + t.encode("utf-16-le")),
    "UTF-16 with a mark": ("<", lambda t: b"UNICODE\0" + t.encode("utf-16")),
    "no code": ("<", lambda t: bytes(8) + t.encode()),
    "none at all": (">", lambda t: t.encode()),
}


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "packed"])
@pytest.mark.parametrize(("name", "texts", "source"), TEXTS, ids=[t[0] for t in TEXTS])
def test_png(kind: str, name: str, texts: Texts, source: str) -> None:
    report = labeler.verify(png(texts, kind))
    assert report.verdict == "unlabelled"
    assert [(e.source, e.strength) for e in report.evidence] == [(source, "strong")]
    assert "qz7361" not in json.dumps(report.to_dict(), ensure_ascii=False)


@pytest.mark.parametrize("kind", ["jpeg", "webp", "png"])
@pytest.mark.parametrize(("name", "tags", "source"), COMMENTS, ids=[c[0] for c in COMMENTS])
def test_exif(kind: str, name: str, tags: Tags, source: str) -> None:
    for code, (order, written) in CODES.items():
        block = {k: written(v) if k == "UserComment" else v for k, v in tags.items()}
        for first in (False, True):
            report = labeler.verify(exif(kind, order, block, first=first))
            assert report.verdict == "unlabelled", (code, first)
            assert [e.source for e in report.evidence] == [source], (code, first)
            assert "qz7361" not in json.dumps(report.to_dict(), ensure_ascii=False)
        if "UserComment" not in tags:
            break


@pytest.mark.parametrize("kind", ["jpeg", "webp", "png", "svg"])
@pytest.mark.parametrize("attributes", [False, True])
@pytest.mark.parametrize(
    ("properties", "source"),
    [
        ({"xmp:CreatorTool": "Draw Things 1.20"}, "draw-things"),
        ({"exif:UserComment": json.dumps({"c": SECRET, "uc": "", "sampler": "DPM++"})}, "draw-things"),
        (
            {"dc:description": f"{SECRET}\n-fog\nSteps: 8, Sampler: UniPC, Guidance Scale: 1.0, Seed: 4"},
            "draw-things",
        ),
        ({"photoshop:Credit": "Apple Image Playground"}, "apple"),
        ({"xmp:CreatorTool": "reve.com"}, "reve"),
    ],
    ids=range(5),
)
def test_xmp(kind: str, attributes: bool, properties: Tags, source: str) -> None:
    report = labeler.verify(with_xmp(kind, properties, attributes=attributes))
    assert report.verdict == "unlabelled" and [e.source for e in report.evidence] == [source]
    assert "qz7361" not in json.dumps(report.to_dict(), ensure_ascii=False)


@pytest.mark.parametrize(
    "name", ["AISystemUsed", "AISystemVersionUsed", "AIPromptInformation", "AIPromptWriterName"]
)
def test_iptc_disclosures_are_labels(name: str) -> None:
    report = labeler.verify(with_xmp("jpeg", {f"Iptc4xmpExt:{name}": SECRET if "Prompt" in name else "M 1"}))
    assert report.verdict == "incomplete" and "label.ai" in {f.code for f in report.facts}
    assert "qz7361" not in json.dumps(report.to_dict(), ensure_ascii=False)


@pytest.mark.parametrize(
    ("producer", "name"),
    [("001191110102MACQD9K64010000", "Doubao"), ("00119144030008867405X200000", "Jimeng"), ("kling", "Kling"), ("MiniMax", "Hailuo")],
)  # fmt: skip
def test_producers_in_china_are_named(producer: str, name: str) -> None:
    label = json.dumps({"Label": "1", "ContentProducer": producer, "ProduceID": "1"})
    (mark,) = (m for m in labeler.verify(with_xmp("jpeg", {"TC260:AIGC": label})).marks if m.kind == "tc260")
    assert str(mark.details["generator"]).startswith(name)
    other = json.dumps({"Label": "1", "ContentProducer": "stockling", "ProduceID": "1"})
    (mark,) = (m for m in labeler.verify(with_xmp("jpeg", {"TC260:AIGC": other})).marks if m.kind == "tc260")
    assert "generator" not in mark.details


# What people and other programs write


def innocent() -> Iterator[tuple[str, bytes]]:
    for name, texts in {
        "a recipe": [("Comment", "Steps: 20, Seed: poppy, Sampler: three kinds\nSeed: 5"), ("parameters", "Steps: 4, oven: 180")],
        "a scanner": [("parameters", json.dumps({"exposure": 0.5, "gain": 2, "prompt": False, "steps": 4}))],
        "a microscope": [("parameters", "steps: 20, sampler: slit, seed: 1"), ("Software", "Fiji")],
        "notes": [("prompt", "Draw a lighthouse"), ("seed", "5"), ("steps", "20"), ("workflow", "scan, crop, archive")],
        "a chart": [("Title", "NovelAI, Midjourney and DALL-E compared"), ("Source", "Our own poll"), ("Software", "Matplotlib 3.10")],
        "a print order": [("Description", "Poster A2, Job ID: 4711-22"), ("Author", "Print shop")],
        "a do-not-train wish": [("Comment", "ai_generative_training=notAllowed; noai, noimageai")],
        "dvc": [("sd-metadata", json.dumps({"model": "SD card", "app_id": "photorec"})), ("Dream", '"I have a dream" - 1963')],
        "an empty graph": [("prompt", "{}"), ("workflow", '{"nodes": []}'), ("invokeai_metadata", "null")],
        "a guide": [("Comment", A1111), ("Description", 'Set {"3": {"class_type": "KSampler"}} and sui_image_params')],
    }.items():  # fmt: skip
        for kind in ("tEXt", "zTXt", "iTXt"):
            yield f"{name}, {kind}", png(texts, kind)
    camera: Tags = {
        "Make": "Canon",
        "Model": "EOS R5",
        "Software": "Adobe Photoshop Lightroom Classic 15.0 (AI Denoise)",
    }
    for name, tags in {
        "a camera": {**camera, "Artist": "Ai Weiwei", "UserComment": b"ASCII\0\0\0" + b" " * 60},
        "a walk": {"UserComment": b"ASCII\0\0\0Steps: 12000, Distance: 8 km, Seed: none"},
        "a gardener": {"ImageDescription": "Three Steps: 1, sow the Seed: tomato", "Artist": UUID},
        "a signature": {"ImageDescription": "Signature: A. Kunanbaiuly", "Artist": UUID},
        "an asset manager": {"Software": UUID, "Artist": "AI Studio Almaty"},
        "Topaz": {"Software": "Topaz Photo AI 3.5", "Make": "NIKON CORPORATION"},
        "a reader of prompts": {"Software": "SD Prompt Reader 1.3.5", "UserComment": b"UNICODE\0" + "Қайдан алдық: Made with OpenAI Labs".encode("utf-16-be")},
        "an app in China": {"UserComment": b"ASCII\0\0\0" + json.dumps({"aigc_info": {"aigc_label_type": 0}, "data": {"product": "retouch", "exportType": "edit"}}).encode()},
        "a phone": {"Make": "samsung", "Model": "Galaxy S25", "UserComment": b"ASCII\0\0\0" + json.dumps({"genAIType": 8}).encode()},
    }.items():  # fmt: skip
        for kind in ("jpeg", "webp", "png"):
            yield f"{name}, {kind}", exif(kind, "<>"[kind == "png"], tags)
    for name, properties in {
        "denoised": {"xmp:CreatorTool": "Adobe Photoshop Lightroom 9.1", "xmp:Label": "EnhanceDenoiseAlreadyApplied"},
        "do not train": {"Iptc4xmpExt:DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture", "dc:rights": "No AI training: trainedAlgorithmicMedia, plus:DataMining"},
        "procedural": {"Iptc4xmpExt:DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"},
        "guidance": {"dc:description": "Write http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia into DigitalSourceType"},
        "credit": {"photoshop:Credit": "Photo: Apple Photos user", "xmp:CreatorTool": "Drawing Things"},
        "an agency": {"Iptc4xmpExt:DigImageGUID": "20C48E6D2F1B4C0E8A5D", "dc:creator": "Claude Monet"},
    }.items():  # fmt: skip
        for kind in ("jpeg", "png", "svg"):
            yield f"{name}, {kind}", with_xmp(kind, properties)
    chunk = png([("prompt", TEXT_TO_IMAGE)])[33:-12]
    for kind in ("png", "jpeg", "webp"):
        yield f"a chunk behind the end, {kind}", encode(kind, 64, 48) + chunk
    out = io.BytesIO()
    photo(300, 300).save(out, "JPEG", comment=b"class_type workflow tEXtparameters Steps")
    yield "a comment", out.getvalue()
    # the alpha of a shadow, and pictures without noise
    yield (
        "a shadow",
        saved(Image.merge("RGBA", (*photo(300, 300).split(), Image.linear_gradient("L").resize((300, 300))))),
    )
    yield "flat", saved(Image.new("RGBA", (512, 512), (10, 20, 30, 254)))


INNOCENT = list(innocent())


@pytest.mark.parametrize("file", [f for _, f in INNOCENT], ids=[n for n, _ in INNOCENT])
def test_nobody_is_accused(file: bytes) -> None:
    report = labeler.verify(file, depth="deep")
    assert (report.verdict, report.evidence) == ("no-evidence", ())


def test_a_screenshot_of_an_editor_is_at_most_suspected() -> None:
    flow = '{"last_node_id": 9, "nodes": [{"id": 3, "type": "KSampler"}]}'
    for texts in ([("workflow", flow)], [("workflow", flow), ("prompt", TEXT_TO_IMAGE)]):
        assert labeler.verify(png(texts, size=(1400, 900)), depth="deep").verdict == "suspected"


# Prompts


def run(*args: str | Path, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main([str(a) for a in args])
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of each kind above, and one whose text is hidden."""
    folder = tmp_path_factory.mktemp("files")
    for n, (_, texts, _) in enumerate(TEXTS):
        (folder / f"{n}.png").write_bytes(png(texts, "iTXt"))
    for n, (_, tags, _) in enumerate(COMMENTS):
        block = {
            k: b"UNICODE\0" + str(v).encode("utf-16-be") if k == "UserComment" else v for k, v in tags.items()
        }
        (folder / f"{n}.jpg").write_bytes(exif("jpeg", ">", block))
    text = INFOTEXTS["A1111"].format(p=SECRET).encode()
    (folder / "hidden.png").write_bytes(saved(hidden.lowest(photo(300, 300), "stealth_rgbcomp", text)))
    return folder


@pytest.mark.parametrize("style", reports.FORMATS)
def test_prompts_are_in_no_report(folder: Path, style: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = run("verify", folder, "--depth", "deep", "--format", style, capsys=capsys)
    assert (style == "github" or "hidden.png" in out) and ".png" in out and "qz7361" not in out


def test_prompts_are_shown_to_those_who_ask(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--depth", "deep", "--format", "json", "--show-values")
    files = json.loads(run("verify", folder, *options, capsys=capsys))["files"]
    shown = [f for f in files if any("qz7361" in e["excerpt"] for e in f["evidence"])]
    assert len(files) == len(TEXTS) + len(COMMENTS) + 1 and len(shown) > len(files) / 2
    assert all(len(e["excerpt"]) <= 4096 and e["excerpt"].isprintable() for f in files for e in f["evidence"])


def test_show_tells_no_prompt(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run("show", folder / "0.png", capsys=capsys)
    assert "parameters: Steps: 20, Sampler" in out and "qz7361" not in out
