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
	"syscall"
)

// Disk is a folder. Nothing in it is followed out of it.
type Disk struct {
	root *os.Root
	path string
}

func newDisk(folder string) (*Disk, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	return &Disk{root: root, path: folder}, nil
}

// Put writes aside, makes that durable, and moves it into place.
func (d *Disk) Put(_ context.Context, key string, b []byte) error {
	if err := check(key); err != nil {
		return err
	}
	folder := path.Dir(key)
	if _, err := d.root.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		if err := d.makeFolder(folder); err != nil {
			return full(err)
		}
	} else if err != nil {
		return err
	}
	aside := key + "." + rand.Text() + ".new"
	f, err := d.root.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return full(err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = d.root.Rename(aside, key)
	}
	if err != nil {
		return full(errors.Join(err, d.root.Remove(aside)))
	}
	return full(d.sync(folder))
}

// makeFolder makes a folder durably: the names of it and of those above it.
func (d *Disk) makeFolder(folder string) error {
	if err := d.root.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for at := folder; at != "."; {
		at = path.Dir(at)
		if err := d.sync(at); err != nil {
			return err
		}
	}
	return nil
}

// sync makes the names in a folder durable.
func (d *Disk) sync(folder string) error {
	f, err := d.root.Open(folder)
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
	b, err := d.root.ReadFile(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	return b, err
}

// Delete deletes a folder, what a crash left aside in it included.
func (d *Disk) Delete(_ context.Context, folder string) error {
	if err := check(folder); err != nil {
		return err
	}
	if _, err := d.root.Lstat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := d.root.RemoveAll(folder); err != nil {
		return err
	}
	return d.sync(path.Dir(folder))
}

// Folders reads the names of the folders.
func (d *Disk) Folders(context.Context) ([]string, error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
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
func (d *Disk) Free(context.Context) (int64, bool, error) { return free(d.path) }
