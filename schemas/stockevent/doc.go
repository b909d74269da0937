// Package stockevent reads and writes the stock event that upstream sends: JSON, Protobuf, and both
// of them behind Confluent's prefix or in a CloudEvent.
//
// It owns the rules of every field. The fast JSON decoder reads what producers usually write; the
// strict one reads the rest and names the first rule that is broken. It knows nothing of Kafka.
package stockevent
