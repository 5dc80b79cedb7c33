package delivery

import (
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestCaptureKeepsTheLatest(t *testing.T) {
	c := &Capture{Now: func() time.Time { return noon }, Max: 10}
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			if _, err := c.Send(t.Context(), Message{Channel: ChannelSMS, Text: strconv.Itoa(i)}); err != nil {
				t.Error(err)
			}
			_ = c.All()
		})
	}
	group.Wait()
	all := c.All()
	if len(all) != 10 {
		t.Fatalf("%d messages are kept", len(all))
	}
	for i, m := range all {
		if m.ID != strconv.Itoa(100-i) || !m.At.Equal(noon) {
			t.Errorf("message %d is %s, of %v", i, m.ID, m.At)
		}
	}
}
