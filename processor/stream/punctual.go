package stream

import "time"

// usuallyLate is by how much an idle process's timer is late in half of the cases: on
// Linux the runtime waits whole milliseconds, and up to one more.
const usuallyLate = 500 * time.Microsecond

// Punctual is the time to set a timer to that should end after d: what comes of it is
// as often early as late, by half a millisecond, and not always late by up to one. Of
// less than 5 ms a tenth is taken off.
func Punctual(d time.Duration) time.Duration { return d - min(d/10, usuallyLate) }
