package asset

import "strings"

// groupSize is the number of characters in a group of an address as it is
// shown.
const groupSize = 4

// Groups splits an address into the groups of four characters in which it is
// shown, the last of which may be shorter. Joined, they are the address.
func Groups(address string) []string {
	groups := make([]string, 0, (len(address)+groupSize-1)/groupSize)
	for len(address) > groupSize {
		groups = append(groups, address[:groupSize])
		address = address[groupSize:]
	}
	if address != "" {
		groups = append(groups, address)
	}
	return groups
}

// Lookalike reports whether two different addresses of one network could be
// taken for each other by someone who compares their ends, as poisoned
// histories count on: they share four characters at both ends, or six at either
// end. What all addresses of a kind begin with (0x, T, bc1q) is not counted, nor
// is the difference between capitals and small letters. Both are in the form
// that CheckAddress returns.
func Lookalike(a, b string) bool {
	if a == b || strings.HasPrefix(a, "0x") && strings.EqualFold(a, b) {
		return false
	}
	front := shared(distinct(a), distinct(b))
	back := shared(reversed(distinct(a)), reversed(distinct(b)))
	return front >= 4 && back >= 4 || front >= 6 || back >= 6
}

// distinct returns the lower-case characters of an address in which it can
// differ from another of its kind.
func distinct(address string) string {
	for _, prefix := range []string{"0x", "bc1q", "bc1p", "T", "1", "3"} {
		// A Solana address has no prefix but may begin with T, 1 or 3. Nearly all
		// are longer than the 34 characters of the addresses that have one.
		if rest, ok := strings.CutPrefix(address, prefix); ok && (len(prefix) > 1 || len(address) <= 35) {
			address = rest
			break
		}
	}
	return strings.ToLower(address)
}

// shared returns how many characters a and b have in common from the start.
func shared(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func reversed(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}
