"""The demo shop: pages of a shop as a visitor sees it, with the chat widget on them. Exists in demo mode only."""
