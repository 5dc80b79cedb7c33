// Command gen writes the list of common passwords that package password embeds.
// Its argument is the file src/passwords.json of the npm package
// @zxcvbn-ts/language-common:
//
//	go run ./internal/password/gen passwords.json > internal/password/common.txt
//
// Entries shorter than the policy's minimum are left out, since they are
// refused for their length already; the rest is lower-cased, completed with
// patterns of our own and sorted for a binary search.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"countersign/internal/password"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the path of passwords.json as the only argument")
	}
	b, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var listed []string
	if err := json.Unmarshal(b, &listed); err != nil {
		return err
	}
	all := append(listed, patterns()...)
	for i := range all {
		all[i] = strings.ToLower(all[i])
	}
	slices.Sort(all)
	all = slices.Compact(all)
	out := bufio.NewWriter(os.Stdout)
	for _, entry := range all {
		if utf8.RuneCountInString(entry) >= password.MinLength && !strings.ContainsAny(entry, "\r\n") {
			fmt.Fprintln(out, entry)
		}
	}
	return out.Flush()
}

// patterns are what people make of a rule that asks for letters and digits, and
// what they choose for a service of this kind and name.
func patterns() []string {
	words := []string{
		"spring", "summer", "autumn", "winter", "january", "february", "march", "april", "june", "july", "august",
		"september", "october", "november", "december", "monday", "friday", "sunday", "welcome", "admin", "login",
		"secret", "letmein", "qwerty", "password", "passw0rd", "p@ssword", "p@ssw0rd", "changeme", "bitcoin",
		"ethereum", "crypto", "wallet", "tether", "solana", "satoshi", "exchange", "account", "security",
	}
	var all []string
	for _, word := range words {
		for _, end := range []string{"", "1", "12", "123", "1234", "12345", "123456", "01", "007", "69", "99"} {
			all = append(all, word+end)
		}
		for year := 1990; year <= 2030; year++ {
			all = append(all, word+strconv.Itoa(year))
		}
	}
	return append(all, "countersign", "mypasskey", "nopassword", "mypassword", "correcthorsebatterystaple",
		"correct horse battery staple", "tobeornottobe", "hodlhodl", "tothemoon", "whenlambo", "notyourkeys")
}
