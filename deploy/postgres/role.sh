#!/bin/sh
# Makes AutoTune's own role and database, once, when the server's data are made. The role owns this database and can do
# nothing to the server.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\set password `cat /run/secrets/database_password`
CREATE ROLE autotune LOGIN PASSWORD :'password';
CREATE DATABASE autotune OWNER autotune;
SQL
