//go:build linux || darwin

package desk

import "syscall"

// diskFree tells how much an ordinary program can still write where path is.
func diskFree(path string) (int64, bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return 0, false
	}
	return int64(uint64(st.Bavail) * uint64(st.Bsize)), true //nolint:unconvert // the types differ from system to system
}
