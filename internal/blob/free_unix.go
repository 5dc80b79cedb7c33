//go:build linux || darwin

package blob

import "syscall"

// FreeAt tells how much an ordinary program can still write where a folder is.
func FreeAt(folder string) (int64, bool, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, false, err
	}
	return int64(s.Bavail) * int64(s.Bsize), true, nil
}
