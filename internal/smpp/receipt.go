package smpp

import (
	"bytes"
	"fmt"
	"strings"
)

// Receipt is a centre's word on how a message fared.
type Receipt struct {
	// ID is the message's, as the answer to submit_sm gave it.
	ID string
	// Delivered is false where the message is given up.
	Delivered bool
	// Reason is the state and the network's error, such as "UNDELIV 034"; of a message that was delivered, "DELIVRD 000".
	Reason string
}

// The optional parameters of a receipt (5.3.2).
const (
	optionMessageID    uint16 = 0x001e
	optionState        uint16 = 0x0427
	optionNetworkError uint16 = 0x0423
)

// states are the final states of 5.2.28 by their words of appendix B. What is not in here is on its way still, or unknown.
var states = map[string]bool{"DELIVRD": true, "EXPIRED": false, "DELETED": false, "UNDELIV": false, "REJECTD": false}

var stateWords = map[byte]string{2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 8: "REJECTD"}

// parseReceipt reads a deliver_sm. ok is false for what says nothing final of a message of ours, such as a customer's answer.
func parseReceipt(body []byte) (rc Receipt, ok bool) {
	r := reader{rest: body}
	r.text() // service type
	for range 2 {
		r.octets(2)
		r.text()
	}
	class := r.octets(3)[0]
	r.text()
	r.text()
	length := int(r.octets(5)[4])
	message := bytes.Clone(r.octets(length))
	if r.err != nil || class&0x3c != 0x04 {
		return rc, false
	}
	// A receipt whose optional parameters are broken may still be read by its text.
	options := r.options()
	fields := receiptFields(string(message))
	rc.ID = strings.TrimRight(string(options[optionMessageID]), "\x00")
	if rc.ID == "" {
		rc.ID = fields["id"]
	}
	state := strings.ToUpper(fields["stat"])
	if octet := options[optionState]; len(octet) == 1 {
		state = stateWords[octet[0]]
	}
	network := fields["err"]
	if octets := options[optionNetworkError]; network == "" && len(octets) == 3 {
		network = fmt.Sprintf("%d", int(octets[1])<<8|int(octets[2]))
	}
	delivered, final := states[state]
	rc.Delivered, rc.Reason = delivered, strings.TrimSpace(state+" "+plain(network))
	return rc, final && rc.ID != ""
}

// receiptFields reads "id:1 sub:001 … stat:DELIVRD err:000 text:…" (appendix B). What follows "text:" is a customer's message and is
// not looked at: it could have fields of its own.
func receiptFields(s string) map[string]string {
	if i := strings.Index(strings.ToLower(s), "text:"); i >= 0 {
		s = s[:i]
	}
	out := map[string]string{}
	for _, word := range strings.Fields(s) {
		if name, value, ok := strings.Cut(word, ":"); ok {
			out[strings.ToLower(name)] = value
		}
	}
	return out
}

// plain keeps of a field what may be stored and logged.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, s[:min(len(s), 16)])
}
