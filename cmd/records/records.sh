#
# It imports parents before children and waits until each is available. Run it
# again to go on: what Cinder has already is left alone. The backups will belong
# to the project and user of the credentials (openrc, OS_CLOUD), an admin's.
# WAIT is how many seconds to wait for one record. ANY_PROJECT=1 imports backups
# of volumes of other projects, too.

set -u
ANY_PROJECT=${ANY_PROJECT:-}
projects='PROJECTS' # of the volumes
if command -v openstack >/dev/null; then
    status_of() { openstack volume backup show -f value -c status "$1"; }
    import_record() { openstack volume backup record import "$1" "$2"; }
    reach_cinder() { openstack volume backup list -f value -c ID; }
elif command -v cinder >/dev/null; then
    status_of() { cinder backup-show "$1" | awk -F'|' '$2 ~ /^ *status *$/ { gsub(/ /, "", $3); print $3 }'; }
    import_record() { cinder backup-import "$1" "$2"; }
    reach_cinder() { cinder backup-list; }
else
    echo "neither openstack (python3-openstackclient) nor cinder (python3-cinderclient) is here" >&2
    exit 1
fi
if ! reach_cinder >/dev/null; then
    echo "Cinder cannot be asked for its backups (see above): nothing was imported" >&2
    exit 1
fi
# A backup cannot change its project, and Cinder deletes the files with it.
mine=$(openstack token issue -f value -c project_id 2>/dev/null)
if [ "$projects" ] && [ -z "$mine$ANY_PROJECT" ]; then
    echo "of which project these credentials are cannot be told (openstack token issue does not), and it would get backups of
volumes of these projects: $projects. If that is as it should be, set ANY_PROJECT=1. Nothing was imported" >&2
    exit 1
fi
for project in ${mine:+$projects}; do
    if [ "$project" != "$mine" ] && [ -z "$ANY_PROJECT" ]; then
        echo "some backups are of volumes of project $project, but these credentials are of $mine, which would get them:
log in there, make one script for each project (--project), or set ANY_PROJECT=1. Nothing was imported" >&2
        exit 1
    fi
done

imported=0 there=0 failures=0 failed=' '

fail() { # ID, why
    echo "$1  FAILED: $2" >&2
    failures=$((failures + 1)) failed="$failed$1 "
}

record() { # ID PARENT SERVICE URL
    case $failed in
    *" $2 "*)
        fail "$1" "not tried, because its parent failed"
        return
        ;;
    esac
    new=
    state=$(status_of "$1" 2>/dev/null)
    if [ -z "$state" ]; then
        if ! import_record "$3" "$4" >/dev/null; then
            fail "$1" "Cinder did not take it (see above)"
            return
        fi
        new=1 state=creating
    fi
    left=${WAIT:-60}
    while [ "$state" = creating ] && [ "$left" -gt 0 ]; do
        sleep 1
        left=$((left - 1))
        state=$(status_of "$1" 2>/dev/null)
        state=${state:-creating}
    done
    case $state in
    available | restoring | backing-up)
        if [ "$new" ]; then
            imported=$((imported + 1))
            echo "$1  imported"
        else
            there=$((there + 1))
            echo "$1  is there already"
        fi
        ;;
    error)
        fail "$1" "its status in Cinder is error: see fail_reason in \"openstack volume backup show $1\". To try again, remove that record, but
    only if it has no container: else Cinder would delete the files of the backup"
        ;;
    *) fail "$1" "its status in Cinder is still $state: see the log of cinder-backup" ;;
    esac
}

finish() {
    echo "$imported imported, $there there already, $failures failed"
    [ "$failures" -eq 0 ]
}
