"""The documentation says what is there, and what it points to exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")])
DECISIONS = CHECKOUT / "docs" / "explanation" / "adr"
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_TARGET = re.compile(r"^([a-z]+):.*## ", re.MULTILINE)


def _prose(page: Path) -> str:
    """The page without its code, in which brackets mean something else."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def _links(page: Path) -> Iterator[str]:
    for match in _LINK.finditer(_prose(page)):
        yield match[1] or match[2]


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _name(page: Path) -> str:
    return str(page.relative_to(CHECKOUT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    dead = []
    for link in _links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)
    assert not dead


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [CHECKOUT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        waiting += [
            (page.parent / link.partition("#")[0]).resolve()
            for link in _links(page)
            if not re.match(r"[a-z]+:", link)
        ]
    assert not [_name(page) for page in PAGES if page not in seen]


def test_the_readme_names_every_make_target() -> None:
    targets = _TARGET.findall((CHECKOUT / "Makefile").read_text("utf-8"))
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    assert len(targets) >= 8
    assert not [target for target in targets if f"`make {target}`" not in readme]


def test_every_make_target_that_the_docs_name_exists() -> None:
    targets = set(_TARGET.findall((CHECKOUT / "Makefile").read_text("utf-8")))
    named = {
        word
        for page in PAGES
        for code in re.findall(r"`[^`\n]+`|^    .+$", page.read_text("utf-8"), re.MULTILINE)
        for word in re.findall(r"^[` ]+make ([a-z]+)", code)
    }
    assert named
    assert named <= targets


def test_decisions_are_numbered_without_gaps_and_listed_with_their_status() -> None:
    pages = sorted(DECISIONS.glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    index = (DECISIONS / "index.md").read_text("utf-8")
    for page in pages:
        title, status = page.read_text("utf-8").split("\n\n")[:2]
        assert title.startswith(f"# {page.name[:4]}. ")
        assert re.match(r"Status: (proposed|accepted|superseded by \d{4}) · Date: \d{4}-", status)
        assert page.name in index


def test_the_readme_says_the_two_commands_and_what_windows_users_type() -> None:
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    assert "    make demo" in readme
    assert "    make test" in readme
    assert "WSL" in readme


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_pages_name_no_place_on_the_machine_that_wrote_them(page: Path) -> None:
    assert not re.search(r"(?<![\w.>])/(?:root|tmp|work/(?:main|shared))/", page.read_text("utf-8"))
