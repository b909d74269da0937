package sandbox

import (
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

var consentPage = template.Must(template.New("consent").Parse(`<!doctype html><title>Authorize</title><h1>Let the app into a shop</h1>
<ul>{{range .}}<li><a href="{{.Link}}">Shop {{.Shop}}</a></li>{{end}}</ul>`))

// consent is the page on which a seller lets the app in. Shopee asks the seller
// to log in; here everybody may choose a shop, or name it as shop_id.
func (s *Sandbox) consent(w http.ResponseWriter, r *http.Request) {
	if !s.signed(r, "") {
		s.refuse(w, refusal{http.StatusForbidden, "error_sign", "Wrong sign."})
		return
	}
	q := r.URL.Query()
	target, err := url.Parse(q.Get("redirect"))
	if err != nil || target.Host == "" {
		s.refuse(w, refusal{http.StatusOK, "error_param", "redirect is invalid."})
		return
	}
	shopID, _ := strconv.ParseInt(q.Get("shop_id"), 10, 64)
	if s.shops[shopID] == nil {
		s.offer(w, r.URL)
		return
	}
	answered := target.Query()
	answered.Set("code", "consent-"+s.nextRequestID())
	answered.Set("shop_id", strconv.FormatInt(shopID, 10))
	target.RawQuery = answered.Encode()
	http.Redirect(w, r, target.String(), http.StatusFound)
}

func (s *Sandbox) offer(w http.ResponseWriter, at *url.URL) {
	type choice struct {
		Shop int64
		Link string
	}
	var choices []choice
	for _, id := range slices.Sorted(maps.Keys(s.shops)) {
		q := at.Query()
		q.Set("shop_id", strconv.FormatInt(id, 10))
		choices = append(choices, choice{id, at.Path + "?" + q.Encode()})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = consentPage.Execute(w, choices) // a browser that went away has no use for it
}
