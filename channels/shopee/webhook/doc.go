// Package webhook receives the push messages that Shopee sends about promotions.
//
// It owns their signature and their format, and reports the items whose promotions released
// stock: a push that was refused may pass now. It answers at once, since Shopee waits for 3 s. A
// message may be lost, delayed or sent twice, so no caller may rely on each one.
//
// Shopee signs the callback URL as it was registered, so behind a proxy the configured URL counts,
// not the requested one.
package webhook
