package console

import (
	"io"
	"log/slog"

	"github.com/restorefs/restorefs/backupstore/safetext"
)

// NewLogger returns a logger that writes lines of text, or JSON, from level on.
func NewLogger(w io.Writer, level slog.Level, json bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if json {
		return slog.New(slog.NewJSONHandler(safetext.Log{W: w}, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
