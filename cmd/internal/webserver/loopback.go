package webserver

import (
	"net"
	"net/http"
)

// IsLoopbackHost reports whether a request's Host, with or without a port, names
// this machine: localhost or a loopback address.
func IsLoopbackHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if len(host) > 2 && host[0] == '[' {
		host = host[1 : len(host)-1]
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// IsLoopback reports whether a listener's address is reachable from this machine only.
func IsLoopback(address net.Addr) bool {
	at, ok := address.(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}

// LoopbackHostOnly refuses requests whose Host is not loopback. Otherwise another site's name that
// resolves to this machine would count as our origin (DNS rebinding).
func LoopbackHostOnly(next http.Handler, refuse http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !IsLoopbackHost(r.Host) {
			refuse(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
