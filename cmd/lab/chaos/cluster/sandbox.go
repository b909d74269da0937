package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Fault is a fault of the sandbox; the sandbox's package comment lists the kinds.
type Fault struct {
	Shop    int64  `json:"shop_id"`
	Kind    string `json:"kind"`
	Times   int    `json:"times"`
	DelayMS int    `json:"delay_ms"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// AddFault enables a fault.
func (c *Cluster) AddFault(f Fault) error { return c.control(http.MethodPost, "/sandbox/faults", f) }

// RemoveFault disables the faults of a shop and a kind.
func (c *Cluster) RemoveFault(f Fault) error {
	return c.control(http.MethodDelete, fmt.Sprintf("/sandbox/faults?shop_id=%d&kind=%s", f.Shop, f.Kind), nil)
}

// ClearFaults disables all faults.
func (c *Cluster) ClearFaults() error { return c.control(http.MethodDelete, "/sandbox/faults", nil) }

// Item describes an item to the sandbox.
type Item struct {
	Shop   int64       `json:"shop_id"`
	Item   int64       `json:"item_id"`
	Models []ItemModel `json:"models"`
}

// ItemModel is a model of an item.
type ItemModel struct {
	Model    int64 `json:"model_id"`
	Reserved int64 `json:"reserved"`
	Locked   bool  `json:"locked"`
}

// Describe describes an item.
func (c *Cluster) Describe(i Item) error { return c.control(http.MethodPost, "/sandbox/items", i) }

func (c *Cluster) control(method, path string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, c.SandboxURL+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1000)) // for the error, if readable
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, said)
	}
	return nil
}
