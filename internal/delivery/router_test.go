package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// route is a router over carriers named a, b and so on.
func route(t *testing.T, log *bytes.Buffer, routes map[string][]string, carriers ...Carrier) *Router {
	t.Helper()
	c := RouterConfig{Channel: ChannelSMS, Routes: routes, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
	if log != nil {
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
	}
	for i, carrier := range carriers {
		c.Members = append(c.Members, Member{Name: string(rune('a' + i)), Kind: "test", Carrier: carrier})
	}
	r, err := NewRouter(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// moody is a carrier whose answer can be changed; it counts how often it was asked.
type moody struct {
	carrierFunc
	err   atomic.Pointer[error]
	asked atomic.Int32
}

func newMoody(err error) *moody {
	m := &moody{}
	m.set(err)
	m.send = func(ctx context.Context, _ Message) error {
		m.asked.Add(1)
		err := *m.err.Load()
		if errors.Is(err, errHang) {
			<-ctx.Done()
			return ctx.Err()
		}
		return err
	}
	return m
}

func (m *moody) set(err error) { m.err.Store(&err) }

var (
	errDown = errors.New("down")
	errHang = errors.New("hangs")
)

func sms(text string) Message { return Message{Channel: ChannelSMS, To: "+447700900078", Text: text} }

func TestTheNextCarrierIsAskedAtOnce(t *testing.T) {
	a, b := newMoody(errDown), newMoody(nil)
	r := route(t, nil, nil, a, b)
	receipt, err := r.Send(t.Context(), sms("m"))
	if err != nil || receipt != (Receipt{"b", "id-m"}) || a.asked.Load() != 1 || b.times("m") != 1 {
		t.Errorf("%+v, %v", receipt, err)
	}
	b.set(errDown)
	if _, err := r.Send(t.Context(), sms("m")); err == nil || errors.Is(err, ErrPermanent) || !strings.Contains(err.Error(), "a: down") || !strings.Contains(err.Error(), "b: down") {
		t.Errorf("%v", err)
	}
}

func TestARecipientWhoIsRefusedForGoodIsNotTakenElsewhere(t *testing.T) {
	a, b := newMoody(fmt.Errorf("550: %w", ErrPermanent)), newMoody(nil)
	r := route(t, nil, nil, a, b)
	for range 2 * mostFailures {
		if receipt, err := r.Send(t.Context(), sms("m")); !errors.Is(err, ErrPermanent) || receipt.Carrier != "a" {
			t.Errorf("%+v, %v", receipt, err)
		}
	}
	if b.asked.Load() != 0 || Status(map[string]Carrier{ChannelSMS: r})[0].Resting {
		t.Error("refusals of recipients count against the carrier")
	}
}

func TestACarrierThatAnswersIsNotRested(t *testing.T) {
	a, b := newMoody(fmt.Errorf("no route: %w", ErrElsewhere)), newMoody(nil)
	r := route(t, nil, nil, a, b)
	for range 2 * mostFailures {
		if _, err := r.Send(t.Context(), sms("m")); err != nil {
			t.Error(err)
		}
	}
	if a.asked.Load() != 2*mostFailures {
		t.Errorf("asked %d times", a.asked.Load())
	}
}

func TestACarrierThatFailsIsRestedAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		a, b := newMoody(errHang), newMoody(nil)
		r := route(t, &log, nil, a, b)
		begun := time.Now()
		for range mostFailures {
			if receipt, err := r.Send(t.Context(), sms("m")); err != nil || receipt.Carrier != "b" {
				t.Fatal(receipt, err)
			}
		}
		if took := time.Since(begun); took != mostFailures*memberTimeout {
			t.Errorf("it hung for %v", took)
		}
		rested := time.Now()
		if s := Status(map[string]Carrier{ChannelSMS: r})[0]; !s.Resting || s.Until != rested.Add(firstRest) || s.Failures != mostFailures || !strings.Contains(s.LastError, "deadline") || s.Failed != mostFailures {
			t.Errorf("%+v", s)
		}
		// While it rests, and while it stays away, no more than one message an interval waits for it.
		for range 600 {
			before := time.Now()
			if _, err := r.Send(t.Context(), sms("m")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second - min(time.Second, time.Since(before)))
		}
		if n := a.asked.Load() - mostFailures; n < 3 || n > 5 { // after 30 s, 1, 2, 4 minutes
			t.Errorf("it was tried %d times in ten minutes", n)
		}
		a.set(nil)
		for range int(longestRest.Seconds()) + 1 {
			if _, err := r.Send(t.Context(), sms("m")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if receipt, err := r.Send(t.Context(), sms("m")); err != nil || receipt.Carrier != "a" {
			t.Errorf("%+v, %v", receipt, err)
		}
		if s := Status(map[string]Carrier{ChannelSMS: r})[0]; s.Resting || s.Failures != 0 {
			t.Errorf("%+v", s)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "carrier rests") || !strings.Contains(log.String(), "carrier is back") {
			t.Errorf("not one line for each turn:\n%s", log.String())
		}
	})
}

func TestOneMessageTriesWhetherACarrierIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newMoody(errDown)
		r := route(t, nil, nil, a)
		for range mostFailures {
			_, _ = r.Send(t.Context(), sms("m"))
		}
		var wait *Wait
		if _, err := r.Send(t.Context(), sms("m")); !errors.As(err, &wait) || !wait.Until.Equal(time.Now().Add(firstRest)) {
			t.Fatalf("%v", err)
		}
		time.Sleep(firstRest)
		a.set(errHang)
		before := a.asked.Load()
		var waits atomic.Int32
		for range 100 {
			go func() {
				if _, err := r.Send(t.Context(), sms("m")); errors.As(err, new(*Wait)) {
					waits.Add(1)
				}
			}()
		}
		synctest.Wait()
		if a.asked.Load() != before+1 || waits.Load() != 99 {
			t.Errorf("%d tries, %d wait", a.asked.Load()-before, waits.Load())
		}
		time.Sleep(memberTimeout)
	})
}

