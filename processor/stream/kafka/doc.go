// Package kafka is a cluster as our stages and commands use it: connections, the producer, dead
// letters, topics and their settings, and reading a log from one offset to another.
//
// It owns the client's options and what may unpack. It knows nothing of consumer groups but their
// offsets. franz-go is imported here, in package stream and in cmd, nowhere else; others use the
// aliases of this package.
package kafka
