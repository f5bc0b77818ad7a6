"""The trained model for the present data and configuration: its name, and training it when there is none."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from returnsdesk.settings import PROJECT_ROOT, Settings

# What a model is made of. The product's own pipeline components count as configuration, and so do the modules by which
# they find order numbers and the like.
SOURCES = (
    "config.yml",
    "domain.yml",
    "data/nlu/**/*.yml",
    "data/rules/*.yml",
    "data/stories/*.yml",
    "data/responses/conversation.yml",
    "returnsdesk/rasa/*.py",
    *(
        f"returnsdesk/domain/{name}.py"
        for name in (
            "identifiers",
            "measures",
            "mentions",
            "quantities",
            "reading",
            "sizes",
            "text",
        )
    ),
    "returnsdesk/domain/words/*.yml",
)


class TrainingFailed(Exception):
    """Training ended without a model; the text is one sentence for the operator."""


def model_path(settings: Settings) -> Path:
    """Where the model of the present sources is, or would be. Its name is a digest of them."""
    digest = hashlib.sha256(f"rasa {version('rasa')}".encode())
    for path in _sources():
        digest.update(path.relative_to(PROJECT_ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return settings.models_dir / f"returnsdesk-{digest.hexdigest()[:16]}.tar.gz"


def train(settings: Settings, target: Path) -> Iterator[str]:
    """Train `target`, the model of the present sources, and give Rasa's log line by line; raises `TrainingFailed`.

    The file gets its name only when it is whole, so that an interrupted training leaves nothing to be loaded.
    """
    unfinished = f"unfinished-{target.name.removesuffix('.tar.gz')}"
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    log: list[str] = []
    for line in _run_training(settings.models_dir, unfinished):
        log.append(line)
        yield line
    made = settings.models_dir / f"{unfinished}.tar.gz"
    if not made.is_file():
        detail = next((line for line in reversed(log) if line.strip()), "no output")
        raise TrainingFailed(f"Training ended without a model: {detail}")
    made.replace(target)


def _sources() -> list[Path]:
    found = {path for pattern in SOURCES for path in PROJECT_ROOT.glob(pattern) if path.is_file()}
    return sorted(found)


def _run_training(models_dir: Path, name: str) -> Iterator[str]:
    # A process of its own: Rasa holds on to half a gigabyte after training.
    command = [
        sys.executable, "-m", "rasa", "train", "--config", "config.yml", "--domain", "domain.yml", "--data", "data",
        "--out", str(models_dir), "--fixed-model-name", name,
    ]  # fmt: skip
    with subprocess.Popen(
        command,
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env=_quiet_environment(),
    ) as process:
        try:
            yield from (line.rstrip() for line in process.stdout or ())
        finally:
            # Reached early when the caller stops listening.
            if process.poll() is None:
                process.terminate()


def _quiet_environment() -> dict[str, str]:
    return {
        **os.environ,
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    }
