"""`returnsdesk bench widget`: how fast the chat appears, opens and answers on a shop's page in Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import quantiles
from typing import Annotated, Any

import typer

from returnsdesk.cli.console import AsJson, out, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.settings import load_settings

BROWSER_VARIABLE = "TEST_CHROMIUM"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ANSWER_MS = 30_000

# Chromium's own sandbox refuses to run as root, which containers are.
_FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_TAG = "returns-desk-chat"

# Notes the moment at which the button is on the page, before any other script runs.
_WATCH = f"""
new MutationObserver((_, observer) => {{
  if (!document.querySelector("{_TAG}")) return;
  window.shownAt = performance.now();
  observer.disconnect();
}}).observe(document, {{ childList: true, subtree: true }});
"""

_LAUNCHER_MS = """() => {
  const file = performance.getEntriesByType("resource").find((each) => each.name.endsWith("/widget.js"));
  return { launcher_ms: window.shownAt - file.responseEnd, file_ms: file.duration, file_bytes: file.transferSize };
}"""

_OPEN_MS = f"""async () => {{
  const begun = performance.now();
  document.querySelector("{_TAG}").shadowRoot.querySelector(".launcher").click();
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  return {{ open_ms: performance.now() - begun }};
}}"""

_REPLY_MS = f"""async (text) => {{
  const root = document.querySelector("{_TAG}").shadowRoot;
  const replies = () => root.querySelectorAll(".message.assistant").length;
  const before = replies();
  const begun = performance.now();
  root.querySelector("textarea").value = text;
  root.querySelector("form").requestSubmit();
  await new Promise((resolve) => {{
    const observer = new MutationObserver(() => replies() > before && (observer.disconnect(), resolve()));
    observer.observe(root.querySelector(".log"), {{ childList: true }});
  }});
  return {{ reply_ms: performance.now() - begun }};
}}"""

_BYTES = """() => ({
  opened_bytes: performance.getEntriesByType("resource")
    .filter((each) => new URL(each.name).pathname.startsWith("/api/") || each.name.includes("login-token"))
    .reduce((sum, each) => sum + each.transferSize, 0),
})"""

_TITLES = {
    "file_ms": "file loaded (ms)",
    "launcher_ms": "loaded to button (ms)",
    "open_ms": "click to open (ms)",
    "reply_ms": "sent to first reply (ms)",
    "file_bytes": "file (bytes)",
    "opened_bytes": "opening (bytes)",
}

app = typer.Typer(add_completion=False)


@app.command()
def bench_widget(
    rounds: Annotated[int, typer.Option(min=2, help="Visits, each by a new visitor.")] = 20,
    url: Annotated[str, typer.Option(help="Page with the chat; the demo shop's without.")] = "",
    text: Annotated[str, typer.Option(help="What is sent.")] = "Hello",
    as_json: AsJson = False,
) -> None:
    """Time until the chat's button is there, until the chat is open and until the first reply.

    Needs a running product (`returnsdesk up`) and a Chromium.
    """
    page_url = url or f"http://127.0.0.1:{load_settings().desk_port}/shop"
    with _browser() as browser:
        visits = [_visit(browser, page_url, text) for _ in range(rounds)]
    rows = [
        {
            "measure": name,
            "p50": _percentile(visits, name, 50),
            "p95": _percentile(visits, name, 95),
        }
        for name in _TITLES
    ]
    if as_json:
        write_json({"url": page_url, "rounds": rounds, "rows": rows})
        return
    result = table(
        f"{rounds} visits to {page_url}", "measure", "p50", "p95", numbers=("p50", "p95")
    )
    for row in rows:
        result.add_row(_TITLES[str(row["measure"])], str(row["p50"]), str(row["p95"]))
    out.print(result)


@contextmanager
def _browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise CommandError("this needs playwright, which `make env` installs") from None
    names = [os.environ.get(BROWSER_VARIABLE) or "", *BROWSERS]
    program = next((path for name in names if name and (path := shutil.which(name))), None)
    if program is None:
        raise CommandError(f"no Chromium was found; set {BROWSER_VARIABLE} to its program")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield browser
        browser.close()


def _visit(browser: Any, url: str, text: str) -> dict[str, float]:
    """One visit with an empty cache."""
    from playwright.sync_api import Error

    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(ANSWER_MS)
    page = context.new_page()
    page.add_init_script(_WATCH)
    try:
        page.goto(url)
        page.wait_for_function("window.shownAt !== undefined")
        measured: dict[str, float] = page.evaluate(_LAUNCHER_MS)
        with page.expect_response(lambda response: response.url.endswith("/api/session")):
            measured.update(page.evaluate(_OPEN_MS))
        measured.update(page.evaluate(_REPLY_MS, text))
        measured.update(page.evaluate(_BYTES))
    except Error as error:
        raise CommandError(f"{url}: {str(error).splitlines()[0]}") from None
    finally:
        context.close()
    return measured


def _percentile(visits: list[dict[str, float]], name: str, percent: int) -> float:
    values = [visit[name] for visit in visits]
    return round(quantiles(values, n=100, method="inclusive")[percent - 1], 1)
