package schemas

import _ "embed" // for the schema below

// StockEventSchema is the JSON Schema of a stock event's value. Its description
// names the rules that a schema cannot say.
//
//go:embed stock_event.schema.json
var StockEventSchema string
