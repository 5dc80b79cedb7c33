package desk

import (
	"context"
	"strings"
	"time"
	"unicode"

	"countersign/internal/contact"
	"countersign/internal/delivery"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// OperatorView is an operator as their colleagues see them. Email is "" to those who may not change operators.
type OperatorView struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Initials  string     `json:"initials"`
	Role      Role       `json:"role"`
	Email     string     `json:"email"`
	State     string     `json:"state"` // invited | active | ended
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at"`
}

// Invited is an operator and the link by which they make their passkey: the one time that its token is known.
type Invited struct {
	Operator  OperatorView `json:"operator"`
	Link      string       `json:"link"`
	ExpiresAt time.Time    `json:"expires_at"`
}

func (s *Service) viewOperator(tx *store.Tx, o *store.Operator, withEmail bool) (OperatorView, error) {
	v := OperatorView{ID: o.ID, Name: o.Name, Initials: initials(o.Name), Role: Role(o.Role), State: "active", CreatedAt: o.CreatedAt, EndedAt: stamp(o.EndedAt)}
	switch {
	case !o.EndedAt.IsZero():
		v.State = "ended"
	case o.Passkeys == 0:
		v.State = "invited"
	}
	if !withEmail {
		return v, nil
	}
	var err error
	v.Email, err = tx.OperatorEmail(o)
	return v, err
}

func initials(name string) string {
	words := strings.Fields(name)
	var out []rune
	for i, word := range words {
		if i == 0 || i == len(words)-1 {
			out = append(out, unicode.ToUpper([]rune(word)[0]))
		}
	}
	return string(out)
}

// OperatorList are all operators.
type OperatorList struct {
	Items []OperatorView `json:"items"`
}

// List lists the operators, ended ones too.
func (s *Service) List(ctx context.Context, c Caller) (*OperatorList, error) {
	out := &OperatorList{Items: []OperatorView{}}
	err := s.look(ctx, c, "", "desk.operators_seen", nil, func(tx *store.Tx) error {
		list, err := tx.Operators()
		if err != nil {
			return err
		}
		out.Items = out.Items[:0]
		for i := range list {
			v, err := s.viewOperator(tx, &list[i], c.May(Operators))
			if err != nil {
				return err
			}
			out.Items = append(out.Items, v)
		}
		return nil
	})
	return out, err
}

// Person is who is to become an operator.
type Person struct {
	Name, Email string
	Role        Role
}

func (p Person) tidy() (Person, error) {
	name, err := line("name", p.Name, 64)
	if err != nil {
		return p, err
	}
	email, err := contact.NormalizeEmail(p.Email)
	if err != nil {
		return p, refusal.Field("invalid_request", "email", "Enter an e-mail address like name@example.com.")
	}
	if _, known := Roles[p.Role]; !known {
		return p, refusal.Field("invalid_request", "role", "The roles are support, security and admin.")
	}
	return Person{Name: name, Email: email, Role: p.Role}, nil
}

// Invite makes an operator, who gets in by the link alone.
func (s *Service) Invite(ctx context.Context, c Caller, p Person) (*Invited, error) {
	var out *Invited
	data := map[string]string{}
	err := s.act(ctx, c, "", "desk.operator_invited", data, "", func(tx *store.Tx) error {
		p, err := p.tidy()
		if err != nil {
			return err
		}
		known, err := s.byEmail(tx, p.Email)
		if err != nil {
			return err
		}
		if known != nil {
			return refusal.New("conflict", "Somebody with this e-mail address is an operator already. Invite them again instead.")
		}
		out, err = s.add(tx, p, c.Operator.ID, s.Carriers[delivery.ChannelEmail] != nil)
		if err == nil {
			data["operator"], data["role"] = out.Operator.ID, string(p.Role)
		}
		return err
	})
	return out, err
}

// InviteByCommand is Invite by somebody who has the database and its key. Whoever is an operator already is invited again: that is
// how the last admin gets back in after losing a device. mail tells whether a running service will carry a message.
func (s *Service) InviteByCommand(ctx context.Context, p Person, mail bool) (*Invited, error) {
	p, err := p.tidy()
	if err != nil {
		return nil, err
	}
	var out *Invited
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		known, err := s.byEmail(tx, p.Email)
		switch {
		case err != nil:
			return err
		case known != nil && Role(known.Role) != p.Role:
			return refusal.Field("conflict", "role", "Somebody with this e-mail address is an operator with the role "+known.Role+".")
		case known != nil:
			out, err = s.link(tx, known, p.Email, mail)
		default:
			out, err = s.add(tx, p, "", mail)
		}
		if err != nil {
			return err
		}
		return tx.Record(store.Event{Kind: "desk.operator_invited", OK: true, Data: map[string]string{"operator": out.Operator.ID, "role": string(p.Role), "by": "command"}})
	})
	return out, err
}

