package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
)

// Disk is a folder. Nothing in it is followed out of it.
type Disk struct {
	path string

	mu sync.Mutex
	at *os.Root
}

// root opens the folder, and makes it if it is missing; where that fails it is tried again the next time.
func (d *Disk) root() (*os.Root, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at != nil {
		return d.at, nil
	}
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, err
	}
	d.at = root
	return root, nil
}

// Put writes aside, makes that durable, and moves it into place.
func (d *Disk) Put(_ context.Context, key string, b []byte) error {
	if err := check(key); err != nil {
		return err
	}
	root, err := d.root()
	if err != nil {
		return full(err)
	}
	folder := path.Dir(key)
	if _, err := root.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		if err := makeFolder(root, folder); err != nil {
			return full(err)
		}
	} else if err != nil {
		return err
	}
	aside := key + "." + rand.Text() + ".new"
	f, err := root.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return full(err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = root.Rename(aside, key)
	}
	if err != nil {
		return full(errors.Join(err, root.Remove(aside)))
	}
	return full(syncFolder(root, folder))
}

// makeFolder makes a folder durably: the names of it and of those above it.
func makeFolder(root *os.Root, folder string) error {
	if err := root.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for at := folder; at != "."; {
		at = path.Dir(at)
		if err := syncFolder(root, at); err != nil {
			return err
		}
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(root *os.Root, folder string) error {
	f, err := root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// Get reads a file.
func (d *Disk) Get(_ context.Context, key string) ([]byte, error) {
	if err := check(key); err != nil {
		return nil, err
	}
	root, err := d.root()
	if err != nil {
		return nil, err
	}
	b, err := root.ReadFile(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	return b, err
}

// Remove deletes a file. That it comes back with a crash does no harm that a crash before it would not have done.
func (d *Disk) Remove(_ context.Context, key string) error {
	if err := check(key); err != nil {
		return err
	}
	root, err := d.root()
	if err != nil {
		return err
	}
	if err := root.Remove(key); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Delete deletes a folder, what a crash left aside in it included. What somebody else puts there meanwhile goes with it.
func (d *Disk) Delete(_ context.Context, folder string) error {
	if err := check(folder); err != nil {
		return err
	}
	root, err := d.root()
	if err != nil {
		return err
	}
	if _, err := root.Lstat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// Between the last of its files and itself another may come in.
	for tries := 0; ; tries++ {
		if err = root.RemoveAll(folder); err == nil {
			break
		}
		if !errors.Is(err, syscall.ENOTEMPTY) || tries == 100 {
			return err
		}
	}
	return syncFolder(root, path.Dir(folder))
}

// Folders reads the names of the folders.
func (d *Disk) Folders(context.Context) ([]string, error) {
	root, err := d.root()
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// Free asks the file system.
func (d *Disk) Free(context.Context) (int64, bool, error) {
	if _, err := d.root(); err != nil {
		return 0, false, err
	}
	return FreeAt(d.path)
}
