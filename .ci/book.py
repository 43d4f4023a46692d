"""Builds the book of docs/ and follows every link of it: .ci/book.py MDBOOK FOLDER [ADDRESS].

A link out of docs/ is changed, for the book holds docs/ alone: to the file under ADDRESS, where the repository's host shows it, or to
plain words without ADDRESS. A link within the book that leads nowhere fails."""

import html.parser
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


class Links(html.parser.HTMLParser):
    """Where a page leads, and what it can be led to."""

    def __init__(self):
        super().__init__()
        self.leads, self.names = [], set()

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.leads.append(value)
            if name in ("id", "name") and value:
                self.names.add(value)


def inward(page, address):
    """A page whose links out of docs/ are the host's."""

    def replaced(match):
        is_picture, words, target = match.groups()
        if "://" in target or target.startswith(("#", "mailto:")):
            return match[0]
        file, _, heading = target.partition("#")
        place = (page.parent / file).resolve()
        if place.is_relative_to(ROOT / "docs"):
            return match[0]
        if is_picture or not address:
            return words
        return f"[{words}]({address}/{place.relative_to(ROOT)}{'#' + heading if heading else ''})"

    return LINK.sub(replaced, page.read_text())


def broken(book):
    """Links of the book's pages that lead nowhere in it."""
    pages = {}
    for path in book.rglob("*.html"):
        pages[path.resolve()] = links = Links()
        links.feed(path.read_text())
    for path, links in pages.items():
        # A page of the error of a server is shown at any address.
        if path.name == "404.html":
            continue
        for lead in links.leads:
            if "://" in lead or lead.startswith(("mailto:", "data:", "javascript:")):
                continue
            file, _, heading = lead.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.exists():
                yield f"{path.name}: {lead}: there is no such file"
            elif heading and target in pages and heading not in pages[target].names:
                yield f"{path.name}: {lead}: there is no such heading"


def main(mdbook, folder, address=""):
    book = pathlib.Path(folder).resolve()
    with tempfile.TemporaryDirectory() as work:
        source = pathlib.Path(work, "docs")
        shutil.copytree(ROOT / "docs", source)
        for page in (ROOT / "docs").glob("*.md"):
            (source / page.name).write_text(inward(page, address))
        subprocess.run([mdbook, "build", source, "--dest-dir", book], check=True)
    count = len(list(book.glob("*.html")))
    found = sorted(set(broken(book)))
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{count} pages, {len(found)} broken links")
    # The page of the whole book, its first one and the one of errors are beside those of the summary.
    pages = len(list((ROOT / "docs").glob("*.md"))) - 1
    return 1 if found or count < pages else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
