"""The XMP mark: others' bytes stay, ours are exact, hostile packets are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.errors import LabelError, LimitError, UnreadableError
from labeler.label import Involvement, Label
from labeler.marks import xmp

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
IPTC = 'xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
NOTICES = {"kk": "Сурет ЖИ арқылы жасалған", "ru": "Изображение сгенерировано ИИ"}
texts = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"),
    min_size=1,
    max_size=60,
)


def wrap(body: str) -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}>{body}</rdf:RDF></x:xmpmeta>'.encode()


def label(**more: object) -> Label:
    return Label(**{"system": "Kandinsky 5", **more})


@given(texts, texts)
def test_what_is_written_is_read(system: str, value: str) -> None:
    if not system.strip():
        return
    made = Label(system=system)
    packet, replaced = xmp.write(
        None, made, {"kk": value, "ru": value}, {"label": made.to_dict(), "v": value}
    )
    read = xmp.parse(packet)
    assert read.get("Iptc4xmpExt:DigitalSourceType") == made.source_type
    assert read.get("Iptc4xmpExt:AISystemUsed") == system.strip()
    assert xmp.record(read) == {"label": made.to_dict(), "v": value}
    assert replaced == ()
    assert (
        xmp.write(packet, made, {"kk": value, "ru": value}, {"label": made.to_dict(), "v": value})[0]
        == packet
    )


def test_every_other_byte_of_a_foreign_packet_stays() -> None:
    body = (
        '<rdf:Description rdf:about="uuid:1" xmlns:q="q:/" q:a=\'1\'><q:b rdf:parseType="Resource"><q:c>2</q:c>'
        "</q:b><!-- c --><q:e/></rdf:Description>"
    )
    packet, _ = xmp.write(wrap(body), label(), NOTICES, {})
    assert body.encode() in packet
    assert packet.count(b'rdf:about="uuid:1"') == 2


def test_a_contradicting_source_type_is_replaced_and_told() -> None:
    for body in (
        f'<rdf:Description rdf:about="" {IPTC} i:DigitalSourceType="digitalCapture"/>',
        f'<rdf:Description rdf:about="" {IPTC}><i:DigitalSourceType>digitalCapture</i:DigitalSourceType></rdf:Description>',
        f'<rdf:Description rdf:about="" {IPTC}><i:DigitalSourceType rdf:resource="digitalCapture"/></rdf:Description>',
    ):
        packet, replaced = xmp.write(wrap(body), label(), NOTICES, {})
        assert replaced == ("Iptc4xmpExt:DigitalSourceType=digitalCapture",)
        assert xmp.parse(packet).values("Iptc4xmpExt:DigitalSourceType") == (label().source_type,)


def test_a_changed_label_replaces_only_ours() -> None:
    first, _ = xmp.write(
        wrap('<rdf:Description rdf:about="" xmlns:q="q:/" q:a="1"/>'), label(), NOTICES, {"n": 1}
    )
    second, _ = xmp.write(first, label(involvement=Involvement.MODIFIED), {"kk": "б"}, {"n": 2})
    read = xmp.parse(second)
    assert read.values("q:a") == ("1",) and xmp.record(read) == {"n": 2}
    assert read.values("tanba:Notice") == ("б", "б") and second.count(b"tanba:Record>") == 2


def test_an_empty_packet_is_opened() -> None:
    for rdf in (f"<rdf:RDF {RDF}/>", f"<rdf:RDF {RDF} />", f"<rdf:RDF {RDF}></rdf:RDF>"):
        packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{rdf}</x:xmpmeta>'.encode()
        made, _ = xmp.write(packet, label(), NOTICES, {"n": 1})
        assert xmp.record(xmp.parse(made)) == {"n": 1}
        assert xmp.write(made, label(), NOTICES, {"n": 1})[0] == made


def test_a_caption_of_others_is_kept() -> None:
    body = (
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
        '<rdf:li xml:lang="x-default">Steppe</rdf:li></rdf:Alt></dc:description></rdf:Description>'
    )
    packet, replaced = xmp.write(wrap(body), label(), NOTICES, {})
    assert xmp.parse(packet).values("dc:description") == ("Steppe",) and replaced == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_other_encodings_are_read(encoding: str) -> None:
    packet = wrap('<rdf:Description rdf:about="" xmlns:q="q:/" q:a="Қ"/>').decode().encode(encoding)
    assert xmp.parse(packet).values("q:a") == ("Қ",)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"<",
        b"\xff\xfe\x00",
        b"<x/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        b'<!DOCTYPE x SYSTEM "http://example.org/x.dtd"><x/>',
        wrap("<rdf:Description>&undefined;</rdf:Description>"),
    ],
)
def test_broken_packets_are_typed_errors(bad: bytes) -> None:
    with pytest.raises(UnreadableError):
        xmp.parse(bad)


def test_depth_and_count_are_bounded() -> None:
    for body in ("<a>" * 100 + "</a>" * 100, "<a/>" * 60_000):
        with pytest.raises(LimitError):
            xmp.parse(wrap(body))


@given(st.data())
def test_mutated_packets_never_surprise(data: st.DataObject) -> None:
    packet = bytearray(xmp.write(None, label(), NOTICES, {"label": label().to_dict()})[0])
    for _ in range(data.draw(st.integers(1, 4))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    try:
        xmp.record(xmp.parse(bytes(packet)))
        xmp.write(bytes(packet), label(), NOTICES, {})
    except LabelError:
        pass


def test_what_others_merged_into_our_description_stays() -> None:
    first, _ = xmp.write(None, label(), NOTICES, {"n": 1})
    merged = first.replace(
        b"  </rdf:Description>",
        b'   <dc:creator xmlns:dc="http://purl.org/dc/elements/1.1/">Aigerim</dc:creator>\n  </rdf:Description>',
    ).replace("жасалған".encode(), "жасалды".encode(), 1)
    second, _ = xmp.write(merged, label(involvement=Involvement.MODIFIED), NOTICES, {"n": 2})
    read = xmp.parse(second)
    assert read.values("dc:creator") == ("Aigerim",) and xmp.record(read) == {"n": 2}
    assert read.values("tanba:Record") and second.count(b"tanba:Record>") == 2
    assert xmp.write(second, label(involvement=Involvement.MODIFIED), NOTICES, {"n": 2})[0] == second


def test_an_attribute_inside_anothers_value_is_no_attribute() -> None:
    body = (
        f'<rdf:Description rdf:about="" xmlns:q="q:/" {IPTC} '
        "q:a=\"keep  i:DigitalSourceType='digitalCapture' as it is\" i:DigitalSourceType='digitalCapture'/>"
    )
    packet, replaced = xmp.write(wrap(body), label(), NOTICES, {})
    read = xmp.parse(packet)
    assert read.values("q:a") == ("keep  i:DigitalSourceType='digitalCapture' as it is",)
    assert read.values("Iptc4xmpExt:DigitalSourceType") == (label().source_type,) and len(replaced) == 1


def test_hostile_packets_take_linear_time() -> None:
    many = " ".join(f'q:a{i}="1"' for i in range(60_000))
    assert len(xmp.parse(wrap(f'<rdf:Description rdf:about="" xmlns:q="q:/" {many}/>')).properties) == 60_000
    empty = f"<rdf:RDF {RDF}/>" * 3000
    assert xmp.parse(f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{empty}</x:xmpmeta>'.encode()).end > 0


HISTORY = (
    f'<rdf:RDF xmlns:rdf="{xmp.RDF}"><rdf:Description rdf:about="" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" '
    'xmlns:e="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<xmpMM:History><rdf:Seq>%s</rdf:Seq></xmpMM:History><dc:format>image/png</dc:format>"
    "</rdf:Description></rdf:RDF>"
)
EVENT = {"stEvt:action": "created", "stEvt:softwareAgent": "Adobe Firefly 3"}


@pytest.mark.parametrize(
    "item",
    [
        '<rdf:li e:action="created" e:softwareAgent="Adobe Firefly 3"/>',
        '<rdf:li rdf:parseType="Resource"><e:action>created</e:action>'
        "<e:softwareAgent>Adobe Firefly 3</e:softwareAgent></rdf:li>",
        '<rdf:li><rdf:Description e:action="created" e:softwareAgent="Adobe Firefly 3"/></rdf:li>',
        '<rdf:li><rdf:Description e:action="created"><e:softwareAgent>Adobe Firefly 3</e:softwareAgent>'
        "</rdf:Description></rdf:li>",
    ],
)
def test_members_of_structures_in_every_form(item: str) -> None:
    packet = xmp.parse((HISTORY % item).encode())
    assert packet.members == tuple((f"xmpMM:History/{name}", value) for name, value in EVENT.items())
    assert packet.values("dc:format") == ("image/png",)


def test_a_structure_of_others_stays_byte_for_byte() -> None:
    item = '<rdf:li e:action="created" e:softwareAgent="Adobe Firefly 3"/>'
    packet = (HISTORY % item).encode()
    written, replaced = xmp.write(packet, label(), {}, {})
    assert packet[: packet.index(b"</rdf:RDF>")] in written and replaced == ()


def test_more_properties_replace_and_are_kept() -> None:
    name, old = "TC260:AIGC", '{"Label":"1"}'
    first, _ = xmp.write(None, label(), {}, {"a": 1}, {name: old})
    assert xmp.parse(first).values(name) == (old,)
    assert xmp.write(first, label(), {}, {"a": 1}, {name: old})[0] == first
    second, replaced = xmp.write(first, label(), {}, {"a": 1}, {name: '{"Label":"2 & 3"}'})
    assert xmp.parse(second).values(name) == ('{"Label":"2 & 3"}',) and replaced == ()
    assert xmp.write(second, label(), {}, {"a": 1}, {name: old})[0] == first
    assert xmp.parse(xmp.write(first, label(), {}, {"a": 2})[0]).values(name) == (old,)


def test_a_property_of_others_that_says_the_same_stays_where_it_is() -> None:
    theirs = (
        f'<rdf:RDF xmlns:rdf="{xmp.RDF}"><rdf:Description rdf:about="" xmlns:t="{xmp.PREFIXES["TC260"]}" '
        't:AIGC=\'{"Label":"1"}\'/></rdf:RDF>'
    ).encode()
    written, _ = xmp.write(theirs, label(), {}, {}, {"TC260:AIGC": '{"Label":"1"}'})
    assert theirs[: theirs.index(b"</rdf:RDF>")] in written
    assert xmp.parse(written).values("TC260:AIGC") == ('{"Label":"1"}',)
