package pages

import (
	"embed"
	"net/http"
	"strconv"
)

//go:embed static
var staticFiles embed.FS

// assets maps the static files to URLs with their content's hash, so that browsers can cache them
// for ever.
var assets = func() map[string]string {
	links := map[string]string{}
	for _, name := range []string{"console.css", "console.js", "icon.svg"} {
		raw, err := staticFiles.ReadFile("static/" + name)
		if err != nil {
			panic(err) // the files are embedded
		}
		links[name] = "/static/" + name + "?v=" + strconv.FormatUint(hashOf(raw), 36)
	}
	return links
}()

func static() http.Handler {
	files := http.FileServerFS(staticFiles)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/static/" {
			http.NotFound(w, r)
			return
		}
		age := "no-cache"
		if r.URL.Query().Has("v") {
			age = "public, max-age=31536000, immutable"
		}
		w.Header().Set("Cache-Control", age)
		files.ServeHTTP(w, r)
	})
}
