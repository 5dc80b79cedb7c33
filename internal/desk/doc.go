// Package desk is where those who run the service work: operators, what they may see, and what they may do.
//
// A map of the room:
//
//	roles.go      who may do what: one table
//	desk.go       the Service; who calls; the line in the audit log that every act leaves, looking included
//	operators.go  who the operators are: inviting, another role, ending
//	signin.go     their passkeys and sessions: accepting an invitation, signing in, signing out
//	accounts.go   a customer's account: found, read, its sessions ended, its withdrawals paused
//	recordings.go a recording of a screen, opened to be watched
//	check.go      does the installation work: one list of checks; fetch.go fetches the public addresses back
//	numbers.go    how many come through and why the others stop; nothing about one person
//	log.go        what operators did
//
// Nobody here creates a passkey for a customer, sees a code or a password, or approves a withdrawal: there are no such functions.
// An operator is no customer: other tables, other user handles, other sessions, other challenges.
package desk
