// Package bench measures the stages and the program: rates relative to bare clients, the latency of
// a single event, memory, and a whole sale day. `make bench` and `make load` run it. It has a test
// only where a test needs a backlog.
package bench
