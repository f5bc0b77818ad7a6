"""Thin custom actions by topic: from slots and words to one service, and from its answer to texts."""
