package approval

import (
	"crypto/sha256"
	"errors"
)

// NonceSize is the length in bytes of the random nonce of a challenge.
const NonceSize = 32

const challengeLabel = "countersign/withdrawal/v1"

// Challenge returns the WebAuthn challenge that binds an assertion to exactly
// the given details: SHA-256("countersign/withdrawal/v1" || 0x00 || nonce ||
// canonical). The nonce is 32 fresh random bytes, never used for another
// challenge. The label ends at the zero byte and the nonce has a fixed length,
// so no two inputs run together. Details that are not canonical are refused,
// as [ParseDetails] refuses them.
func Challenge(nonce, canonical []byte) ([32]byte, error) {
	if len(nonce) != NonceSize {
		return [32]byte{}, errors.New("approval: the nonce is not 32 bytes long")
	}
	if _, err := ParseDetails(canonical); err != nil {
		return [32]byte{}, err
	}
	return challenge(nonce, string(canonical)), nil
}

// challenge takes a nonce and details whose form was checked.
func challenge(nonce []byte, canonical string) [32]byte {
	message := make([]byte, 0, 1024) // on the stack, with what most details need
	message = append(message, challengeLabel...)
	message = append(message, 0)
	message = append(message, nonce...)
	message = append(message, canonical...)
	return sha256.Sum256(message)
}
