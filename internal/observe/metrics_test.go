package observe

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestACarrierThatRestsOrLostItsConnectionIsShown(t *testing.T) {
	o, err := New(t.Context(), Options{Build: "test", Metrics: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	o.Watch(Sources{
		UnderWay: func() int64 { return 0 }, Waiting: func() int { return 0 }, Hashing: func() (int, int, int) { return 0, 0, 0 },
		Behind: func() time.Duration { return 0 }, Now: time.Now, Backlog: func(context.Context) ([]Backlog, error) { return nil, nil },
		Carriers: func() []Carrier {
			return []Carrier{{Channel: "email", Name: "main", Resting: true}, {Channel: "sms", Name: "operator", Connected: &no}, {Channel: "sms", Name: "spare", Connected: &yes}}
		},
	})
	w := httptest.NewRecorder()
	o.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`countersign_carrier_resting{carrier="main",channel="email"} 1`,
		`countersign_carrier_resting{carrier="operator",channel="sms"} 0`,
		`countersign_carrier_connected{carrier="operator",channel="sms"} 0`,
		`countersign_carrier_connected{carrier="spare",channel="sms"} 1`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("metrics lack %s", line)
		}
	}
	if strings.Contains(w.Body.String(), `countersign_carrier_connected{carrier="main"`) {
		t.Error("a carrier that keeps no connection is said to have one or not")
	}
}
