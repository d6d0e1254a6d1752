//go:build tools

// Package tools names vegeta, beside whose latencies Probity's are held, so that go.mod and go.sum hold its version.
package tools

import _ "github.com/tsenart/vegeta/v12"
