package schemas

import (
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"slices"
	"strings"
)

// Partitioner names how a producer chooses a key's partition. The zero value is Murmur2.
type Partitioner string

// The partitioners that producers of the events topic may have.
const (
	// Murmur2 is the default of Java's client, and always that of the topics between our stages.
	Murmur2 Partitioner = "murmur2"
	// CRC32 is librdkafka's consistent_random.
	CRC32 Partitioner = "crc32"
	// FNV1a is sarama's hash partitioner.
	FNV1a Partitioner = "fnv1a"
)

// Partitioners are all of them.
func Partitioners() []Partitioner { return []Partitioner{Murmur2, CRC32, FNV1a} }

// clientsOf are the clients that choose partitions so by default.
var clientsOf = map[Partitioner]string{
	Murmur2: "Java, franz-go, kafka-python, aiokafka, KafkaJS",
	CRC32:   "librdkafka: confluent-kafka, node-rdkafka, kcat",
	FNV1a:   "sarama, kafka-go with its Hash balancer",
}

// librdkafkaNames are the values of librdkafka's property partitioner.
var librdkafkaNames = map[Partitioner]string{Murmur2: "murmur2_random", CRC32: "consistent_random", FNV1a: "fnv1a_random"}

// String is the partitioner's name.
func (p Partitioner) String() string {
	if p == "" {
		return string(Murmur2)
	}
	return string(p)
}

// Clients are the clients that choose partitions so by default, for people.
func (p Partitioner) Clients() string { return clientsOf[Partitioner(p.String())] }

// Partition is a key's partition of so many.
func (p Partitioner) Partition(key []byte, partitions int) int32 {
	switch p {
	case CRC32:
		return int32(crc32.ChecksumIEEE(key) % uint32(partitions))
	case FNV1a:
		return fnv1aPartition(key, partitions)
	default:
		return PartitionFor(key, partitions)
	}
}

// fnv1aPartition divides first and drops the sign of the remainder then, as sarama does.
func fnv1aPartition(key []byte, partitions int) int32 {
	hash := fnv.New32a()
	_, _ = hash.Write(key) // never fails
	partition := int32(hash.Sum32()) % int32(partitions)
	if partition < 0 {
		return -partition
	}
	return partition
}

// Fitting are the partitioners that put a key in a partition.
func Fitting(key []byte, partition int32, partitions int) []Partitioner {
	return slices.DeleteFunc(Partitioners(), func(p Partitioner) bool { return p.Partition(key, partitions) != partition })
}

// WrongPartition is what is wrong with an event that lies in another partition than its key's.
func (p Partitioner) WrongPartition(key []byte, got int32, partitions int) *BadEvent {
	return &BadEvent{Code: CodeWrongPartition, Message: fmt.Sprintf("the key belongs in partition %d by kafka.partitioner %s (%s), not %d: %s",
		p.Partition(key, partitions), p, p.Clients(), got, p.advice(Fitting(key, got, partitions)))}
}

// advice says what to do about an event that only the given partitioners put where it is.
func (p Partitioner) advice(fitting []Partitioner) string {
	if len(fitting) == 0 {
		return "no setting fits it; let the client choose the partition by the key"
	}
	var settings []string
	for _, other := range fitting {
		settings = append(settings, fmt.Sprintf("%s (%s)", other, other.Clients()))
	}
	return fmt.Sprintf("kafka.partitioner %s would fit it; or set the producer's partitioner to %s (librdkafka: partitioner=%s)",
		strings.Join(settings, " or "), p, librdkafkaNames[Partitioner(p.String())])
}
