"""Talk to the bot by hand: the loopback Telegram with a chat at the terminal, and the same chat on the page /chat."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

from tests.servers.telegram import serve_telegram, text_of
from tests.servers.telegram.page import numbered_buttons, visitor
from tests.servers.telegram.users import User

HELP = """Type to write. /press N presses button N, /photo PATH sends a picture, /block and /unblock do so,
/quit or Ctrl-D ends. Every other command goes to the bot."""


def main() -> None:
    """Serve until the terminal ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8190)
    parser.add_argument("--name", default="Robin", help="first name of the person who writes")
    parser.add_argument("--language", default="en", help="language of that person's app")
    wanted = parser.parse_args()
    with serve_telegram(wanted.port) as telegram:
        user = visitor(telegram, wanted.name, wanted.language)
        _tell(f"TELEGRAM_API_URL={telegram.url}\nTELEGRAM_TOKEN={telegram.token}")
        _tell(f"The chat is also on {telegram.url}/chat?as={wanted.name}\n{HELP}")
        threading.Thread(target=_show, args=(user,), daemon=True).start()
        _listen(user)


def _listen(user: User) -> None:
    while True:
        try:
            line = input()
        except EOFError:
            # Without a terminal the server goes on until it is stopped.
            threading.Event().wait()
        except KeyboardInterrupt:
            return
        word, _, rest = line.partition(" ")
        if word == "/quit":
            return
        if word == "/press":
            buttons = numbered_buttons(user)
            if rest.isdecimal() and 0 < int(rest) <= len(buttons):
                user.presses_button(*buttons[int(rest) - 1])
            else:
                _tell("There is no such button.")
        elif word == "/photo":
            user.sends_photo(Path(rest).read_bytes())
        elif word in ("/block", "/unblock"):
            (user.blocks if word == "/block" else user.unblocks)()
        elif line.strip():
            user.says(line)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _show(user: User) -> None:
    """Print what the bot sends, with the buttons numbered."""
    told = 0
    while True:
        with user.books.changed:
            while len(user.from_bot) <= told:
                user.books.changed.wait()
            new = user.from_bot[told:]
            told += len(new)
            numbers = {id(button): at for at, (_, button) in enumerate(numbered_buttons(user), 1)}
        for message in new:
            kind = next((name for name in ("photo", "document") if name in message), "")
            _tell(f"  bot: {f'[{kind}] ' if kind else ''}{text_of(message)}")
            for row in message.get("reply_markup", {}).get("inline_keyboard", []):
                words = [f"({numbers.get(id(each), '?')}) {each['text']}" for each in row]
                _tell("       " + "  ".join(words))


if __name__ == "__main__":
    main()
