"""Plain texts, one for each way they can differ."""

from __future__ import annotations

from collections.abc import Callable

KAZAKH = (
    "Қазақстанда көктем ерте келеді. Үйдің жанындағы өзен тасып, құстар әндетеді.\n"
    "Ғалымдар ұзақ жылдар бойы осы аңыздың мәнін іздеді, бірақ таба алмады.\n"
)
RUSSIAN = "Весна в степи приходит рано. Река разливается, и птицы возвращаются домой.\nСнег тает быстро.\n"
STORE = b"\0\0\0\x1ejumb stands for a manifest store"


def wrapped() -> bytes:
    from labeler.media import text_wrapper

    return KAZAKH.encode() + text_wrapper.encode(STORE)


VARIANTS: dict[str, Callable[[], bytes]] = {
    "utf-8": lambda: KAZAKH.encode(),
    "ascii-no-end": lambda: b"One line",
    "crlf": lambda: KAZAKH.replace("\n", "\r\n").encode(),
    "cr": lambda: KAZAKH.replace("\n", "\r").encode(),
    "mixed-ends": lambda: b"a\r\nb\nc\rd\n\n\r\n",
    "bom": lambda: b"\xef\xbb\xbf" + KAZAKH.encode(),
    "utf-16-le": lambda: b"\xff\xfe" + KAZAKH.encode("utf-16-le"),
    "utf-16-be": lambda: b"\xfe\xff" + (KAZAKH + "\U0001f600").encode("utf-16-be"),
    "cp1251": lambda: RUSSIAN.encode("cp1251"),
    "koi8-r": lambda: RUSSIAN.encode("koi8-r"),
    "kz1048": lambda: KAZAKH.encode("kz1048"),
    "pt154": lambda: KAZAKH.encode("ptcp154"),
    "unknown": lambda: (
        "Żółć i gęśla jaźń — über naïve façades\n".encode("iso8859-2", "replace") + b"\xe9\xa1\n"
    ),
    "nfd": lambda: "й ё: nai\u0308ve\n".encode(),
    "long": lambda: KAZAKH.encode() * 60,
    "long-no-end": lambda: (KAZAKH * 60).rstrip().encode(),
    "empty-lines": lambda: b"\n\n\n",
    "wrapped": wrapped,
}
