"""The OpenAPI document is what the program does: it is fresh, and schemathesis finds nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from docs import openapi
from tests.cloud import schemathesis_hooks
from tests.cloud.api import TOKEN, serving
from tests.conftest import ROOT, clean_environment

_SEED = "20261122"


def test_the_document_is_fresh() -> None:
    """To write it anew: `python -m docs.openapi`."""
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.text()


def test_every_answer_that_is_no_success_is_a_problem() -> None:
    document = json.loads(openapi.FILE.read_text(encoding="utf-8"))
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                kinds = list(answer["content"])
                assert (kinds == ["application/problem+json"]) == (status >= "400"), f"{method} {path} {status}"
    assert document["paths"]["/v1/health"]["get"]["security"] == []
    assert document["security"] == [{"token": []}]


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """All its checks: schemas, media types, headers, methods, wrong and right data, the token, sequences."""
    environment = clean_environment(tmp_path, {"SCHEMATHESIS_HOOKS": "tests.cloud.schemathesis_hooks"})
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    with serving(tmp_path, patience_s=0.05) as api:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", str(openapi.FILE)),
                *("--url", str(api.client.base_url), "--header", f"Authorization: Bearer {TOKEN}"),
                *("--seed", _SEED, "--generation-deterministic", "--max-examples", "6", "--no-color"),
                *("--request-timeout", "60", "--warnings", "off"),
            ],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=280,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 7" in done.stdout
    assert "No issues found" in done.stdout
    assert api.faults == []
    assert schemathesis_hooks.ARROW in openapi.FILE.read_text(encoding="utf-8")
