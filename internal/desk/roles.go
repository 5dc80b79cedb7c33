package desk

import "slices"

// Role is what an operator is there for.
type Role string

// The roles.
const (
	Support  Role = "support"
	Security Role = "security"
	Admin    Role = "admin"
)

// Permission is one thing that a role may do.
type Permission string

// The permissions. Self is what every operator may: their own session, and the names of their colleagues.
const (
	Self         Permission = "self"
	Tickets      Permission = "tickets"
	ReadAccounts Permission = "accounts.read"
	ActAccounts  Permission = "accounts.act"
	SeeNumbers   Permission = "numbers"
	RunCheck     Permission = "check"
	ReadLog      Permission = "log"
	Operators    Permission = "operators"
)

// Roles is who may do what. What is not in it is refused.
var Roles = map[Role][]Permission{
	Support:  {Self, Tickets, ReadAccounts, SeeNumbers},
	Security: {Self, Tickets, ReadAccounts, SeeNumbers, ActAccounts, RunCheck, ReadLog},
	Admin:    {Self, Tickets, ReadAccounts, SeeNumbers, ActAccounts, RunCheck, ReadLog, Operators},
}

// May tells whether a role has a permission.
func (r Role) May(p Permission) bool { return slices.Contains(Roles[r], p) }
