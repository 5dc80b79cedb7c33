package delivery

import "time"

// InvitationEmail is the link by which somebody becomes an operator.
func (b Brand) InvitationEmail(to, name, url string, expires time.Time) Message {
	return letter{
		Brand: b, Title: "You’re invited to the support desk", Lead: []span{{Text: "Create your passkey on the device that you work with. There is no password."}},
		Rows: []row{{"For", clean(name)}, {"Good until", instant(expires)}}, After: "If you did not expect this, do not open the link, and tell whoever runs the service.",
		Link: &link{Text: "Accept the invitation", URL: url}, Note: "The link works once.",
	}.message(to)
}

// TestEmail is what an operator sends to themselves, to see whether mail arrives.
func (b Brand) TestEmail(to string, at time.Time) Message {
	return letter{
		Brand: b, Title: "Mail from this installation arrives", Lead: []span{{Text: "Somebody at the support desk, you, asked for this message."}},
		Rows: []row{{"Sent", instant(at)}}, After: "There is nothing to do. Look at its headers to see whether SPF, DKIM and DMARC pass.",
	}.message(to)
}
