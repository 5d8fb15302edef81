package contents

import "io"

// Image names the image format that a disk's first bytes look like, "" for most
// disks. Programs that guess the format of their input would take the disk for
// such an image. Magic numbers are from block/*.c of QEMU. An error means that
// the start of the disk could not be read.
func Image(r io.ReaderAt, size int64) (string, error) {
	d := &disk{r: r, size: size}
	head := d.at(0, int(min(size, 512)))
	for _, f := range []struct {
		name  string
		at    int
		magic string
	}{
		{"qcow2", 0, "QFI\xfb"},
		{"QED", 0, "QED\x00"},
		{"VMDK", 0, "KDMV"},
		{"VMDK", 0, "COWD"},
		{"VMDK", 0, "# Disk DescriptorFile"},
		{"VHDX", 0, "vhdxfile"},
		{"VHD", 0, "conectix"},
		{"VDI", 64, "\x7f\x10\xda\xbe"},
		{"Parallels", 0, "WithoutFreeSpace"},
		{"Parallels", 0, "WithouFreSpacExt"},
		{"Bochs", 0, "Bochs Virtual HD Image"},
		{"cloop", 0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop"},
	} {
		if len(head) >= f.at+len(f.magic) && string(head[f.at:f.at+len(f.magic)]) == f.magic {
			return f.name, nil
		}
	}
	return "", d.err
}
