"""What the worker does: jobs of the outbox and timers, one module for each concern."""
