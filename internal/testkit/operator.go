package testkit

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"countersign/internal/desk"
	"countersign/internal/softkey"
)

// Operator is somebody at the support desk, their browser, and the device that holds their passkey.
type Operator struct {
	*Browser
	ID, Name, Email string
	Device          *softkey.Authenticator
}

// Operator invites somebody as the command does, and lets them accept.
func (k *Kit) Operator(role desk.Role) *Operator {
	k.T.Helper()
	o, token := k.Invite(role)
	o.Accept(token).OK()
	return o
}

// Invite invites somebody as the command does, and returns the token of their link.
func (k *Kit) Invite(role desk.Role) (*Operator, string) {
	k.T.Helper()
	k.mu.Lock()
	k.browser++
	n := k.browser
	k.mu.Unlock()
	o := &Operator{Browser: k.Browser(), Name: fmt.Sprintf("Desk Person%d", n), Email: fmt.Sprintf("desk%d@bank.example", n), Device: softkey.New(RPID, Origin)}
	invited, err := k.App.Desk.InviteByCommand(context.Background(), desk.Person{Name: o.Name, Email: o.Email, Role: role}, false)
	if err != nil {
		k.T.Fatal(err)
	}
	o.ID = invited.Operator.ID
	_, token, _ := strings.Cut(invited.Link, "#")
	return o, token
}

// Accept makes the operator's passkey and gives it to an invitation.
func (o *Operator) Accept(token string, tweaks ...softkey.Tweak) *Answer {
	o.Kit.T.Helper()
	return o.GiveInvitation(token, o.Attest(o.InvitationOptions(token), tweaks...))
}

// InvitationOptions asks for the options of the creation that an invitation is for.
func (o *Operator) InvitationOptions(token string) json.RawMessage {
	o.Kit.T.Helper()
	return o.options("/v1/desk/invitations/options", map[string]any{"token": token})
}

// GiveInvitation answers an invitation with a credential.
func (b *Browser) GiveInvitation(token string, credential []byte) *Answer {
	b.Kit.T.Helper()
	return b.Post("/v1/desk/invitations/accept", map[string]any{"token": token, "credential": json.RawMessage(credential)})
}

// Attest makes a new key on the operator's device.
func (o *Operator) Attest(publicKey json.RawMessage, tweaks ...softkey.Tweak) []byte {
	o.Kit.T.Helper()
	credential, err := o.Device.Create(publicKey, tweaks...)
	if err != nil {
		o.Kit.T.Fatal(err)
	}
	return credential
}

// DeskOptions asks for the options of signing in at the desk.
func (b *Browser) DeskOptions() json.RawMessage {
	b.Kit.T.Helper()
	return b.options("/v1/desk/login/options", "{}")
}

func (b *Browser) options(path string, body any) json.RawMessage {
	b.Kit.T.Helper()
	var out struct {
		PublicKey json.RawMessage `json:"public_key"`
	}
	b.Post(path, body).OK().Into(&out)
	return out.PublicKey
}

// DeskLogin gives a credential to the desk.
func (b *Browser) DeskLogin(credential []byte) *Answer {
	b.Kit.T.Helper()
	return b.Post("/v1/desk/login", map[string]any{"credential": json.RawMessage(credential)})
}

// Login signs the operator in on a browser.
func (o *Operator) Login(b *Browser, tweaks ...softkey.Tweak) *Answer {
	o.Kit.T.Helper()
	credential, err := o.Device.Get(b.DeskOptions(), tweaks...)
	if err != nil {
		o.Kit.T.Fatal(err)
	}
	return b.DeskLogin(credential)
}
