// Package shopee is the channel to Shopee's open platform, version 2.
//
// It owns signing, tokens, the requests, and the one table that tells what a
// refusal means. It refuses to wait, to limit its rate and to retry: lanes do.
// The one repeat it makes is after an access token was refreshed. All of it is
// safe for concurrent use.
//
// What Shopee does is documented only in part; where facts were uncertain the
// sandbox below this package has a switch for each possibility.
package shopee
