package faults

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func draw(seed uint64) Draw {
	return Draw{Rand: rand.New(rand.NewPCG(seed, 2)), Instances: 3, FirstShop: 10001, Shops: 3}
}

func told(plan []Planned) (all []string) {
	for _, p := range plan {
		all = append(all, p.String())
	}
	return all
}

func TestSeedDeterminesThePlan(t *testing.T) {
	one, two := Plan(draw(7), Kinds(true), 8, 20*time.Second), Plan(draw(7), Kinds(true), 8, 20*time.Second)
	require.Equal(t, told(one), told(two))
	require.NotEqual(t, told(one), told(Plan(draw(8), Kinds(true), 8, 20*time.Second)))
}

func TestEveryKindIsDrawnAndEndsInTime(t *testing.T) {
	drawn := map[string]bool{}
	for seed := range uint64(200) {
		for _, p := range Plan(draw(seed), Kinds(true), 8, 20*time.Second) {
			drawn[p.Kind] = true
			require.LessOrEqual(t, p.At+p.Lasts, 20*time.Second, p.What)
			require.NotNil(t, p.Begin, p.What)
		}
	}
	for _, k := range Kinds(true) {
		require.True(t, drawn[k.Name], k.Name)
	}
}
