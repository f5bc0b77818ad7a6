"""Channels: how shoppers reach the desk, one module each."""
