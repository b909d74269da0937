package schemas

import "time"

// How far from the time at which a message was read its timestamp may lie.
const (
	maxTimestampAge  = 30 * 24 * time.Hour
	maxTimestampSkew = 5 * time.Minute
)

// TimestampOr is a message's Kafka timestamp, or the time at which the message was read if the
// timestamp is older than 30 days or more than 5 minutes ahead. A producer chooses the timestamps
// of a CreateTime topic, and records whose time is wrong by years would never show.
func TimestampOr(timestamp, read time.Time) time.Time {
	if timestamp.Before(read.Add(-maxTimestampAge)) || timestamp.After(read.Add(maxTimestampSkew)) {
		return read
	}
	return timestamp
}
