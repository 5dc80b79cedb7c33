package support

import "countersign/internal/verification"

// Service runs the flows. Its fields are set once.
type Service struct {
	Engine *verification.Engine
}
