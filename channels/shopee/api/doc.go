// Package api makes signed calls to Shopee's Open Platform v2, and judges its answers.
//
// It owns the signature, the envelope around every answer, and the one table that gives each
// refusal its meaning (rules.go). It knows neither stock nor tokens' lives: it never refreshes,
// retries or waits. No secret appears in its results.
package api
