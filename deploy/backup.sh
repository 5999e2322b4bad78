#!/bin/sh
# Backups of AutoTune: made, kept, and tried.
#
#   backup.sh now        make a backup, and delete all but the newest BACKUP_KEEP (14)
#   backup.sh daily      make one whenever the newest is a day old, until stopped
#   backup.sh is-fresh   exit 0 if the newest is less than 26 hours old, else 1
#   backup.sh try        restore the newest into a database of its own, which is then thrown away
#
# They lie in BACKUP_FOLDER, /backups by default. Which database it is, AutoTune's own variables say.
set -eu
folder=${BACKUP_FOLDER:-/backups}
keep=${BACKUP_KEEP:-14}

# Their names begin with their time, so that they sort by it.
backups() { find "$folder" -maxdepth 1 -name 'autotune-*.backup' | sort; }

is_younger_than() { [ -n "$(find "$folder" -maxdepth 1 -name 'autotune-*.backup' -mmin "-$1")" ]; }

make() {
    autotune backup "$folder/autotune-$(date -u +%Y%m%dT%H%M%SZ).backup" || return 1
    backups | head -n "-$keep" | while read -r old; do rm -- "$old"; done
}

try() {
    newest=$(backups | tail -n 1)
    [ -n "$newest" ] || { echo "There is no backup in $folder." >&2; exit 1; }
    place=$(mktemp -d)
    trap 'rm -rf "$place"' EXIT
    # Without an address AutoTune starts a Postgres of its own there.
    unset AUTOTUNE_DATABASE_URL AUTOTUNE_DATABASE_URL_FILE AUTOTUNE_DATABASE_DIRECT_URL AUTOTUNE_DATABASE_DIRECT_URL_FILE
    autotune restore "$newest" --data "$place/data"
    echo "$newest can be restored."
}

case ${1:-} in
    now) make ;;
    try) try ;;
    is-fresh) is_younger_than 1560 ;;
    daily)
        trap 'exit 0' TERM INT
        while :; do
            is_younger_than 1440 || make || echo "No backup was made; the next try is in ten minutes." >&2
            sleep 600 &
            wait $!
        done ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
