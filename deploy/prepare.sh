#!/bin/sh
# Makes what the production stack needs beside its files: the secrets, and the folders that containers write to.
# Keeps every secret that is there already, and makes those anew that were deleted. Their owners and modes are set again,
# as a copy of the folder may have lost them.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
    echo "The files belong to the containers' users, so this needs root: sudo deploy/prepare.sh" >&2
    exit 1
fi

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# Containers read a secret as users of their own: the file is open to all, and its folder to root alone.
put() {
    [ -e "secrets/$1" ] || printf '%s' "$2" > "secrets/$1"
    chmod 0444 "secrets/$1"
}

install -d -m 0700 secrets
put secret "$(random)"
put secret_before ""
put postgres_password "$(random)"
put database_password "$(random)"
put database_url "postgresql://autotune:$(cat secrets/database_password)@db:5432/autotune"
put pgadmin_password "$(random)"

# Postgres takes its key only from its own user, and from nobody else.
if [ ! -e secrets/database_key ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=db \
        -addext "subjectAltName = DNS:db" -keyout secrets/database_key -out secrets/database_certificate 2>/dev/null
fi
chown 999:999 secrets/database_key
chmod 0400 secrets/database_key
chmod 0444 secrets/database_certificate

# By the numbers of the images' users: AutoTune's and Traefik's; Postgres' is 999.
install -d -m 0700 -o 10001 -g 10001 backups
install -d -m 0700 -o 65532 -g 65532 acme
