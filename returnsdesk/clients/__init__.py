"""Outside systems, each behind an interface with an embedded stand-in that needs no account and no server."""
