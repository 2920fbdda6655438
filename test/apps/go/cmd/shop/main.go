// shop answers with a page that it reads when it starts.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"

	"example.org/shop/internal/page"
)

func main() {
	hello, err := page.Read("templates/hello.html")
	if err != nil {
		log.Fatal(err)
	}
	r := chi.NewRouter()
	r.Get("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Write(hello)
	})
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), r))
}
