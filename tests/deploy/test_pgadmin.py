"""pgAdmin of the development stack is connected to the database from its first start."""

import json
import stat
import subprocess

from deploy_files import DEV, PROD, ROOT, interpolate

SERVICE = interpolate(DEV.services["pgadmin"], DEV.environment)
(SERVER,) = json.loads((ROOT / "deploy" / "pgadmin" / "servers.json").read_text())["Servers"].values()


def test_server_is_that_of_the_stack():
    database = interpolate(DEV.services["db"]["environment"], DEV.environment)
    assert (SERVER["Host"], SERVER["Port"]) == ("db", 5432)
    assert SERVER["Username"] == database["POSTGRES_USER"]
    assert SERVER["MaintenanceDB"] == database["POSTGRES_DB"]
    assert {"db", "pgadmin"} <= {name for name, one in DEV.services.items() if "admin" in one["networks"]}


def test_file_of_the_server_is_where_pgadmin_looks():
    inside = [mount.split(":")[1] for mount in SERVICE["volumes"]]
    assert SERVICE["environment"]["PGADMIN_SERVER_JSON_FILE"] in inside
    assert PROD.services["pgadmin"]["environment"]["PGADMIN_SERVER_JSON_FILE"] in inside


def test_password_is_written_for_pgadmin_alone_before_it_starts(tmp_path):
    # The image's own start copies PGPASS_FILE into the user's folder, as .pgpass, which the server's file names.
    shell, option, script = SERVICE["entrypoint"]
    started = tmp_path / "entrypoint.sh"
    started.write_text("#!/bin/sh\necho started\n")
    started.chmod(0o755)
    written = tmp_path / "pgpass"
    environment = {**SERVICE["environment"], "PGPASS_FILE": str(written), "PATH": "/usr/bin:/bin"}
    command = [shell, option, script.replace("/entrypoint.sh", str(started))]
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert run.stdout == "started\n"
    assert written.read_text() == f"db:5432:*:autotune:{DEV.environment['POSTGRES_PASSWORD']}\n"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert SERVER["ConnectionParameters"]["passfile"] == "/.pgpass"
