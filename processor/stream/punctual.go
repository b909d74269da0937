package stream

import "time"

// usuallyLate is by how much an idle process's timer is late in half of the cases (640
// and 710 us in two runs of 200, 0.1 to 1.1 ms in nine of ten): on Linux the runtime
// waits whole milliseconds, up to one more, and then must wake up.
const usuallyLate = 650 * time.Microsecond

// Punctual is the time to set a timer to that should end after d: what comes of it is
// as often early as late, and not always late by up to a millisecond. Of less than 6.5 ms
// a tenth is taken off.
func Punctual(d time.Duration) time.Duration { return d - min(d/10, usuallyLate) }
