"""The support team's console: pages rendered on the server, in the desk's process."""
