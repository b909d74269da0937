// Package shopee is the client of Shopee's Open Platform v2: it keeps each shop's access token
// fresh, pushes stock, reads it back, and derives from every answer a verdict for each model.
//
// It implements channels.Channel. Package api below it signs calls and classifies refusals,
// package tokens stores the token pairs. It does not retry (except for one repeat after a
// refreshed token), limit rates or break circuits: the worker does. Its calls block for at most
// Config.Timeout and are safe for concurrent use. No secret appears in its errors, verdicts,
// logs or metrics.
package shopee
