"""How many examples the properties try: always the same few by default, many new ones on request.

`HYPOTHESIS_PROFILE=deep pytest tests/properties --timeout=0` looks for new ones, for as long as that takes.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    database=None,
    # A failure is told as it was found: making it smaller may take minutes, which is what `deep` is for.
    phases=[Phase.explicit, Phase.generate],
    max_examples=30,
    stateful_step_count=30,
    suppress_health_check=_SLOW_IS_FINE,
)
settings.register_profile(
    "deep",
    deadline=None,
    max_examples=2000,
    stateful_step_count=60,
    suppress_health_check=_SLOW_IS_FINE,
    print_blob=True,
)

PROFILE: settings = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
"""The settings that every property runs with."""
