package flowtest

import "countersign/internal/softkey"

var (
	zeroSignature = softkey.ZeroSignature()
	nobodysHandle = softkey.UserHandle(make([]byte, 64))
	noHandle      = softkey.NoUserHandle()
	evil          = softkey.Origin("https://evil.example")
)
