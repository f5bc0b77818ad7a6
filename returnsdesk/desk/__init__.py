"""The desk: the only public process. It owns the conversations; Rasa answers one question, what to say next."""
