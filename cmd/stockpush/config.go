package main

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

func (a *app) newConfig() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print the effective configuration and where each value came from",
		Example: "  stockpush config --config stockpush.yaml\n" +
			"  # with a value from elsewhere\n" +
			"  STOCKPUSH_LOG_LEVEL=debug stockpush config --kafka.partitions=24",
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, _, err := a.load(cmd)
			if err != nil {
				return err
			}
			t := table.NewWriter()
			t.SetOutputMirror(a.stdout)
			t.SetStyle(table.StyleLight)
			t.AppendHeader(table.Row{"key", "value", "from"})
			for _, row := range loaded.Rows() {
				t.AppendRow(table.Row{row.Key, row.Value, row.Origin})
			}
			t.Render()
			return nil
		},
	}
}
