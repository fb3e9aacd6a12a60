"""How many examples hypothesis tries: few by default, INTERLOCK_EXAMPLES in a thorough run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, configuration, settings

configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "interlock-hypothesis")

settings.register_profile(
    "interlock",
    max_examples=int(os.environ.get("INTERLOCK_EXAMPLES", "100")),
    stateful_step_count=40,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("interlock")
