"""The examples of docs/widget.md: what a shop's backend signs with them logs its shopper in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from returnsdesk.settings import PROJECT_ROOT, Settings
from tests.desk.serving import Served
from tests.desk.shopper import Shopper
from tests.servers.programs import PHP

GUIDE = PROJECT_ROOT / "docs" / "widget.md"
CUSTOMER = "LLC-2001"


def example(language: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    return next(block for block in blocks if "HS256" in block)


def by_python(secret: str, _folder: Path) -> str:
    names: dict[str, Any] = {}
    exec(example("python"), names)  # noqa: S102 - the project's own guide
    return str(names["login_token"](CUSTOMER, secret))


def by_node(secret: str, folder: Path) -> str:
    source = example("js") + f"process.stdout.write(loginToken({CUSTOMER!r}, {secret!r}));"
    return _run("node", folder / "token.js", source)


def by_php(secret: str, folder: Path) -> str:
    source = f"<?php\n{example('php')}echo login_token({CUSTOMER!r}, {secret!r});"
    return _run("php", folder / "token.php", source)


def by_liquid(secret: str, _folder: Path) -> str:
    """What the template's filters give, step by step; the template runs at the shop's host only."""

    def encode(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().replace("=", "")

    claims = f'{{"sub":"{CUSTOMER}","exp":{int(time.time()) + 300}}}'
    signed = f"{encode(json.dumps({'alg': 'HS256', 'typ': 'JWT'}))}.{encode(claims)}"
    return f"{signed}.{hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()}"


def _run(program: str, file: Path, source: str) -> str:
    path = PHP.find() if program == "php" else shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed here: `make test-servers` as root installs it")
    file.write_text(source, "utf-8")
    return subprocess.run([path, file], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("sign", [by_python, by_node, by_php, by_liquid])
def test_an_example_logs_the_shopper_in(
    desk: Served,
    desk_settings: Settings,
    tmp_path: Path,
    sign: Callable[[str, Path], str],
) -> None:
    token = sign(desk_settings.shop_login_key, tmp_path)
    forged = sign("0" * 64, tmp_path)

    for login_token, is_signed_in in ((token, True), (forged, False), (token[:-1], False)):
        visitor = Shopper(desk.url, login_token=login_token)
        visitor.client.close()
        assert visitor.session["signed_in"] is is_signed_in
