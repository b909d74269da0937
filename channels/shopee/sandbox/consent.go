package sandbox

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

var consentPage = template.Must(template.New("consent").Parse(`<!doctype html><title>Authorize</title><h1>Let the app into a shop</h1>
<ul>{{range .}}<li><a href="{{.Link}}">{{.Who}}</a></li>{{end}}</ul>`))

// mainAccount is the main account that the page offers, with all shops.
const mainAccount = 900001

// consent is the page on which a seller lets the app in. Shopee asks the seller
// to log in; here everybody may choose a shop or the main account of all, or name it
// as shop_id or main_account_id.
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
	who := "shop_id"
	id, _ := strconv.ParseInt(q.Get(who), 10, 64)
	if s.shops[id] == nil {
		who = "main_account_id"
		id, _ = strconv.ParseInt(q.Get(who), 10, 64)
	}
	if id <= 0 {
		s.offer(w, r.URL)
		return
	}
	answered := target.Query()
	answered.Set("code", "consent-"+s.nextRequestID())
	answered.Set(who, strconv.FormatInt(id, 10))
	target.RawQuery = answered.Encode()
	http.Redirect(w, r, target.String(), http.StatusFound)
}

func (s *Sandbox) offer(w http.ResponseWriter, at *url.URL) {
	type choice struct{ Who, Link string }
	offered := func(who, parameter string, id int64) choice {
		q := at.Query()
		q.Set(parameter, strconv.FormatInt(id, 10))
		return choice{fmt.Sprint(who, " ", id), at.Path + "?" + q.Encode()}
	}
	choices := []choice{offered("All shops of main account", "main_account_id", mainAccount)}
	for _, id := range slices.Sorted(maps.Keys(s.shops)) {
		choices = append(choices, offered("Shop", "shop_id", id))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = consentPage.Execute(w, choices) // a browser that went away has no use for it
}

// authorizationLife is how long a consent is good for.
const authorizationLife = 365 * 24 * time.Hour

// consent links the shop.
func (sh *shop) consent(now time.Time) {
	sh.linked = true
	sh.authorize(now)
}

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
