"""The pages without JupyterLab: who gets them, and what browsers are told to make of them."""

import re
from pathlib import Path

import pytest

from progress_kit.protocol import TOKEN_HEADER
from progress_kit_jupyter import page

from .conftest import BASE, Hub

ASSETS = Path(__file__).parents[2] / "jupyter_ext/labextension/src/page/assets"


@pytest.fixture(autouse=True)
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build of the pages, as far as it matters here."""
    for asset in ASSETS.iterdir():
        (tmp_path / asset.name).write_bytes(asset.read_bytes())
    (tmp_path / "page.js").write_text("export {};\n", encoding="utf-8")
    (tmp_path.parent / "secret.txt").write_text("secret", encoding="utf-8")
    monkeypatch.setattr(page, "STATIC", tmp_path)
    return tmp_path


async def test_the_page_is_for_whom_jupyter_knows(hub: Hub) -> None:
    """A login gets it, with the cookie that its requests need; others are sent to log in, those with our token too."""
    response = await hub.fetch("", headers=hub.login)
    assert response.code == 200
    assert any(cookie.startswith("_xsrf=") for cookie in response.headers.get_list("Set-Cookie"))
    stranger = await hub.fetch("")
    assert (stranger.code, stranger.headers["Location"]) == (302, "/a%40b/login?next=%2Fa%2540b%2Fprogress-kit%2F")
    assert (await hub.fetch("", headers={TOKEN_HEADER: await hub.mint("subscribe")})).code == 302
    without_slash = await hub._client.fetch(BASE, headers=hub.login, follow_redirects=False, raise_error=False)
    assert (without_slash.code, without_slash.headers["Location"]) == (302, f"{BASE}/")


async def test_a_link_of_another_site_leads_to_the_page_and_a_frame_does_not(hub: Hub) -> None:
    """To go somewhere by a link of a mail or a chat is nothing bad; to be framed or fetched by a foreign page is."""
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Referer": "http://chat.example/"}
    cookie = {"Cookie": await hub.cookie()}
    for path in ("", "share"):
        assert (await hub.fetch(path, headers={**cookie, **visit, "Sec-Fetch-Dest": "document"})).code == 200
        assert (await hub.fetch(path, headers={**cookie, **visit, "Sec-Fetch-Dest": "iframe"})).code == 403


@pytest.mark.parametrize("path", ["", "share"])
async def test_nothing_runs_in_a_page_that_is_not_a_file_of_ours(hub: Hub, path: str) -> None:
    """The policy allows scripts and styles from here alone; the page has none in itself, and nothing of the user's."""
    response = await hub.fetch(path, headers=hub.login)
    policy = response.headers["Content-Security-Policy"]
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy.split("; "))
    assert response.headers["Referrer-Policy"] == "no-referrer"
    text = response.body.decode()
    assert re.findall(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", text) == []
    assert text == (ASSETS / (f"{path or 'page'}.html")).read_text(encoding="utf-8")


async def test_who_has_a_link_needs_no_login(hub: Hub) -> None:
    """The empty page and its files come without one; not a file beside them."""
    assert (await hub.fetch("share")).code == 200
    for name, kind in (
        ("page.js", "text/javascript"),
        ("manifest.webmanifest", "application/manifest+json"),
        ("icon-192.png", "image/png"),
    ):
        response = await hub.fetch(f"static/{name}")
        assert response.code == 200
        assert response.headers["Content-Type"].startswith(kind)
        again = await hub.fetch(f"static/{name}", headers={"If-None-Match": response.headers["Etag"]})
        assert (again.code, again.body) == (304, b"")
    for path in ("static/../secret.txt", "static/%2e%2e/secret.txt", "static/..%2fsecret.txt", "static/nothing.js"):
        response = await hub.fetch(path)
        assert response.code in {403, 404}
        assert b"secret" not in response.body


async def test_a_package_without_the_pages_says_so(hub: Hub, built: Path) -> None:
    """Where they were not built, they are missing, and the rest works."""
    (built / "page.html").unlink()
    assert (await hub.fetch("", headers=hub.login)).code == 404
    assert (await hub.fetch("api/health", headers=hub.login)).code == 200
