package schemas_test

import (
	"hash/fnv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"stockpush/schemas"
)

func TestFNV1aIsFranzGosCopyOfSaramas(t *testing.T) {
	hash := func(key []byte) uint32 {
		h := fnv.New32a()
		_, _ = h.Write(key)
		return h.Sum32()
	}
	theirs := kgo.StickyKeyPartitioner(kgo.SaramaCompatHasher(hash)).ForTopic("t")
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key")
		n := rapid.IntRange(1, 100).Draw(t, "partitions")
		require.Equal(t, int32(theirs.Partition(&kgo.Record{Key: key}, n)), schemas.FNV1a.Partition(key, n))
	})
}

func TestWrongPartitionNamesTheSettingThatFits(t *testing.T) {
	const partitions = 12
	key := []byte("shopee/10021/TSHIRT-RED-L")
	for _, configured := range schemas.Partitioners() {
		for _, produced := range schemas.Partitioners() {
			got := produced.Partition(key, partitions)
			if configured == produced {
				require.Contains(t, schemas.Fitting(key, got, partitions), configured)
				continue
			}
			bad := configured.WrongPartition(key, got, partitions)
			require.Equal(t, schemas.CodeWrongPartition, bad.Code)
			require.Contains(t, bad.Message, "by kafka.partitioner "+string(configured))
			require.Contains(t, bad.Message, "kafka.partitioner "+string(produced)+" ("+produced.Clients()+") would fit it")
		}
	}
	for partition := range int32(partitions) {
		if len(schemas.Fitting(key, partition, partitions)) == 0 {
			require.Contains(t, schemas.CRC32.WrongPartition(key, partition, partitions).Message, "no setting fits it")
		}
	}
	require.Contains(t, schemas.CRC32.WrongPartition(key, schemas.Murmur2.Partition(key, partitions), partitions).Message, "partitioner=consistent_random")
	require.Equal(t, schemas.Murmur2.Clients(), schemas.Partitioner("").Clients())
}

// The partitions are those that the clients chose: librdkafka 2.16.1 (confluent-kafka) with its
// default partitioner, murmur2_random and fnv1a_random, and sarama 1.61.1 with its default. kafka-go's
// CRC32Balancer, Murmur2Balancer and Hash balancer choose the same.
func TestPartitionsAreThoseOfTheClients(t *testing.T) {
	type places struct{ of7, of12 int32 }
	for key, want := range map[string]map[schemas.Partitioner]places{
		"shopee/10021/TSHIRT-RED-L": {schemas.CRC32: {6, 5}, schemas.Murmur2: {5, 10}, schemas.FNV1a: {3, 4}},
		"shopee/10001/S/ü":          {schemas.CRC32: {5, 0}, schemas.Murmur2: {2, 4}, schemas.FNV1a: {1, 8}},
		"shopee/1/a":                {schemas.CRC32: {6, 9}, schemas.Murmur2: {5, 10}, schemas.FNV1a: {1, 7}},
		"shopee/1/b":                {schemas.CRC32: {0, 3}, schemas.Murmur2: {0, 8}, schemas.FNV1a: {6, 6}},
		"shopee/999999999/SKU 1":    {schemas.CRC32: {6, 8}, schemas.Murmur2: {6, 10}, schemas.FNV1a: {4, 6}},
		"shopee/10002/x/y/z":        {schemas.CRC32: {1, 7}, schemas.Murmur2: {2, 3}, schemas.FNV1a: {2, 11}},
		"shopee/10003/0":            {schemas.CRC32: {4, 9}, schemas.Murmur2: {2, 4}, schemas.FNV1a: {0, 5}},
		"shopee/10004/เสื้อ":        {schemas.CRC32: {3, 5}, schemas.Murmur2: {3, 11}, schemas.FNV1a: {1, 7}},
	} {
		for partitioner, want := range want {
			got := places{partitioner.Partition([]byte(key), 7), partitioner.Partition([]byte(key), 12)}
			require.Equal(t, want, got, "%s %s", key, partitioner)
		}
	}
}
