package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"countersign/internal/blob"
	"countersign/internal/testkit/s3server"
)

// each runs a test on both stores.
func each(t *testing.T, test func(t *testing.T, s blob.Store)) {
	t.Run("disk", func(t *testing.T) {
		s, err := blob.New(filepath.Join(t.TempDir(), "made", "here"), blob.Access{})
		if err != nil {
			t.Fatal(err)
		}
		test(t, s)
	})
	t.Run("s3", func(t *testing.T) {
		server := s3server.Start(t)
		for _, at := range []string{"s3://" + s3server.Bucket + "/below/a/prefix/", "s3://" + s3server.Bucket} {
			s, err := blob.New(at, access(server))
			if err != nil {
				t.Fatal(err)
			}
			test(t, s)
		}
	})
}

func access(server *s3server.Server) blob.Access {
	return blob.Access{Endpoint: server.Endpoint, Region: s3server.Region, AccessKey: s3server.AccessKey, SecretKey: s3server.SecretKey}
}

func TestAStoreKeepsWhatItAnswered(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		ctx := context.Background()
		large := bytes.Repeat([]byte("sealed"), 1<<18)
		for key, b := range map[string][]byte{"rec_a/0": large, "rec_a/1": []byte("b"), "rec_ab/0": {}, "rec_b/0": []byte("c")} {
			if err := s.Put(ctx, key, []byte("what was there before")); err != nil {
				t.Fatal(err)
			}
			if err := s.Put(ctx, key, b); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Get(ctx, key); err != nil || !bytes.Equal(got, b) {
				t.Errorf("%s: %d bytes, %v", key, len(got), err)
			}
		}
		folders, err := s.Folders(ctx)
		slices.Sort(folders)
		if want := []string{"rec_a", "rec_ab", "rec_b"}; err != nil || !slices.Equal(only(folders, "rec_"), want) {
			t.Errorf("%v, %v", folders, err)
		}
		if err := s.Put(ctx, "rec_b/1", large); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Remove(ctx, "rec_b/1"); err != nil {
				t.Error(err)
			}
			if err := s.Delete(ctx, "rec_a"); err != nil {
				t.Error(err)
			}
		}
		for key, want := range map[string]error{"rec_a/0": blob.ErrNotFound, "rec_a/1": blob.ErrNotFound, "rec_ab/0": nil, "rec_b/0": nil, "rec_b/1": blob.ErrNotFound, "rec_c/0": blob.ErrNotFound} {
			if _, err := s.Get(ctx, key); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", key, err, want)
			}
		}
		for _, folder := range []string{"rec_ab", "rec_b"} {
			if err := s.Delete(ctx, folder); err != nil {
				t.Error(err)
			}
		}
	})
}

func only(names []string, prefix string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

func TestATrialLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		var wait sync.WaitGroup
		for i := range 5 {
			wait.Go(func() {
				if err := blob.Try(t.Context(), s, fmt.Sprint("trial", i)); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if folders, err := s.Folders(t.Context()); err != nil || len(folders) != 0 {
			t.Errorf("%v, %v", folders, err)
		}
	})
}

func TestAFolderThatComesLaterServesThen(t *testing.T) {
	at := filepath.Join(t.TempDir(), "mount")
	if err := os.WriteFile(at, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := blob.New(filepath.Join(at, "recordings"), blob.Access{})
	if err != nil {
		t.Fatal(err)
	}
	if err := blob.Try(t.Context(), s, "trial"); err == nil {
		t.Error("stored below a file")
	}
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
	if err := blob.Try(t.Context(), s, "trial"); err != nil {
		t.Error(err)
	}
}

func TestNoKeyLeadsOutOfTheStore(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		ctx := context.Background()
		for _, key := range []string{"", "/", ".", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "a/", "A", "a.b", "a\x00", "a\\b", "a b", "a/b/c/d/e", strings.Repeat("a", 65), "ä"} {
			_, get := s.Get(ctx, key)
			if put, del := s.Put(ctx, key, []byte("x")), s.Delete(ctx, key); put == nil || get == nil || del == nil || errors.Is(get, blob.ErrNotFound) {
				t.Errorf("%q: %v, %v, %v", key, put, get, del)
			}
		}
	})
}

