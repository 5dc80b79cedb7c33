package delivery

import (
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Mail programs show neither SVG nor pictures in data URLs, and fetching one from a server would tell who reads what.
// So the marks travel inside the mail as PNGs, referred to by content id. They are the SVGs beside them at three times
// their size (the strip at twice), each once for light and once for dark. The signs for
// change, freeze and phrase are from Lucide (ISC licence).
//
//go:embed art/*.png
var artFiles embed.FS

// picture is one piece of art.
type picture struct {
	// ID is the content id, without angle brackets.
	ID   string
	Name string
	PNG  []byte
}

var art = loadArt()

func loadArt() []picture {
	names, err := fs.Glob(artFiles, "art/*.png")
	if err != nil {
		panic(err)
	}
	var out []picture
	for _, name := range names {
		b, err := artFiles.ReadFile(name)
		if err != nil {
			panic(err)
		}
		file := path.Base(name)
		out = append(out, picture{ID: strings.TrimSuffix(file, ".png") + "@countersign", Name: file, PNG: b})
	}
	return out
}

// src is how the HTML refers to the picture. A quotation mark in a customer's text is escaped, so no text can be taken for it.
func (p picture) src() string { return fmt.Sprintf(`src="cid:%s"`, p.ID) }

// artIn are the pictures that the HTML refers to.
func artIn(html string) []picture {
	var out []picture
	for _, p := range art {
		if strings.Contains(html, p.src()) {
			out = append(out, p)
		}
	}
	return out
}

// SelfContained is the HTML of an e-mail with its pictures written into it as data URLs, for showing it in a browser.
func SelfContained(html string) string {
	for _, p := range artIn(html) {
		html = strings.ReplaceAll(html, p.src(), `src="data:image/png;base64,`+base64.StdEncoding.EncodeToString(p.PNG)+`"`)
	}
	return html
}
