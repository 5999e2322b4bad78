"""Whatever the OpenAPI document allows, and what it does not, is answered as it says."""

import subprocess
import sys
from pathlib import Path

# What it generates is valid field by field; what fields must be to each other no schema can say.
CHECKS_LEFT_OUT = "positive_data_acceptance"


def test_promise_13_no_request_is_answered_otherwise_than_described(start_service, database_url, tmp_path, times):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url, AUTOTUNE_ASK_WAIT_S="0.05")
    with service.client() as client:
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{service.url}/openapi.json",
            "--header", f"Authorization: {client.headers['Authorization']}",
            "--checks", "all", "--exclude-checks", CHECKS_LEFT_OUT,
            "--phases", "coverage,fuzzing", "--max-examples", str(times(3, 400)), "--seed", "13",
            "--no-color", "--request-timeout", "30",
        ]  # fmt: skip
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1800, check=False)
    assert run.returncode == 0, run.stdout[-6000:]
    assert "internal" not in service.log()
