// Package chaostest shows that copies are one service: server processes on one PostgreSQL, behind a balancer, through every flow; and
// what is true afterwards when copies and databases are killed under load (`make chaos`).
package chaostest
