package sandbox

import (
	"cmp"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
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

// authorizationLife is how long a consent is good for.
const authorizationLife = 365 * 24 * time.Hour

func (sh *shop) authorize(now time.Time) { sh.consentedAt, sh.endsAt = now, now.Add(authorizationLife) }

// authorizedShops lists the shops that let the app in. Its fields are top-level.
func (s *Sandbox) authorizedShops(w http.ResponseWriter, r *http.Request) {
	if !s.signed(r, "") {
		s.refuse(w, refusal{http.StatusForbidden, "error_sign", "Wrong sign."})
		return
	}
	size, sizeErr := strconv.Atoi(cmp.Or(r.URL.Query().Get("page_size"), "100"))
	page, pageErr := strconv.Atoi(cmp.Or(r.URL.Query().Get("page_no"), "1"))
	if sizeErr != nil || pageErr != nil || size < 1 || size > 100 || page < 1 {
		s.refuse(w, refusal{http.StatusOK, "error_param", "page_size is 1 to 100, page_no begins at 1."})
		return
	}
	id := s.nextRequestID()
	s.mu.Lock()
	defer s.mu.Unlock()
	linked := []map[string]any{}
	for _, shopID := range slices.Sorted(maps.Keys(s.shops)) {
		if sh := s.shops[shopID]; sh.linked {
			linked = append(linked, map[string]any{"region": "SG", "shop_id": sh.id, "auth_time": sh.consentedAt.Unix(), "expire_time": sh.endsAt.Unix()})
		}
	}
	from, to := min((page-1)*size, len(linked)), min(page*size, len(linked))
	answer(w, http.StatusOK, map[string]any{"authed_shop_list": linked[from:to], "more": to < len(linked), "request_id": id, "error": "", "message": ""})
}
