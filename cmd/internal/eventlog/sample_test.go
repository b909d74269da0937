package eventlog

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// sampleOf is a sample of n events that a producer placed by a partitioner.
func sampleOf(n int, by schemas.Partitioner) Sample {
	s := Sample{Fitting: map[schemas.Partitioner]int{}}
	for i := range n {
		key := []byte(fmt.Sprintf("shopee/10001/sku-%d", i))
		s.add(&kafka.Record{Key: key, Partition: by.Partition(key, 12)}, 12)
	}
	return s
}

func TestSampleNamesThePartitionerThatFits(t *testing.T) {
	for _, produced := range schemas.Partitioners() {
		s := sampleOf(240, produced)
		for _, configured := range schemas.Partitioners() {
			found, err := s.Judge(configured)
			if produced == configured {
				require.NoError(t, err)
				require.Equal(t, "240 of the 240 newest events fit kafka.partitioner "+string(produced), found)
				continue
			}
			require.ErrorIs(t, err, ErrMisfit)
			require.ErrorContains(t, err, "set kafka.partitioner to "+string(produced))
		}
	}
}

func TestSampleOfAFewStrayEventsIsNoError(t *testing.T) {
	s := sampleOf(100, schemas.Murmur2)
	s.add(&kafka.Record{Key: []byte("shopee/1/x"), Partition: 12}, 12)
	s.add(&kafka.Record{Key: []byte("no store SKU's key")}, 12)
	found, err := s.Judge(schemas.Murmur2)
	require.NoError(t, err)
	require.Equal(t, "100 of the 101 newest events fit kafka.partitioner murmur2; the others are rejected as wrong_partition", found)
}

func TestSampleThatNoPartitionerFitsSaysSo(t *testing.T) {
	s := Sample{Fitting: map[schemas.Partitioner]int{}}
	for i := range 12 {
		s.add(&kafka.Record{Key: []byte("shopee/1/x"), Partition: int32(i)}, 12)
	}
	_, err := s.Judge(schemas.CRC32)
	require.ErrorIs(t, err, ErrMisfit)
	require.ErrorContains(t, err, "let the producers choose the partition by the key")
	found, err := Sample{}.Judge("")
	require.NoError(t, err)
	require.Equal(t, "there are no events yet", found)
}
