#!/bin/sh
# A backup named by its time, beside the earlier ones; the oldest go, but only once this one is whole.
#   RECORDS  folder of the records, as --data has it
#   BACKUPS  folder of the backups, on another disk
#   KEEP     how many stay (14)
# PLASMOSCOPE_DATABASE is read by plasmoscope itself.
set -eu
: "${RECORDS:?the folder of the records}" "${BACKUPS:?the folder of the backups}" "${KEEP:=14}"
plasmoscope backup "$BACKUPS/$(date -u +%Y%m%dT%H%M%SZ)" --data "$RECORDS"
# Names of 16 signs alone: what was cut off ends in .part.
find "$BACKUPS" -mindepth 1 -maxdepth 1 -type d -name '????????T??????Z' | sort -r | tail -n "+$((KEEP + 1))" |
    while IFS= read -r old; do rm -r -- "$old"; done
