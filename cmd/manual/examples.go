package manual

// examples are what commands are typed for, the commonest first; "" is the program.
var examples = map[string][]Usage{
	"": {
		{"Say once where the backups are: a directory, or an NFS export",
			"export RESTOREFS_SHARE=nfs1:/export/cinder-backups"},
		{"What is there?", "restorefs list"},
		{"The volume db-data, as it was yesterday at six, onto a device",
			`restorefs materialize "db-data@yesterday 18:00" /dev/vdb`},
		{"One file out of its newest backup", "restorefs cp db-data@latest /etc/fstab ."},
		{"All backups as disks that can be read at once",
			"restorefs mount --daemon /mnt/restore"},
	},
	"list": {
		{"All backups that Cinder finished", "restorefs list"},
		{"Those of one volume, drawn as chains", "restorefs list --volume db-data --graph"},
		{"What was made since yesterday, the newest last",
			"restorefs list --since yesterday --sort time"},
		{"What cannot be restored, and why", "restorefs list --state broken,incomplete"},
	},
	"show": {
		{"The newest backup of the volume db-data, and what lies on its disk",
			"restorefs show db-data@latest"},
		{"What openstack commands give the volume its metadata back",
			"restorefs show --script db-data@latest"},
	},
	"map": {
		{"Where is the data, and from which backup of the chain?",
			"restorefs map db-data@latest"},
		{"As a picture, after proving all of it",
			"restorefs map db-data@latest --verify --svg db-data.svg"},
	},
	"report": {
		{"A page for a browser, about all backups", "restorefs report >backups.html"},
		{"Each night, after the proof",
			"restorefs report --out /var/www/backups.html --force"},
	},
	"diff": {
		{"How much changed since yesterday",
			"restorefs diff db-data@yesterday db-data@latest"},
		{"Which files changed",
			"restorefs diff --files db-data@yesterday db-data@latest"},
	},
	"verify": {
		{"Is every backup good?", "restorefs verify"},
		{"Is this one, and all that it is made of?", "restorefs verify db-data@latest"},
		{"Is every backup of a project?", "restorefs verify --project ID"},
		{"Each night a part of all", "restorefs verify --sample 5%"},
		{"Is the device what the backup is?",
			"restorefs verify db-data@latest --target /dev/vdb"},
	},
	"materialize": {
		{"The newest backup of the volume db-data onto a device",
			"restorefs materialize db-data@latest /dev/vdb"},
		{"As it was at a time, into a file; first only say what would be done",
			`restorefs materialize "db-data@2026-11-22 18:00" disk.raw --dry-run`},
		{"Into a new volume of the cloud, attached to this server meanwhile",
			"restorefs materialize db-data@latest --new-volume --attach --os-cloud mycloud"},
		{"Roll a volume back: write only what differs",
			"restorefs materialize db-data@latest /dev/vdb --delta --force"},
		{"To another machine",
			"restorefs materialize db-data@latest - | ssh host 'cat >disk.raw'"},
	},
	"mount": {
		{"All backups, until Ctrl-C", "restorefs mount /mnt/restore"},
		{"One volume's, in the background, with the files inside",
			"restorefs mount --daemon --volume db-data --files /mnt/restore"},
		{"For virtual machines, which run as another user",
			"restorefs mount --daemon --allow-other --gid kvm --mode 0440 /mnt/restore"},
		{"To repair a file system: what is written goes to a directory of its own",
			"restorefs mount --daemon --overlay /var/tmp/repair /mnt/restore"},
	},
	"unmount": {
		{"Take a mount down", "restorefs unmount /mnt/restore"},
		{"Though somebody uses it", "restorefs unmount --lazy /mnt/restore"},
	},
	"status": {
		{"What is mounted here, and is it well?", "restorefs status"},
	},
	"ls": {
		{"What file systems are there?", "restorefs ls db-data@latest"},
		{"What is in a directory, with all below it",
			"restorefs ls -R db-data@latest /var/lib/mysql"},
		{"The same of the disk's second partition", "restorefs ls db-data@latest p2:/"},
	},
	"find": {
		{"Where is the file?", "restorefs find db-data@latest my.cnf"},
		{"In which backups of the volume, of which size and time?",
			"restorefs find --all db-data /etc/fstab"},
		{"Everything large that was changed since a day",
			"restorefs find db-data@latest --newer 2026-11-20 --min-size 1GiB --long"},
	},
	"cat": {
		{"A file as it was two days ago", `restorefs cat "db-data@2 days ago" /etc/fstab`},
	},
	"cp": {
		{"One file into a directory", "restorefs cp db-data@latest /etc/fstab /srv/restore"},
		{"A tree, with owners and all (as root)",
			"restorefs cp -a db-data@latest /var/lib/mysql /srv/restore"},
	},
	"tar": {
		{"A tree to another machine",
			"restorefs tar db-data@latest /var/lib/mysql | ssh host tar -x -C /srv/restore"},
	},
	"index": {
		{"Before a machine boots from a mount", "restorefs index db-data@latest"},
		{"For all backups", "restorefs index --all"},
	},
	"records": {
		{"What Cinder would be told", "restorefs records"},
		{"Tell it, through its API", "restorefs records --import --os-cloud mycloud"},
		{"Or by a script, on another machine", "restorefs records --script >import.sh"},
	},
	"overlay": {
		{"What was written onto backups?", "restorefs overlay list /var/tmp/repair"},
		{"Throw it away", "restorefs overlay discard /var/tmp/repair"},
	},
	"doctor": {
		{"Is all here that a restore may need?", "restorefs doctor"},
		{"With the cloud to which volumes are restored",
			"restorefs doctor --cloud --os-cloud mycloud"},
	},
	"demo": {{"Try restorefs with a backup that is built in", "restorefs demo"}},
	"completion": {
		{"For bash, in this shell", `source <(restorefs completion bash)`},
		{"For all who use bash here",
			"restorefs completion bash >/etc/bash_completion.d/restorefs"},
		{"For zsh", `restorefs completion zsh >"${fpath[1]}/_restorefs"`},
		{"For fish",
			"restorefs completion fish >~/.config/fish/completions/restorefs.fish"},
	},
}
