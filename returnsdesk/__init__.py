"""Returns Desk: a returns assistant for web shops."""
