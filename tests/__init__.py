"""All tests; `tests/servers` holds the fixtures for the real servers that they talk to."""
