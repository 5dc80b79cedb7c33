package verification

import (
	"encoding/binary"
	"time"

	"countersign/internal/secret"
)

// A login challenge authenticates itself, so that issuing one stores nothing: version (1 byte), key id (4), epoch (4),
// expiry in Unix milliseconds (8), nonce (16), and a MAC (32) over all these with purpose, origin and relying party.
const (
	loginHeader = 1 + 4 + 4 + 8 + 16
	loginSize   = loginHeader + 32
)

// SealLoginChallenge makes a login challenge for one origin, good for ChallengeLife.
func SealLoginChallenge(keys *secret.Keys, epoch int64, now time.Time, origin, rpID string) []byte {
	b := make([]byte, 0, loginSize)
	b = append(b, 1)
	id := keys.ID()
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(epoch))
	b = binary.BigEndian.AppendUint64(b, uint64(now.Add(ChallengeLife).UnixMilli()))
	b = append(b, secret.Random(16)...)
	return append(b, keys.MAC("login-challenge", b, []byte("login"), []byte(origin), []byte(rpID))...)
}

// OpenLoginChallenge checks a login challenge. genuine is false unless the service made it for this origin in this epoch;
// expired tells that it did, too long ago, or while the clock was ahead: it would live on until the clock had caught up, and longer
// than it is remembered that it was spent. nonce is what is to be spent.
func OpenLoginChallenge(keys *secret.Keys, epoch int64, now time.Time, origin, rpID string, challenge []byte) (nonce []byte, expires time.Time, genuine, expired bool) {
	if len(challenge) != loginSize || challenge[0] != 1 {
		return nil, time.Time{}, false, false
	}
	head, mac := challenge[:loginHeader], challenge[loginHeader:]
	if !keys.CheckMAC(mac, "login-challenge", head, []byte("login"), []byte(origin), []byte(rpID)) {
		return nil, time.Time{}, false, false
	}
	if binary.BigEndian.Uint32(head[5:9]) != uint32(epoch) {
		return nil, time.Time{}, false, false
	}
	expires = time.UnixMilli(int64(binary.BigEndian.Uint64(head[9:17])))
	return head[17:loginHeader], expires, true, !expires.After(now) || expires.After(now.Add(ChallengeLife))
}
