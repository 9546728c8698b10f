"""What the documents point to is there."""

import re
from pathlib import Path

import pytest

from tests.servers import REPO

DOCUMENTS = [REPO / "README.md", *sorted(REPO.glob("*/README.md")), *sorted(REPO.glob("docs/*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(REPO)))
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_documents_and_git_name_one_version_the_bundled_one() -> None:
    files = (*DOCUMENTS, REPO / ".gitignore", REPO / ".dockerignore")
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    named = re.findall(r'(?:--version |--more |trainer copy |!/?models/digits/|\(models/digits/|"version":)(\d+)', text)
    assert len(named) >= 10
    [version] = {int(number) for number in named}
    assert (REPO / "models" / "digits" / str(version) / "manifest.json").exists()
