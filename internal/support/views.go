package support

import (
	"errors"
	"strconv"
	"time"

	"countersign/internal/store"
)

// TicketView is a request as the customer sees it.
type TicketView struct {
	TicketHead
	Messages   []MessageView   `json:"messages"`
	Recordings []RecordingView `json:"recordings"`
	HasReport  bool            `json:"has_report"`
	Attempt    *AttemptView    `json:"attempt"`
}

// TicketHead is a request in a list.
type TicketHead struct {
	ID        string    `json:"id"`
	Number    string    `json:"number"`
	Topic     string    `json:"topic"`
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// DeleteAt is when a resolved request is deleted, with all that belongs to it.
	DeleteAt *time.Time `json:"delete_at"`
}

// Opened is what somebody without a session is answered: nothing that only the address's owner may know.
type Opened struct {
	Number string `json:"number"`
	State  string `json:"state"`
}

// MessageView is a message as the customer sees it.
type MessageView struct {
	ID        string    `json:"id"`
	Author    string    `json:"author"` // customer | support
	Name      string    `json:"name"`   // of who answered
	Body      string    `json:"body"`
	CreatedAt time.Time `json:"created_at"`
}

// AttemptView is an attempt as the customer sees it.
type AttemptView struct {
	Reference string     `json:"reference"`
	Operation string     `json:"operation"`
	Outcome   string     `json:"outcome"`
	Steps     []StepView `json:"steps"`
}

// StepView is a step of an attempt.
type StepView struct {
	Step      string    `json:"step"`
	At        time.Time `json:"at"`
	Error     string    `json:"error"`
	Code      string    `json:"code"`
	ElapsedMS *int64    `json:"elapsed_ms"`
}

func (s *Service) head(t *store.Ticket) TicketHead {
	h := TicketHead{ID: t.ID, Number: store.TicketNumber(t.Number), Topic: t.Topic, State: t.State, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt}
	if !t.ResolvedAt.IsZero() {
		at := t.ResolvedAt.Add(s.Retention)
		h.DeleteAt = &at
	}
	return h
}

func (s *Service) view(tx *store.Tx, t *store.Ticket) (*TicketView, error) {
	v := &TicketView{TicketHead: s.head(t), Messages: []MessageView{}, Recordings: []RecordingView{}, HasReport: t.HasReport}
	messages, err := tx.TicketMessages(t.ID)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		v.Messages = append(v.Messages, messageView(m))
	}
	recordings, err := tx.TicketRecordings(t.ID)
	if err != nil {
		return nil, err
	}
	for i := range recordings {
		v.Recordings = append(v.Recordings, ViewRecording(&recordings[i]))
	}
	_, v.Attempt, err = attemptOf(tx, t)
	return v, err
}

func messageView(m store.TicketMessage) MessageView {
	v := MessageView{ID: m.ID, Author: m.Author, Name: m.OperatorName, Body: m.Body, CreatedAt: m.CreatedAt}
	if m.Author == store.ByOperator {
		v.Author = "support"
	}
	return v
}

// attemptOf reads the attempt of a ticket; nil where it has none, or where that is long over.
func attemptOf(tx *store.Tx, t *store.Ticket) (*store.Attempt, *AttemptView, error) {
	if t.AttemptID == "" {
		return nil, nil, nil
	}
	a, err := tx.Attempt(t.AttemptID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	v, err := attemptView(tx, a)
	return a, v, err
}

func attemptView(tx *store.Tx, a *store.Attempt) (*AttemptView, error) {
	list, err := tx.AttemptSteps(a.ID)
	out := &AttemptView{Reference: a.Reference, Operation: a.Operation, Outcome: a.Outcome, Steps: []StepView{}}
	for _, one := range list {
		v := StepView{Step: one.Step, At: one.At, Error: one.Data["error"], Code: one.Data["code"]}
		if ms, err := strconv.ParseInt(one.Data["elapsed_ms"], 10, 64); err == nil {
			v.ElapsedMS = &ms
		}
		out.Steps = append(out.Steps, v)
	}
	return out, err
}
