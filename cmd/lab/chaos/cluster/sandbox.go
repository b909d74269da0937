package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Fault is what the sandbox is told to do wrong; its package's doc has the kinds.
type Fault struct {
	Shop    int64  `json:"shop_id"`
	Kind    string `json:"kind"`
	Times   int    `json:"times"`
	DelayMS int    `json:"delay_ms"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// AddFault switches a fault on.
func (c *Cluster) AddFault(f Fault) error { return c.control(http.MethodPost, "/sandbox/faults", f) }

// RemoveFault switches the faults of a shop and a kind off.
func (c *Cluster) RemoveFault(f Fault) error {
	return c.control(http.MethodDelete, fmt.Sprintf("/sandbox/faults?shop_id=%d&kind=%s", f.Shop, f.Kind), nil)
}

// ClearFaults switches all faults off.
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
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1000)) // to be shown, if it is there
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, said)
	}
	return nil
}
