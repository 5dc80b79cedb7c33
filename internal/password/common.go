package password

import (
	_ "embed"
	"strings"
)

// commonList is one lower-case password a line, sorted by bytes, searched where it
// lies: loading it costs nothing at start. Most of it comes from the npm package
// @zxcvbn-ts/language-common, under the MIT licence whose text is in the file
// NOTICE beside this one: Copyright (c) 2012-2016 Dan Wheeler and Dropbox, Inc.,
// Copyright (c) 2021 @zxcvbn-ts. The command in gen makes it.
//
//go:embed common.txt
var commonList string

// listed reports whether s is an entry of the list.
func listed(s string) bool {
	rest := commonList
	for rest != "" {
		middle := len(rest) / 2
		start := strings.LastIndexByte(rest[:middle], '\n') + 1
		end := start + strings.IndexByte(rest[start:], '\n')
		switch strings.Compare(s, rest[start:end]) {
		case 0:
			return true
		case -1:
			rest = rest[:start]
		default:
			rest = rest[end+1:]
		}
	}
	return false
}
