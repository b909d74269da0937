package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTakeTellsWhatNeedsARestart(t *testing.T) {
	load := func(environ ...string) *Loaded {
		l, err := Load(Source{Environ: environ})
		require.NoError(t, err)
		return l
	}
	running := load("STOCKPUSH_SHOPEE_SHOP_RATE=3")
	require.Equal(t, Changes{[]string{}, []string{}}, running.Take(load("STOCKPUSH_SHOPEE_SHOP_RATE=3")))
	next := load("STOCKPUSH_SHOPEE_PAUSED_SHOPS=1,2", "STOCKPUSH_SHOPEE_PARTNER_KEY=k", "STOCKPUSH_KAFKA_BROKERS=a:1")
	require.Equal(t, Changes{[]string{"shopee.partner_key", "shopee.shop_rate", "shopee.paused_shops"}, []string{"kafka.brokers"}}, running.Take(next))
	require.Equal(t, Changes{[]string{}, []string{"kafka.brokers"}}, running.Take(next), "it still runs with the earlier brokers")
}

func TestChoicesAreTakenInAnyCase(t *testing.T) {
	l, err := Load(Source{Environ: []string{"STOCKPUSH_LOG_LEVEL=WARN", "STOCKPUSH_KAFKA_PARTITIONER=Murmur2", "STOCKPUSH_SHOPEE_MODE=Shadow"}})
	require.NoError(t, err)
	require.Equal(t, "warn", l.Log.Level)
	require.Equal(t, "murmur2", l.Kafka.Partitioner)
	require.True(t, l.Shopee.Shadow())
	_, err = Load(Source{Environ: []string{"STOCKPUSH_SHOPEE_MODE=dry"}})
	require.ErrorContains(t, err, `"dry" is not one of live, shadow`)
}
