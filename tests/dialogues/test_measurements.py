"""Measurements of the running product: they find its processes, and what they measure was answered truly."""

from __future__ import annotations

import json
import subprocess
import sys

from returnsdesk.supervisor import PROCESSES
from tests.servers.product import Product


def test_bench_of_turns_measures_all_processes(product: Product) -> None:
    settings = product.settings
    few = ("--conversations", "1,2", "--turns", "6", "--json")
    run = subprocess.run(
        [sys.executable, "-m", "returnsdesk", "bench", "turns", *few],
        env={
            "DATABASE_URL": settings.database_url,
            "VAR_DIR": str(settings.var_dir),
            "DESK_PORT": str(settings.desk_port),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert set(result["memory_mib"]) == set(PROCESSES)
    assert min(result["memory_mib"].values()) > 20
    at_once = {row["conversations"]: row for row in result["turns"] if row["kind"] == "all"}
    assert (at_once[1]["turns"], at_once[2]["turns"]) == (6, 12)
    for row in at_once.values():
        assert row["turns_per_second"] > 0
        assert row["cpu_ms_per_turn"]["rasa"] > 0
