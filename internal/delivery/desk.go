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

// AcceptedEmail tells an operator that a passkey was made for them; again says that it took the place of another.
func (b Brand) AcceptedEmail(to, name string, again bool, at time.Time) Message {
	l := letter{
		Brand: b, Title: "Your passkey for the support desk was created", Lead: []span{{Text: "Whoever has it signs in at the support desk in your name."}},
		Rows: []row{{"For", clean(name)}, {"When", instant(at)}}, After: "If this was not you, tell another admin, or whoever runs the service, at once.",
	}
	if again {
		l.Title = "Your passkey for the support desk was replaced"
		l.Lead = append(l.Lead, span{Text: " The one that you had is not valid any more, and you were signed out."})
	}
	return l.message(to)
}

// TestEmail is what an operator sends to themselves, to see whether mail arrives.
func (b Brand) TestEmail(to string, at time.Time) Message {
	return letter{
		Brand: b, Title: "Mail from this installation arrives", Lead: []span{{Text: "Somebody at the support desk, you, asked for this message."}},
		Rows: []row{{"Sent", instant(at)}}, After: "There is nothing to do. Look at its headers to see whether SPF, DKIM and DMARC pass.",
	}.message(to)
}
