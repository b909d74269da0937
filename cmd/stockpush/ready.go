package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// readyTimeout bounds the question, which is asked every few seconds.
const readyTimeout = 3 * time.Second

// newReady is the health check of an image that has neither a shell nor curl.
func (a *app) newReady() *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "Ask the process on this machine whether every role serves (a container's health check)",
		Long:  "Ask /readyz on ops.listen, or another address, and exit with code 1 if the answer is not 200.",
		Example: "  stockpush ready --config stockpush.yaml\n" +
			"  stockpush ready --url http://127.0.0.1:8081/readyz",
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := a.readConfig(cmd)
			if err != nil {
				return err
			}
			if url == "" {
				url = readyURL(loaded.Ops.Listen)
			}
			return askReady(cmd.Context(), url)
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "`address` to ask instead of /readyz on ops.listen")
	return cmd
}

// readyURL is where a process of this machine answers, if it listens on an address. One that
// listens on all addresses is asked on loopback.
func readyURL(listen string) string {
	host, port, _ := net.SplitHostPort(listen) // the configuration's check lets no other in
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/readyz"
}

func askReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return &usageError{fmt.Errorf("--url: %w", err)}
	}
	// Proxies of the environment are for other machines.
	client := http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s answers %s", url, answer.Status)
	}
	return nil
}
