package verification

import (
	"encoding/binary"
	"time"

	"countersign/internal/secret"
)

// LoginChallenge is the purpose of the challenges by which customers sign in.
const LoginChallenge = "login"

// A sealed challenge authenticates itself, so that issuing one stores nothing: version (1 byte), key id (4), epoch (4),
// expiry in Unix milliseconds (8), nonce (16), and a MAC (32) over all these with purpose, origin and relying party.
const (
	sealedHeader = 1 + 4 + 4 + 8 + 16
	sealedSize   = sealedHeader + 32
)

// copyAhead is how far the time of the copy that made a challenge may be ahead of that of the copy which takes the answer. Copies
// exchange their times all the while, so that these differ by less than a second where the database answers. What is spent is
// remembered for a day beyond its expiry (store.Purge).
const copyAhead = 5 * time.Second

// SealChallenge makes a challenge for one purpose at one origin, good for ChallengeLife.
func SealChallenge(keys *secret.Keys, epoch int64, now time.Time, purpose, origin, rpID string) []byte {
	b := make([]byte, 0, sealedSize)
	b = append(b, 1)
	id := keys.ID()
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(epoch))
	b = binary.BigEndian.AppendUint64(b, uint64(now.Add(ChallengeLife).UnixMilli()))
	b = append(b, secret.Random(16)...)
	return append(b, keys.MAC("login-challenge", b, []byte(purpose), []byte(origin), []byte(rpID))...)
}

// OpenChallenge checks a sealed challenge. genuine is false unless the service made it for this purpose and origin in this epoch;
// expired tells that it did, too long ago, or while the clock was ahead by more than copies' clocks may be: it would live on until the
// clock had caught up, and longer than it is remembered that it was spent. nonce is what is to be spent.
func OpenChallenge(keys *secret.Keys, epoch int64, now time.Time, purpose, origin, rpID string, challenge []byte) (nonce []byte, expires time.Time, genuine, expired bool) {
	if len(challenge) != sealedSize || challenge[0] != 1 {
		return nil, time.Time{}, false, false
	}
	head, mac := challenge[:sealedHeader], challenge[sealedHeader:]
	if !keys.CheckMAC(mac, "login-challenge", head, []byte(purpose), []byte(origin), []byte(rpID)) {
		return nil, time.Time{}, false, false
	}
	if binary.BigEndian.Uint32(head[5:9]) != uint32(epoch) {
		return nil, time.Time{}, false, false
	}
	expires = time.UnixMilli(int64(binary.BigEndian.Uint64(head[9:17])))
	return head[17:sealedHeader], expires, true, !expires.After(now) || expires.After(now.Add(ChallengeLife+copyAhead))
}
