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
func (sh *shop) consent() {
	now := time.Now()
	sh.linked, sh.consentedAt, sh.AuthorizationEnds = true, now, now.Add(authorizationLife)
}

// authorizedShops lists the shops that let the app in. Its fields are top-level.
func (s *Sandbox) authorizedShops(w http.ResponseWriter, r *http.Request) {
	size, sizeErr := strconv.Atoi(cmp.Or(r.URL.Query().Get("page_size"), "100"))
	page, pageErr := strconv.Atoi(cmp.Or(r.URL.Query().Get("page_no"), "1"))
	if sizeErr != nil || pageErr != nil || size < 1 || size > 100 || page < 1 {
		s.refuse(w, refusal{http.StatusOK, "error_param", "page_size is 1 to 100, page_no begins at 1."})
		return
	}
	s.mu.Lock()
	linked := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(s.shops)) {
		if sh := s.shops[id]; sh.linked {
			linked = append(linked, map[string]any{"region": "SG", "shop_id": id, "auth_time": sh.consentedAt.Unix(), "expire_time": sh.AuthorizationEnds.Unix()})
		}
	}
	s.mu.Unlock()
	from, to := min((page-1)*size, len(linked)), min(page*size, len(linked))
	s.send(w, refusal{}, map[string]any{"authed_shop_list": linked[from:to], "more": to < len(linked)})
}
