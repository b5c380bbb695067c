#!/bin/sh
# PgBouncer reads passwords from a file only; this one lives as long as the container.
set -eu
umask 077
printf '"quintet_app" "%s"\n' "$(printf '%s' "$QUINTET_APP_PASSWORD" | sed 's/"/""/g')" > /tmp/users.txt
unset QUINTET_APP_PASSWORD
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
