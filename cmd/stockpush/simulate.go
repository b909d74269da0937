package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stockpush/cmd/internal/kafkaconn"
	"stockpush/cmd/internal/traffic"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

func (a *app) newSimulate() *cobra.Command {
	pace := traffic.Pace{}
	shape := traffic.Shape{Seed: uint64(time.Now().UnixNano())}
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Produce stock events at a rate",
		Long: "Produce stock events at a rate, with all 17 reasons, to the configured events topic. Not for a topic whose shops are real:\n" +
			"its events are pushed like any other.",
		Example: "  # 500 events a second of 2,000 store SKUs, for a minute\n" +
			"  stockpush simulate --config stockpush.yaml --rate 500 --skus 2000 --for 1m\n" +
			"  # 100 events of one store SKU at once, every second\n" +
			"  stockpush simulate --config stockpush.yaml --burst 100",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := pace.Validate(); err != nil {
				return &usageError{err}
			}
			loaded, log, err := a.load(cmd)
			if err != nil {
				return err
			}
			conn, err := kafkaconn.From(loaded.Kafka, log)
			if err != nil {
				return err
			}
			producer, err := kafka.NewProducer(conn, kafka.DefaultBatchBytes)
			if err != nil {
				return err
			}
			defer producer.Close()
			send, finish := a.withProgress(traffic.ToTopic(producer, schemas.Topics(loaded.Kafka.TopicPrefix)), pace)
			made, err := traffic.Drive(cmd.Context(), traffic.New(shape), pace, send)
			finish()
			_, _ = fmt.Fprintf(a.stdout, "%d events produced\n", made)
			return err
		},
	}
	cmd.Flags().Float64Var(&pace.Rate, "rate", 100, "events per second")
	cmd.Flags().DurationVar(&pace.For, "for", 0, "how long to run; 0 means until interrupted")
	cmd.Flags().IntVar(&pace.Burst, "burst", 0, "send this many consecutive events of one store SKU every second")
	cmd.Flags().IntVar(&shape.SKUs, "skus", 1000, "number of store SKUs")
	cmd.Flags().IntVar(&shape.Shops, "shops", 10, "number of shops")
	return cmd
}
