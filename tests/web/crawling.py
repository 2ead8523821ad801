"""Reads pages as a crawler does: their links, and their forms with what a browser would send."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from tests.web.conftest import Browser

STARTS = ("/", "/account", "/desk/", "/ops/")
PER_SHAPE = 2
"""Addresses of each endpoint with the same parameters."""


@dataclass
class FilledForm:
    """A form: where it leads, how it is sent, and its fields with their values."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Reader(HTMLParser):
    """Collects the links, forms and ids of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[FilledForm] = []
        self.ids: list[str] = []
        self.named: set[str] = set()
        self._select = ""
        self.feed(html)

    def wrong_ids(self) -> set[str]:
        """Ids that stand twice, and those that labels and descriptions name but nothing has."""
        return {one for one in self.ids if self.ids.count(one) > 1} | (self.named - set(self.ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids += [found["id"]] if "id" in found else []
        for name in ("for", "aria-describedby", "aria-labelledby", "aria-controls"):
            self.named |= set(found.get(name, "").split())
        self.links += [found[name] for name in ("href", "hx-get", "sse-connect") if name in found and tag != "link"]
        if tag == "form":
            self.forms.append(FilledForm(found.get("action", ""), found.get("method", "get").lower()))
        elif self.forms and "name" in found and tag in ("input", "textarea", "select", "button"):
            is_chosen = found.get("type") not in ("checkbox", "radio") or "checked" in found
            if is_chosen or found["name"] not in self.forms[-1].fields:
                self.forms[-1].fields[found["name"]] = found.get("value", "")
            self._select = found["name"] if tag == "select" else ""
        elif tag == "option" and self._select and ("selected" in found or not self.forms[-1].fields[self._select]):
            self.forms[-1].fields[self._select] = found.get("value", "")


@dataclass
class Site:
    """The pages that a browser reaches, by address, and the links that lead nowhere, each with its page."""

    app: Any
    pages: dict[str, Reader] = field(default_factory=dict)
    dead: dict[str, tuple[str, int]] = field(default_factory=dict)

    def crawl(self, browser: Browser) -> "Site":
        """Follows the links from the start pages."""
        waiting, seen = [(start, "") for start in STARTS], defaultdict[tuple[str, ...], set[str]](set)
        while waiting:
            address, parent = waiting.pop(0)
            shape = self.shape_of(address)
            if address in seen[shape] or len(seen[shape]) >= PER_SHAPE:
                continue
            seen[shape].add(address)
            answer = browser.get(address)
            if answer.status_code in (301, 302, 303, 308):
                waiting.append((urljoin(address, answer.headers["Location"]), address))
            elif answer.status_code != 200:
                self.dead[address] = parent, answer.status_code
            elif answer.mimetype == "text/html":
                page = self.pages[address] = Reader(answer.text)
                waiting += [(urljoin(address, link).partition("#")[0], address) for link in page.links if is_here(link)]
            answer.close()
        return self

    def shape_of(self, address: str) -> tuple[str, ...]:
        """The endpoint of an address, and the names of its parameters."""
        parts = urlsplit(address)
        endpoint, _ = self.app.url_map.bind("localhost").match(parts.path, return_rule=False)
        return endpoint, *sorted(parse_qs(parts.query))

    def forms(self, method: str) -> Iterator[tuple[str, FilledForm]]:
        """One form for each endpoint and its fields, with the page that it is on."""
        seen = set()
        for address, page in self.pages.items():
            for form in placed(page, address):
                if form.method == method and is_here(form.action):
                    endpoint = self.app.url_map.bind("localhost").match(urlsplit(form.action).path, method.upper())[0]
                    shape = endpoint, *sorted(form.fields)
                    if shape not in seen:
                        seen.add(shape)
                        yield address, form


def placed(page: Reader, address: str) -> list[FilledForm]:
    """The forms of a page, each with the address to which it is sent."""
    return [FilledForm(urljoin(address, form.action), form.method, form.fields) for form in page.forms]


def is_here(link: str) -> bool:
    """Whether a link leads to a page of the site, not to a file, the API's documents, or elsewhere."""
    parts = urlsplit(link)
    return not parts.netloc and parts.scheme == "" and not parts.path.startswith(("/assets/", "/docs", "/v1/"))
