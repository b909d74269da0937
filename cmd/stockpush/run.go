package main

import (
	"strings"

	"github.com/spf13/cobra"

	"stockpush/cmd/internal/service"
)

func (a *app) newRun() *cobra.Command {
	roles := service.Roles()
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the service against your Kafka, ClickHouse and Shopee",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := service.CheckRoles(roles); err != nil {
				return &usageError{err}
			}
			loaded, log, err := a.load(cmd)
			if err != nil {
				return err
			}
			return service.Run(cmd.Context(), loaded.Config, service.Running{Roles: roles}, log)
		},
	}
	cmd.Flags().StringSliceVar(&roles, "roles", roles, "which `roles` to run: "+strings.Join(service.Roles(), ", "))
	return cmd
}
