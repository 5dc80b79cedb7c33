// Package blob is where large things lie that are sealed before they come here: in a folder, or in any store that speaks S3.
//
// Keys are made by the service, never by a client: parts of a-z, 0-9 and _ with slashes between them. What Put has answered is durable
// and whole; a crash leaves the former contents, or the new.
package blob

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// ErrNotFound is returned by Get where there is nothing.
var ErrNotFound = errors.New("blob: there is nothing under this key")

// ErrFull is returned by Put where there is no room.
var ErrFull = errors.New("blob: the store is full")

// Store keeps bytes by key. Safe for concurrent use.
type Store interface {
	// Put stores b, in the place of what was there.
	Put(ctx context.Context, key string, b []byte) error
	// Get reads what Put stored, or ErrNotFound.
	Get(ctx context.Context, key string) ([]byte, error)
	// Remove deletes what one Put stored; that there is nothing is no error.
	Remove(ctx context.Context, key string) error
	// Delete deletes everything below a folder; that there is nothing is no error.
	Delete(ctx context.Context, folder string) error
	// Folders are the first parts of all keys.
	Folders(ctx context.Context) ([]string, error)
	// Free is how much room there is, in bytes, where that is known.
	Free(ctx context.Context) (bytes int64, known bool, err error)
}

var wellFormed = regexp.MustCompile(`^[a-z0-9_]{1,64}(/[a-z0-9_]{1,64}){0,3}$`)

func check(key string) error {
	if !wellFormed.MatchString(key) {
		return errors.New("blob: not a key")
	}
	return nil
}

// Access is how an S3 store is reached.
type Access struct {
	Endpoint  string // https, or http at loopback; "" is Amazon's
	Region    string
	AccessKey string
	SecretKey string
}

// New makes the store at a location: a folder, or s3://bucket/prefix. It does not go there: what else a service does is not to wait
// for where recordings lie. Try does.
func New(location string, a Access) (Store, error) {
	if err := Check(location, a); err != nil {
		return nil, err
	}
	if rest, ok := strings.CutPrefix(location, "s3://"); ok {
		return newS3(rest, a), nil
	}
	return &Disk{path: location}, nil
}

// Try stores, reads and deletes something small in a folder of its own, and says which of that cannot be done. Whoever tries at the
// same time has another folder; what a crash leaves in it is for Folders to show.
func Try(ctx context.Context, s Store, folder string) error {
	if err := s.Put(ctx, folder+"/0", []byte("countersign")); err != nil {
		return fmt.Errorf("nothing can be stored: %w", err)
	}
	b, err := s.Get(ctx, folder+"/0")
	if err == nil && string(b) != "countersign" {
		err = errors.New("it has changed")
	}
	if err != nil {
		return fmt.Errorf("what is stored cannot be read back: %w", err)
	}
	if err := s.Delete(ctx, folder); err != nil {
		return fmt.Errorf("nothing can be deleted: %w", err)
	}
	return nil
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// Check tells what is wrong with a location and its access, without going there.
func Check(location string, a Access) error {
	rest, ok := strings.CutPrefix(location, "s3://")
	if !ok {
		switch {
		case location == "":
			return errors.New("name a folder, or s3://bucket/prefix")
		case strings.Contains(location, "://"):
			return fmt.Errorf("%q is neither a folder nor s3://bucket/prefix", location)
		}
		return nil
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !bucketName.MatchString(bucket) {
		return fmt.Errorf("%q is not the name of a bucket", bucket)
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" && (strings.ContainsAny(prefix, "?#\\ ") || strings.Contains(prefix, "..") || strings.Contains(prefix, "//")) {
		return fmt.Errorf("the prefix %q has characters that not every store takes", prefix)
	}
	if a.AccessKey == "" || a.SecretKey == "" {
		return errors.New("s3-access-key and s3-secret-key are needed")
	}
	if a.Region == "" {
		return errors.New("s3-region is needed; most stores other than Amazon's take us-east-1")
	}
	if a.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(a.Endpoint)
	local := err == nil && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1")
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" || u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("s3-endpoint: %q is not an https address such as https://s3.example.com (http only at loopback)", a.Endpoint)
	}
	return nil
}
