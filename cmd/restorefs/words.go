package main

const backupHelp = `BACKUP is a backup's id, the start of one (4 or more characters), its name, or
VOLUME@latest or VOLUME@TIME (newest complete backup at or before TIME), where VOLUME
is the volume's id, the start of it, or its name. TIME is 2026-01-05 (its end),
"2026-01-05 11:30", 2026-01-05T11:30:00+0100, "yesterday 18:00", 2h (ago), or what
date prints. id=... and name=... say what is meant where something is both.`

const exitHelp = `EXIT STATUS: 0 done, 1 failed, 2 wrong usage, 3 backup damaged or incomplete,
4 target refused and nothing written, 5 data restored and verified but its
metadata not written.`
