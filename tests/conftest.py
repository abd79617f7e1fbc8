"""Every test runs with a data directory and a configuration of its own, offline, with no LABEL_* from outside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CORPUS = Path(os.environ.get("LABEL_TEST_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))


@pytest.fixture(autouse=True, scope="session")
def _surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("LABEL_") or n.lower().endswith("_proxy")]:
            patch.delenv(name)
        patch.setenv("LABEL_DATA_DIR", str(home / "data"))
        (home / "config.toml").write_text("")
        patch.setenv("LABEL_CONFIG", str(home / "config.toml"))
        patch.setenv("LC_ALL", "C.UTF-8")
        patch.setenv("ENCYPHER_C2PA_TELEMETRY", "off")
        yield


@pytest.fixture(scope="session")
def corpus() -> Path:
    if not (CORPUS / "MANIFEST.tsv").is_file():
        pytest.skip(f"the corpus of real files is not at {CORPUS.name}/ (set LABEL_TEST_CORPUS)")
    return CORPUS


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed (`make tools`)")
        return path

    return find
