package desk

import "sync"

// Counting is held by whoever counts.
func (s *Service) Counting() *sync.Mutex { return &s.counting }
