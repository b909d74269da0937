// Package shopee is the client of Shopee's Open Platform v2: it signs calls,
// keeps each shop's access token fresh, pushes stock, reads it back, and tells
// from every answer what became of each model.
//
// It owns one judgement of Shopee's answers, the table in rules.go, and the
// tokens file. It refuses to retry (but for one repeat after a refreshed token),
// to limit rates and to break circuits: those are the lane's. Its calls block
// for at most Config.Timeout and are safe for concurrent use. No secret appears
// in its errors, verdicts, logs or metrics.
package shopee
