package auditlog

import (
	"encoding/json"
	"errors"
)

var errEntry = errors.New("auditlog: not an entry of this log")

// parseObject reads a JSON object of strings. What it passes over (order, spaces, members said twice) is seen by whoever writes the
// object again and compares.
func parseObject(text []byte) (map[string]string, error) {
	m := map[string]string{}
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, errEntry
	}
	return m, nil
}
