package schemas_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

func TestATimestampFarFromWhenItWasReadIsReplaced(t *testing.T) {
	read := time.Date(2026, 3, 29, 2, 30, 0, 123e6, time.UTC)
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		timestamp time.Time
		want      time.Time
	}{
		"the same time":           {read, read},
		"a moment ago":            {read.Add(-time.Millisecond), read.Add(-time.Millisecond)},
		"30 days ago":             {read.Add(-30 * day), read.Add(-30 * day)},
		"more than 30 days ago":   {read.Add(-30*day - time.Millisecond), read},
		"31 days ago":             {read.Add(-31 * day), read},
		"seconds for millis":      {time.UnixMilli(read.Unix()), read},
		"microseconds for millis": {time.UnixMilli(read.UnixMicro()), read},
		"-1":                      {time.UnixMilli(-1), read},
		"0":                       {time.UnixMilli(0), read},
		"none":                    {time.Time{}, read},
		"4 minutes ahead":         {read.Add(4 * time.Minute), read.Add(4 * time.Minute)},
		"5 minutes ahead":         {read.Add(5 * time.Minute), read.Add(5 * time.Minute)},
		"6 minutes ahead":         {read.Add(6 * time.Minute), read},
		"the year 2180":           {time.Date(2180, 1, 1, 0, 0, 0, 0, time.UTC), read},
		"the year 2300":           {time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), read},
	} {
		require.Equal(t, c.want, schemas.TimestampOr(c.timestamp, read), name)
	}
}