func TestPiecesAreStoredSideBySide(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		var wait sync.WaitGroup
		for i := range 20 {
			wait.Go(func() {
				key, b := fmt.Sprintf("rec_%d/0", i%5), bytes.Repeat([]byte{byte(i % 5)}, 10_000)
				if err := s.Put(context.Background(), key, b); err != nil {
					t.Error(err)
				}
				if got, err := s.Get(context.Background(), key); err != nil || !bytes.Equal(got, b) {
					t.Errorf("%s: %v", key, err)
				}
			})
		}
		wait.Wait()
		for i := range 5 {
			if err := s.Delete(context.Background(), fmt.Sprintf("rec_%d", i)); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestFilesAreTheOwnersAloneAndNothingIsFollowedOutOfTheFolder(t *testing.T) {
	folder, outside := t.TempDir(), t.TempDir()
	s, err := blob.New(folder, blob.Access{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "rec_a/0", []byte("x")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(folder, "rec_a"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(outside, "0"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(folder, "rec_link")); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Get(t.Context(), "rec_link/0"); err == nil {
		t.Errorf("read %q", b)
	}
	if err := s.Put(t.Context(), "rec_link/1", []byte("x")); err == nil {
		t.Error("wrote outside")
	}
	if err := s.Delete(t.Context(), "rec_link"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(outside, "0")); err != nil {
		t.Errorf("deleted outside: %v", err)
	}
}

func TestAFullDiskLeavesNothingHalf(t *testing.T) {
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s, err := blob.New(folder, blob.Access{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "rec_a/0", []byte("there")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Put(t.Context(), "rec_a/0", make([]byte, 1<<20)); !errors.Is(err, blob.ErrFull) {
			t.Fatalf("%v", err)
		}
	}
	if b, err := s.Get(t.Context(), "rec_a/0"); err != nil || string(b) != "there" {
		t.Errorf("%q, %v", b, err)
	}
	if entries, err := os.ReadDir(filepath.Join(folder, "rec_a")); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if free, known, err := s.Free(t.Context()); err != nil || !known || free > 256<<10 || free < 100<<10 {
		t.Errorf("%d free, %t, %v", free, known, err)
	}
	if err := blob.Try(t.Context(), s, "trial"); err != nil && !errors.Is(err, blob.ErrFull) {
		t.Errorf("%v", err)
	}
}

func TestAStoreThatCannotServeIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	server := s3server.Start(t)
	good := access(server)
	wrong, nowhere := good, good
	wrong.SecretKey = "another"
	nowhere.Endpoint = "http://127.0.0.1:1"
	for name, c := range map[string]struct {
		at     string
		access blob.Access
	}{
		"a file":              {file, blob.Access{}},
		"below a file":        {filepath.Join(file, "x"), blob.Access{}},
		"a wrong secret":      {"s3://" + s3server.Bucket, wrong},
		"nobody there":        {"s3://" + s3server.Bucket, nowhere},
		"no such bucket":      {"s3://another", good},
		"no access":           {"s3://" + s3server.Bucket, blob.Access{}},
		"another kind":        {"gs://" + s3server.Bucket, good},
		"no bucket":           {"s3://", good},
		"a bucket that is \"": {"s3://\"", good},
	} {
		s, err := blob.New(c.at, c.access)
		if err == nil {
			err = blob.Try(t.Context(), s, "trial")
		}
		if err == nil || strings.Contains(err.Error(), good.SecretKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Copies of the service share the folder: one deletes a recording while another is about to put a piece of it there.
func TestAFolderIsDeletedThoughSomebodyPutsSomethingThere(t *testing.T) {
	s, err := blob.New(t.TempDir(), blob.Access{})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var writing sync.WaitGroup
	for w := range 4 {
		writing.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					_ = s.Put(t.Context(), fmt.Sprintf("rec/%d_%d", w, n), []byte("x")) // or not: its folder goes away under it
				}
			}
		})
	}
	for range 500 {
		if err := s.Delete(t.Context(), "rec"); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	writing.Wait()
}
