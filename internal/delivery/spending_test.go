package delivery

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCallingCodes(t *testing.T) {
	for to, want := range map[string]string{"+12025550100": "+1", "+79161234567": "+7", "+447700900078": "+44", "+353851234567": "+353", "+886912345678": "+886", "+8613912345678": "+86", "+88212345678": "+882",
		"+2348031234567": "+234", "+27821234567": "+27", "+4": "+4", "": "+"} {
		if got := CallingCode(to); got != want {
			t.Errorf("%s is of %s, not %s", to, got, want)
		}
	}
}

func TestTheLongestBeginningBounds(t *testing.T) {
	s := &Spending{Country: Ceiling{10, 20}, Total: Ceiling{100, 200}, Prefixes: map[string]Ceiling{"+1876": {1, 2}, "+44": {50, 60}}}
	for to, want := range map[string]string{
		"+18765550100":  "+1876 hour 1, +1876 day 2, all hour 100, all day 200",
		"+12025550100":  "+1 hour 10, +1 day 20, all hour 100, all day 200",
		"+447700900078": "+44 hour 50, +44 day 60, all hour 100, all day 200",
	} {
		var got []string
		for _, u := range s.Uses(to) {
			got = append(got, fmt.Sprint(u.Label, " ", u.Limit))
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("%s: %s", to, text)
		}
	}
	if uses := (*Spending)(nil).Uses("+44"); uses != nil {
		t.Errorf("%v", uses)
	}
}

func TestWhatIsBeyondABoundWaitsOrEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := newOutbox(t)
		carrier := newMoody(nil)
		w := newWorker(o, &carrierFunc{}, carrier)
		w.Spending = &Spending{Country: Ceiling{3, 5}, Total: Ceiling{100, 100}, Prefixes: map[string]Ceiling{"+882": {0, 0}}}
		w.Logger = slog.New(slog.NewTextHandler(&log, nil))
		stop := run(t, w)
		for i := range 7 {
			o.queueTo("+447700900078", fmt.Sprint("news-", i), ChannelSMS, 72*time.Hour)
		}
		time.Sleep(time.Minute)
		for i := range 4 {
			o.queueTo("+447700900078", fmt.Sprint("code-", i), ChannelSMS, 10*time.Minute)
		}
		o.queueTo("+88212345678", "nowhere", ChannelSMS, 10*time.Minute)
		o.queueTo("+4915112345678", "elsewhere", ChannelSMS, 10*time.Minute)
		o.queue("mail", ChannelEmail, time.Hour)
		time.Sleep(time.Minute)
		synctest.Wait()
		// Three to Britain, one to Germany, one mail. Codes that would be dead by the next hour end now; what lives longer waits.
		if sent, failed := o.count("sent"), o.count("failed"); sent != 5 || failed != 5 {
			t.Errorf("%d sent, %d failed", sent, failed)
		}
		if r := o.row("code-0"); r.state != "failed" || r.reason != "spending limit +44 hour" {
			t.Errorf("%+v", r)
		}
		if r := o.row("nowhere"); r.state != "failed" || !strings.HasPrefix(r.reason, "spending limit +882") {
			t.Errorf("%+v", r)
		}
		time.Sleep(time.Hour)
		if n := carrier.asked.Load(); n != 1+5 {
			t.Errorf("%d messages after an hour", n)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := o.count("sent"); n != 2+7 {
			t.Errorf("%d sent after a day", n)
		}
		limits := map[string]LimitStatus{}
		for _, l := range w.Limits() {
			limits[l.Label] = l
		}
		if limits["+44 hour"].Refused == 0 || limits["+44 day"].Until.IsZero() || limits["+882 day"].Refused+limits["+882 hour"].Refused != 1 || len(limits) != 3 {
			t.Errorf("%+v", limits)
		}
		if n := strings.Count(log.String(), "spending limit reached"); n < 3 || n > 6 || strings.Contains(log.String(), "7700900078") {
			t.Errorf("%d lines:\n%s", n, log.String())
		}
		stop()
	})
}

func TestAMessageThatIsTriedAgainCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		carrier := newMoody(errDown)
		w := newWorker(o, &carrierFunc{}, carrier)
		w.Spending = &Spending{Country: Ceiling{1, 1}, Total: Ceiling{1, 1}}
		stop := run(t, w)
		o.queueTo("+447700900078", "m", ChannelSMS, time.Hour)
		time.Sleep(time.Minute)
		carrier.set(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if r := o.row("m"); r.state != "sent" || carrier.asked.Load() < 3 {
			t.Errorf("%s after %d tries", r.state, carrier.asked.Load())
		}
		stop()
	})
}
