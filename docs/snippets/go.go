package main

import (
	"log"
	"net/http"
	"strings"
)

func main() {
	line := strings.NewReader(`{"service":"shop","level":"info","message":"hello from go"}`)
	answer, err := http.Post("http://127.0.0.1:3000/api/v1/push", "application/json", line)
	if err != nil {
		log.Fatal(err)
	}
	answer.Body.Close()
}
