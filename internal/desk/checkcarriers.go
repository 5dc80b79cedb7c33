package desk

import (
	"context"
	"fmt"

	"countersign/internal/delivery"
)

// checkCarriers looks at each carrier of a channel that has several. Those that can be asked are asked; of the others, what was sent tells.
func (s *Service) checkCarriers(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	answers := map[string]map[string]error{}
	several := map[string]int{}
	status := delivery.Status(s.Carriers)
	for _, one := range status {
		several[one.Channel]++
	}
	for channel, carrier := range s.Carriers {
		if asks, can := carrier.(interface {
			Answers(context.Context) map[string]error
		}); can && several[channel] > 1 {
			answers[channel] = asks.Answers(ctx)
		}
	}
	var out []Check
	for _, one := range status {
		if several[one.Channel] < 2 && !one.Resting {
			continue
		}
		c := Check{Group: "messages", ID: "carrier/" + one.Channel + "/" + one.Name, Title: "Carrier " + one.Name, Status: OK, Found: fmt.Sprintf("%d taken here since the start", one.Sent)}
		if err := answers[one.Channel][one.Name]; err != nil {
			c.Found = err.Error()
			c = c.worse(Warn, "a carrier that answers", "Others take its messages meanwhile. Look at host, port, user and the network.")
		}
		if one.Resting {
			c.Found = fmt.Sprintf("rests since %s: %s", one.Since.UTC().Format("2 Jan, 15:04 UTC"), one.LastError)
			c = c.worse(Warn, "a carrier in use", "It failed several times in a row. It is used again as soon as one message comes through.")
		}
		out = append(out, c)
	}
	return out
}

// checkSpending tells which bounds of what text messages may cost are reached now.
func (s *Service) checkSpending(context.Context) []Check {
	if s.Limits == nil {
		return nil
	}
	c := Check{Group: "messages", ID: "spending", Title: "Spending on SMS", Status: OK, Found: "no limit is reached"}
	now := s.Engine.DB.Now()
	for _, limit := range s.Limits() {
		if limit.Until.After(now) {
			c.Found = fmt.Sprintf("%s is reached until %s", limit.Label, limit.Until.UTC().Format("2 Jan, 15:04 UTC"))
			c = c.worse(Warn, "no limit reached", "Somebody may be pumping messages to numbers that pay. If these are your customers, raise the limit.")
		}
	}
	return []Check{c}
}
