"""The Telegram channel: the same conversations as on the web, in a private chat with the shop's bot."""
