"""Whatever the OpenAPI document allows, and what it does not, is answered as it says."""

import subprocess
import sys
from pathlib import Path

# What is generated is valid field by field. What fields must be to each other, and to what is stored, no schema can
# say: then the answer is 422. It may not be 400, which is for what cannot be read. Wrong passwords are braked by 429.
CONFIG = """\
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429, 503]
"""


def test_promise_13_no_request_is_answered_otherwise_than_described(start_service, database_url, tmp_path, times):
    # With a worker, as asks that find an experiment would be 503 without, and with a token that no logout ends.
    service = start_service(AUTOTUNE_DATABASE_URL=database_url)
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    with service.client() as client:
        made = client.post("/auth/tokens", json={"name": "all", "scopes": ["read", "tell", "write", "admin"]})
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config),
            "run", f"{service.url}/openapi.json",
            "--header", f"Authorization: Bearer {made.json()['token']}",
            "--checks", "all",
            "--phases", "coverage,fuzzing", "--max-examples", str(times(3, 400)), "--seed", "13",
            "--no-color", "--request-timeout", "60",
        ]  # fmt: skip
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=3600, check=False)
    assert run.returncode == 0, run.stdout[-6000:]
    assert "internal" not in service.log()
