//go:build tools

// Package tools names goss, beside which Probity is measured, so that go.mod and go.sum hold its version.
package tools

import _ "github.com/goss-org/goss/cmd/goss"
