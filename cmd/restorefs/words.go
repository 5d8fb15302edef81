package main

const backupHelp = `BACKUP is a backup's id, the start of one (4 or more characters), its name, or
VOLUME@latest or VOLUME@TIME (newest complete backup at or before TIME), where VOLUME
is the volume's id, the start of it, or its name. TIME is UTC: "2026-01-05 11:30",
"yesterday 18:00", 2h (ago), or a day, 2026-01-05, of which the end counts here; more:
"restorefs help time". id=... and name=... say what is meant where something is both.`

const timeHelp = `TIME is UTC, as are all times that restorefs shows, unless it says otherwise:

  2026-01-05, yesterday, today    a day, from its beginning to its end
  "2026-01-05 11:30"              the moment at which that minute begins
  2026-01-05T11:30:25             that second
  "yesterday 18:00", "today 9:05" that moment
  2h, 90m, 1d12h, "3 days ago"    so long ago: s, m (minutes), h, d, w
  "Sun Nov 29 20:13:08 UTC 2026"  what date prints, also with -R, --iso-8601, --rfc-3339

Behind a date or a time of day may stand Z, UTC or an offset: 2026-01-05T11:30+0100.

Of a day, VOLUME@DAY means its end: the newest complete backup of that day, or before
it. --since DAY and --newer DAY mean its beginning: what is of that day, or later.
--older DAY means its beginning as well: what is from before that day. Of any other
TIME all of them mean the moment itself. VOLUME@2h, VOLUME@yesterday and the like
tell which moment that is; flags do not.`

const salvageHelp = `A damaged backup has bytes that are not what Cinder wrote; a broken one
lacks a file that it needs. What another backup of the volume has unchanged is taken from there
wherever backups are read. For the rest, reads of a mount, ls, cp and materialize fail.

  # Which backups are not as they should be, as far as is known
  restorefs list --state broken,damaged
  # What of it is damaged, and which backup has the same bytes
  restorefs verify db-data@latest
  # Where on the disk that is
  restorefs map db-data@latest --verify
  # An older backup that is whole
  restorefs materialize db-data@yesterday /dev/vdb
  # All that is right of one that is not, or lacks a parent's objects
  restorefs materialize a08e2856 disk.raw --salvage
  # The same over an older copy: what is damaged stays as the copy has it
  restorefs materialize a08e2856 disk.raw --salvage=keep --force

With --salvage a restore goes on where the backup is damaged and nothing heals it, and
puts zeros there, or with =keep what TARGET holds. It tells the ranges that are lost,
writes a map of them for ddrescue beside a file (TARGET.bad-ranges.map), and ends with
exit status 3. VOLUME@latest and VOLUME@TIME never mean a broken backup where a complete
one is as old or older; with --salvage they mean the newest broken one where none is.`

const exitHelp = `EXIT STATUS: 0 done, 1 failed, 2 wrong usage, 3 backup damaged or incomplete,
4 target refused and nothing written, 5 data restored and verified but its
metadata not written.`
