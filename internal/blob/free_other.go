//go:build !linux && !darwin

package blob

// FreeAt is not known here.
func FreeAt(string) (int64, bool, error) { return 0, false, nil }
