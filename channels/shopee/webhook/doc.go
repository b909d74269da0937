// Package webhook receives the push messages that Shopee sends about promotions.
//
// It owns their signature and their form, and says of which item a promotion let
// stock go, so that a push which it refused may pass now. It refuses to know what
// follows from that, and answers at once: Shopee waits for 3 s. A message may be
// lost, come twice or late; nobody may rely on getting each one.
//
// Shopee signs the callback URL as it was registered, so behind a proxy the
// configured URL counts, not the one that a request came to.
package webhook
