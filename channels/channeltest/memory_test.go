package channeltest_test

import (
	"testing"

	"stockpush/channels/channeltest"
)

func TestTheMemoryChannelConforms(t *testing.T) {
	channeltest.Run(t, func(*testing.T) channeltest.Marketplace { return channeltest.NewMemory(nil) })
}
