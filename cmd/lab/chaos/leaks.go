package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"stockpush/cmd/lab/chaos/cluster"
)

// leaks finds what no log may contain: secrets and panics.
func (r *run) leaks() []string {
	words := map[string]string{cluster.PartnerKey: "the partner's key", "panic: ": "a panic", "DATA RACE": "a data race"}
	var tokens struct {
		Shops []struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
	}
	raw, err := os.ReadFile(filepath.Join(r.logs, "tokens.json"))
	if err == nil {
		err = json.Unmarshal(raw, &tokens)
	}
	if err != nil {
		return []string{fmt.Sprintf("the tokens file is invalid: %v", err)}
	}
	for _, shop := range tokens.Shops {
		words[shop.Access], words[shop.Refresh] = "an access token", "a refresh token"
	}
	logs, err := filepath.Glob(filepath.Join(r.logs, "*.log"))
	var found []string
	if err != nil || len(logs) == 0 {
		found = append(found, "no logs found")
	}
	for _, log := range logs {
		content, err := os.ReadFile(log)
		if err != nil {
			found = append(found, err.Error())
		}
		for word, what := range words {
			if word != "" && bytes.Contains(content, []byte(word)) {
				found = append(found, fmt.Sprintf("%s has %s", filepath.Base(log), what))
			}
		}
	}
	return found
}
