// Package api holds the description of the HTTP API. It is written by hand; tests hold it and the routes together.
package api

import _ "embed"

// OpenAPI is the API's description: OpenAPI 3.1, JSON. Callers do not change it.
//
//go:embed openapi.json
var OpenAPI []byte
