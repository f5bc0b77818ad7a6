"""Use cases: one module per topic, each command one transaction; called by actions, desk, console, worker and CLI."""
