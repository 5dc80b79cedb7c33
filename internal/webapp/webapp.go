// Package webapp serves the web app: the files that `npm run build` leaves in dist, embedded, with the headers that keep
// a page of ours from running anybody else's code. It knows nothing of the API.
package webapp

import (
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// The folder is never empty: .gitkeep lets the package compile before the first build of the web app.
//
//go:embed all:dist
var embedded embed.FS

// policy allows this origin's own files and nothing else: no inline script or style, no frames either way, no forms that
// leave without script, and no string that becomes code (Trusted Types).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types svelte-trusted-html"

// permissions keeps passkeys to this origin and closes what the app never asks for.
const permissions = "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), geolocation=(), " +
	"microphone=(), payment=(), usb=()"

const unbuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Countersign</title>
<h1>The web app is not built yet</h1>
<p>The service runs and its API answers. Build the app, then build the program again:</p>
<pre>cd web
npm ci
npm run build</pre>
</html>
`

// Handler serves the embedded app: its files by name, and index.html for every other path without an extension, as the
// app's own router knows those. A missing file is 404. Only GET and HEAD are answered.
func Handler() http.Handler {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path, so this cannot be
	}
	return newHandler(dist)
}

type handler struct {
	files map[string]file
}

// file is one file of the app with its compressed forms, nil where the build made none.
type file struct {
	contentType   string
	plain, gz, br []byte
}

func newHandler(dist fs.FS) *handler {
	h := &handler{files: map[string]file{}}
	read := func(name string) []byte {
		data, err := fs.ReadFile(dist, name)
		if err != nil {
			return nil
		}
		return data
	}
	// A broken embedded file system cannot be mended at run time: what cannot be read is not there.
	_ = fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path.Base(name), ".") ||
			strings.HasSuffix(name, ".br") || strings.HasSuffix(name, ".gz") {
			return nil
		}
		h.files["/"+name] = file{contentType: contentType(name), plain: read(name), gz: read(name + ".gz"), br: read(name + ".br")}
		return nil
	})
	return h
}

// contentType does not ask the system's tables, which differ from machine to machine.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".webmanifest":
		return "application/manifest+json"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Permissions-Policy", permissions)
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors

	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := path.Clean("/" + r.URL.Path)
	f, found := h.files[name]
	if !found && path.Ext(name) == "" && !strings.HasPrefix(name, "/assets/") {
		name = "/index.html"
		f, found = h.files[name]
		if !found {
			f, found = file{contentType: "text/html; charset=utf-8", plain: []byte(unbuilt)}, true
		}
	}
	if !found {
		header.Set("Cache-Control", "no-store")
		http.NotFound(w, r)
		return
	}
	header.Set("Cache-Control", cacheControl(name))
	header.Set("Content-Type", f.contentType)
	body := f.encoded(header, r.Header.Get("Accept-Encoding"))
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		// A failed write means that the browser has gone; there is nobody left to tell.
		_, _ = w.Write(body)
	}
}

// cacheControl lets a file whose name holds its hash be kept for good. The page itself, which names those files, is
// never kept, so that a new version is seen at once.
func cacheControl(name string) string {
	switch {
	case strings.HasPrefix(name, "/assets/"):
		return "public, max-age=31536000, immutable"
	case name == "/index.html":
		return "no-store"
	default:
		return "no-cache"
	}
}

// encoded picks the smallest form that the browser takes, and says so.
func (f file) encoded(header http.Header, accept string) []byte {
	if f.br == nil && f.gz == nil {
		return f.plain
	}
	header.Set("Vary", "Accept-Encoding")
	if f.br != nil && accepts(accept, "br") {
		header.Set("Content-Encoding", "br")
		return f.br
	}
	if f.gz != nil && accepts(accept, "gzip") {
		header.Set("Content-Encoding", "gzip")
		return f.gz
	}
	return f.plain
}

// accepts says whether an Accept-Encoding header (RFC 9110, section 12.5.3) names the coding and does not refuse it.
func accepts(header, coding string) bool {
	for _, part := range strings.Split(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		q, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		if !found {
			return true
		}
		value, err := strconv.ParseFloat(q, 64)
		return err == nil && value > 0
	}
	return false
}
