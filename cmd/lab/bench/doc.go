// Package bench measures the stages and the program: rates beside those of the bare clients, the
// latency of a lone event, memory, and a whole sale day. `make bench` and
// `make load` run it. A test stands here only if it needs a backlog.
package bench
