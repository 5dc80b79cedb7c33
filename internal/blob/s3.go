package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// patience is how long one call may take, its repetitions included: somebody waits for the answer.
const patience = 20 * time.Second

// largest is more than anything that is stored: a store cannot fill the memory.
const largest = 4 << 20

// S3 is a bucket, or what is below a prefix in one.
type S3 struct {
	client *s3.Client
	bucket string
	prefix string // "", or with a slash at its end
}

// newS3 takes what Check has let pass.
func newS3(rest string, a Access) *S3 {
	bucket, prefix, _ := strings.Cut(rest, "/")
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	o := s3.Options{
		Region: a.Region, Credentials: credentials.NewStaticCredentialsProvider(a.AccessKey, a.SecretKey, ""), RetryMaxAttempts: 3,
		// Many stores know neither of Amazon's newer checksums nor its names of hosts; what is stored is authenticated anyway.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		HTTPClient:                 &http.Client{Transport: http.DefaultTransport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	if a.Endpoint != "" {
		o.BaseEndpoint, o.UsePathStyle = aws.String(strings.TrimRight(a.Endpoint, "/")), true
	}
	return &S3{client: s3.New(o), bucket: bucket, prefix: prefix}
}

func (s *S3) path(key string) (*string, error) {
	if err := check(key); err != nil {
		return nil, err
	}
	return aws.String(s.prefix + key), nil
}

// Put stores an object.
func (s *S3) Put(ctx context.Context, key string, b []byte) error {
	at, err := s.path(key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err = s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: at, Body: bytes.NewReader(b), ContentLength: aws.Int64(int64(len(b))), ContentType: aws.String("application/octet-stream")})
	if status(err) == http.StatusInsufficientStorage || code(err) == "QuotaExceeded" || code(err) == "XMinioStorageFull" || code(err) == "EntityTooLarge" {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// Get reads an object.
func (s *S3) Get(ctx context.Context, key string) ([]byte, error) {
	at, err := s.path(key)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: at})
	if err != nil {
		if status(err) == http.StatusNotFound && code(err) != "NoSuchBucket" {
			return nil, ErrNotFound
		}
		return nil, err
	}
	defer out.Body.Close()
	b, err := io.ReadAll(io.LimitReader(out.Body, largest+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > largest:
		return nil, errors.New("blob: the object is larger than anything that was stored")
	case out.ContentLength != nil && *out.ContentLength != int64(len(b)):
		return nil, io.ErrUnexpectedEOF
	}
	return b, nil
}

// Remove deletes an object.
func (s *S3) Remove(ctx context.Context, key string) error {
	at, err := s.path(key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err = s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: at})
	return err
}

// Delete deletes what is below a folder, page after page.
func (s *S3) Delete(ctx context.Context, folder string) error {
	at, err := s.path(folder)
	if err != nil {
		return err
	}
	for {
		more, err := s.deletePage(ctx, *at+"/")
		if err != nil || !more {
			return err
		}
	}
}

func (s *S3) deletePage(ctx context.Context, prefix string) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	page, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix})
	if err != nil {
		return false, err
	}
	for _, object := range page.Contents {
		// One by one: DeleteObjects wants a checksum that not every store knows, and there are a hundred at most.
		if _, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: object.Key}); err != nil {
			return false, err
		}
	}
	return len(page.Contents) > 0 && aws.ToBool(page.IsTruncated), nil
}

// Folders lists the first parts of the keys.
func (s *S3) Folders(ctx context.Context) ([]string, error) {
	var out []string
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &s.prefix, Delimiter: aws.String("/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range page.CommonPrefixes {
			out = append(out, folderOf(p, s.prefix))
		}
	}
	return out, nil
}

func folderOf(p types.CommonPrefix, prefix string) string {
	return strings.TrimSuffix(strings.TrimPrefix(aws.ToString(p.Prefix), prefix), "/")
}

// Free is not known.
func (s *S3) Free(context.Context) (int64, bool, error) { return 0, false, nil }

func status(err error) int {
	var answered *smithyhttp.ResponseError
	if errors.As(err, &answered) {
		return answered.HTTPStatusCode()
	}
	return 0
}

func code(err error) string {
	var answered interface{ ErrorCode() string }
	if errors.As(err, &answered) {
		return answered.ErrorCode()
	}
	return ""
}