// Empty tells whether nobody can sign in at the desk yet.
func (s *Service) Empty(ctx context.Context) (empty bool, err error) {
	err = s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		n, err := tx.CountOperators("")
		empty = n == 0
		return err
	})
	return empty, err
}

// byEmail finds the operator with an address, unless ended; nil if there is none. There are few, and their addresses are sealed.
func (s *Service) byEmail(tx *store.Tx, email string) (*store.Operator, error) {
	list, err := tx.Operators()
	if err != nil {
		return nil, err
	}
	for i := range list {
		if !list[i].EndedAt.IsZero() {
			continue
		}
		if has, err := tx.OperatorEmail(&list[i]); err != nil || has == email {
			return &list[i], err
		}
	}
	return nil, nil
}

func (s *Service) add(tx *store.Tx, p Person, by string, mail bool) (*Invited, error) {
	o := &store.Operator{ID: secret.NewID("opr", tx.Now), Handle: secret.Random(64), Name: p.Name, Role: string(p.Role), InvitedBy: by, CreatedAt: tx.Now}
	if err := tx.AddOperator(o, p.Email); err != nil {
		return nil, err
	}
	return s.link(tx, o, p.Email, mail)
}

// link makes an invitation; those before it are void.
func (s *Service) link(tx *store.Tx, o *store.Operator, email string, mail bool) (*Invited, error) {
	token, hash := secret.NewToken()
	out := &Invited{ExpiresAt: tx.Now.Add(InvitationLife)}
	if err := tx.AddInvitation(hash, o.ID, out.ExpiresAt); err != nil {
		return nil, err
	}
	// In the fragment, which no server, proxy or referrer sees.
	out.Link = s.Origins[0] + "/operator/accept#" + token
	var err error
	if out.Operator, err = s.viewOperator(tx, o, true); err != nil || !mail {
		return out, err
	}
	return out, tx.Queue("", s.Engine.Notifier.Brand.InvitationEmail(email, o.Name, out.Link, out.ExpiresAt), out.ExpiresAt)
}

// InviteAgain makes a new link for an operator who has lost their passkey, or the link. Accepting it replaces the passkey.
func (s *Service) InviteAgain(ctx context.Context, c Caller, id string) (*Invited, error) {
	var out *Invited
	err := s.act(ctx, c, "", "desk.operator_invited", map[string]string{"operator": id, "again": "yes"}, "", func(tx *store.Tx) error {
		o, err := active(tx, id)
		if err != nil {
			return err
		}
		email, err := tx.OperatorEmail(o)
		if err != nil {
			return err
		}
		out, err = s.link(tx, o, email, s.Carriers[delivery.ChannelEmail] != nil)
		return err
	})
	return out, err
}

// SetRole gives an operator another role, from their next request on.
func (s *Service) SetRole(ctx context.Context, c Caller, id string, role Role) (*OperatorView, error) {
	var out OperatorView
	err := s.act(ctx, c, "", "desk.operator_role", map[string]string{"operator": id, "role": string(role)}, "", func(tx *store.Tx) error {
		if _, known := Roles[role]; !known {
			return refusal.Field("invalid_request", "role", "The roles are support, security and admin.")
		}
		o, err := active(tx, id)
		if err != nil {
			return err
		}
		if role != Admin {
			if err := s.notTheLast(tx, o); err != nil {
				return err
			}
		}
		if _, err := tx.SetRole(id, string(role)); err != nil {
			return err
		}
		o.Role = string(role)
		out, err = s.viewOperator(tx, o, true)
		return err
	})
	return &out, err
}

// End ends an operator: signed out everywhere at once, and their links are void.
func (s *Service) End(ctx context.Context, c Caller, id string) (*OperatorView, error) {
	var out OperatorView
	err := s.act(ctx, c, "", "desk.operator_ended", map[string]string{"operator": id}, "", func(tx *store.Tx) error {
		o, err := active(tx, id)
		if err != nil {
			return err
		}
		if err := s.notTheLast(tx, o); err != nil {
			return err
		}
		if _, err := tx.EndOperator(id); err != nil {
			return err
		}
		o.EndedAt = tx.Now
		out, err = s.viewOperator(tx, o, true)
		return err
	})
	return &out, err
}

// notTheLast refuses to take the role from the last admin who can sign in: nobody could invite another.
func (s *Service) notTheLast(tx *store.Tx, o *store.Operator) error {
	if Role(o.Role) != Admin || o.Passkeys == 0 {
		return nil
	}
	n, err := tx.CountOperators(string(Admin))
	if err == nil && n <= 1 {
		err = refusal.New("conflict", "This is the last admin who can sign in. Make somebody else an admin first.")
	}
	return err
}

func active(tx *store.Tx, id string) (*store.Operator, error) {
	o, err := tx.Operator(id)
	if err == nil && !o.EndedAt.IsZero() {
		err = store.ErrNotFound
	}
	return o, notFound(err, "operator")
}