func TestTheLongestBeginningOfANumberChooses(t *testing.T) {
	a, b, c := newMoody(nil), newMoody(nil), newMoody(nil)
	r := route(t, nil, map[string][]string{"+44": {"b"}, "+447700": {"c", "a"}, "+1": {"c"}}, a, b, c)
	for to, want := range map[string]string{"+4420": "b", "+447700900078": "c", "+12025550100": "c", "+4915": "a", "+4": "a"} {
		if receipt, err := r.Send(t.Context(), Message{To: to, Text: "m"}); err != nil || receipt.Carrier != want {
			t.Errorf("%s went by %+v, %v; want %s", to, receipt, err, want)
		}
	}
	// Nobody else is asked than those who were chosen.
	b.set(errDown)
	if _, err := r.Send(t.Context(), Message{To: "+4420", Text: "m"}); err == nil {
		t.Error("another carrier took it")
	}
}

func TestStoppingSaysNothingAgainstACarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newMoody(errHang)
		r := route(t, nil, nil, a)
		for range 2 * mostFailures {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if _, err := r.Send(ctx, sms("m")); err == nil {
				t.Fatal("sent")
			}
		}
		if s := Status(map[string]Carrier{ChannelSMS: r})[0]; s.Failures != 0 || s.Resting {
			t.Errorf("%+v", s)
		}
	})
}

func TestMessagesOutliveAnOutageOfEveryCarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		a, b := newMoody(errHang), newMoody(errDown)
		// Each copy has its own idea of how carriers fare; a message is sent by one.
		var stops []func()
		for range 3 {
			stops = append(stops, run(t, newWorker(o, &carrierFunc{}, route(t, nil, nil, a, b))))
		}
		for i := range 200 {
			o.queue(fmt.Sprint("m-", i), ChannelSMS, 0)
		}
		time.Sleep(4 * time.Minute)
		if n := o.count("queued"); n != 200 {
			t.Fatalf("%d of 200 wait", n)
		}
		b.set(nil)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		for _, stop := range stops {
			stop()
		}
		if distinct, all := b.total(); distinct != 200 || all != 200 || o.count("sent") != 200 {
			t.Errorf("%d messages, sent %d times, %d noted", distinct, all, o.count("sent"))
		}
		if by := o.row("m-7").by; by != (Receipt{"b", "id-m-7"}) {
			t.Errorf("%+v", by)
		}
	})
}

// A carrier that hangs for one country: what goes to others by another carrier waits no longer than until the first is rested.
func TestACarrierThatHangsHoldsUpNoOtherCountryForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		a, b := newMoody(errHang), newMoody(nil)
		stop := run(t, newWorker(o, &carrierFunc{}, route(t, nil, map[string][]string{"+44": {"a"}, "+49": {"b"}}, a, b)))
		for i := range 500 {
			o.queueTo("+447700900078", fmt.Sprint("uk-", i), ChannelSMS, 0)
		}
		time.Sleep(3 * memberTimeout)
		begun := time.Now()
		for i := range 20 {
			o.queueTo("+4915112345678", fmt.Sprint("de-", i), ChannelSMS, 0)
		}
		for {
			synctest.Wait()
			if _, all := b.total(); all == 20 {
				break
			}
			if time.Since(begun) > time.Minute {
				t.Fatal("they wait")
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(begun); took > memberTimeout {
			t.Errorf("it took %v", took)
		}
		stop()
	})
}

func TestRoutersAreChecked(t *testing.T) {
	good := Member{Name: "a", Carrier: &carrierFunc{}}
	for name, c := range map[string]RouterConfig{
		"nobody":             {},
		"no name":            {Members: []Member{{Carrier: &carrierFunc{}}}},
		"a path as its name": {Members: []Member{{Name: "../a", Carrier: &carrierFunc{}}}},
		"twice":              {Members: []Member{good, good}},
		"an unknown one":     {Members: []Member{good}, Routes: map[string][]string{"+44": {"b"}}},
		"a route to nobody":  {Members: []Member{good}, Routes: map[string][]string{"+44": {}}},
		"a route twice":      {Members: []Member{good}, Routes: map[string][]string{"+44": {"a", "a"}}},
		"a country's name":   {Members: []Member{good}, Routes: map[string][]string{"GB": {"a"}}},
		"no digits":          {Members: []Member{good}, Routes: map[string][]string{"+": {"a"}}},
	} {
		if _, err := NewRouter(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
