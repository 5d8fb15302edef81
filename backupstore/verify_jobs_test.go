package backupstore_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// Where there is memory for fewer decoders than jobs, a job waits for its turn
// rather than beginning at its object's start again and again.
func TestVerifyDecodesEachObjectOnceHoweverManyJobsThereAre(t *testing.T) {
	const objects = 8
	dir := t.TempDir()
	spec := storetest.Spec{ID: storetest.ID("many"), VolumeID: storetest.ID("v"), Content: storetest.Text(objects*4<<20, 1),
		Compression: "zstd", FileSize: 4 << 20}
	storetest.MustWrite(t, dir, spec)
	for _, jobs := range []int{2, 16, 64} {
		for _, sample := range []float64{0, 0.5} {
			c := openCatalog(t, dir, backupstore.Options{DecoderBytes: 20 << 20, NoIndexBuild: true})
			for _, r := range verify(t, c, backupstore.VerifyOptions{Jobs: jobs, Sample: sample}, c.Backups()...) {
				if !r.OK {
					t.Errorf("%+v", r)
				}
			}
			if s := c.Stats().Decoders; s.Starts+s.Resumes > objects {
				t.Errorf("%d jobs, sample %v: %d decoders were started for %d objects", jobs, sample, s.Starts, objects)
			}
		}
	}
}

// meetingShare answers no read of an object before n of them have been asked.
type meetingShare struct {
	share.Share
	left atomic.Int32
	met  chan struct{}
}

func (s *meetingShare) Open(ctx context.Context, name string) (share.File, error) {
	f, err := s.Share.Open(ctx, name)
	if err != nil || strings.HasSuffix(name, "_metadata") || strings.HasSuffix(name, "_sha256file") {
		return f, err
	}
	return meetingFile{f, s}, nil
}

type meetingFile struct {
	share.File
	share *meetingShare
}

func (f meetingFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if f.share.left.Add(-1) == 0 {
		close(f.share.met)
	}
	select {
	case <-f.share.met:
		return f.File.ReadAt(ctx, p, off)
	case <-time.After(time.Minute):
		return 0, errors.New("others do not ask meanwhile")
	}
}

// More jobs than processors are there for shares that take long to answer.
func TestVerifyAsksASlowShareForAsManyObjectsAsThereAreJobs(t *testing.T) {
	const jobs = 12
	dir := t.TempDir()
	storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("many"), VolumeID: storetest.ID("v"),
		Content: storetest.Text(jobs<<20, 1), Compression: "zstd", FileSize: 1 << 20})
	local, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &meetingShare{Share: local, met: make(chan struct{})}
	s.left.Store(jobs)
	c := backupstore.NewCatalog(s, backupstore.Options{NoIndexBuild: true})
	defer c.Close()
	refresh(t, c)
	for _, r := range verify(t, c, backupstore.VerifyOptions{Jobs: jobs}, c.Backups()...) {
		if !r.OK {
			t.Errorf("%+v", r)
		}
	}
}
