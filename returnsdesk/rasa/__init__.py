"""Plug-ins and servers of the two Rasa processes: input channel, tracker store, NLU component, action calls."""
