"""Tests of Rasa's process: channel, failures, tracker store, NLU components, servers."""
