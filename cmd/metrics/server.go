package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

// addressOf completes an address: without a host it is on the loopback interface.
func addressOf(s string) (string, error) {
	if !strings.Contains(s, ":") {
		s = ":" + s
	}
	host, port, err := net.SplitHostPort(s)
	if err == nil && port == "" {
		err = errors.New("it has no port")
	}
	if err != nil {
		return "", cmdline.Usagef("--metrics-listen %s is no address "+
			"such as 9100, 127.0.0.1:9100 or [::]:9100: %v",
			s, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// Server serves the metrics of a mount over HTTP. A nil one serves none, and its methods may be
// called.
type Server struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{} // closed when server has ended; nil: not started
}

// Listen listens on the address of --metrics-listen, before anything is mounted; it returns nil for
// "". An address that is none is a [cmdline.UsageError]. The caller closes the server, and may do
// so twice.
func Listen(ctx context.Context, address string) (*Server, error) {
	if address == "" {
		return nil, nil
	}
	address, err := addressOf(address)
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("serve metrics: %s is in use by another process: "+
			"choose another port with --metrics-listen",
			address)
	}
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	return &Server{listener: l}, nil
}

// Address returns where the metrics are served, with the port in use; "" if they are not.
func (m *Server) Address() string {
	if m == nil {
		return ""
	}
	return m.listener.Addr().String()
}

// Serve starts to serve what g gathers.
func (m *Server) Serve(g prometheus.Gatherer, log *slog.Logger) {
	if m == nil {
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{MaxRequestsInFlight: 4,
		Timeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "restorefs: metrics are at /metrics\n")
	})
	m.done = make(chan struct{})
	m.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(m.done)
		if err := m.server.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("metrics are not served any more", "err", err)
		}
	}()
}

// Close ends the server. Requests in flight get a second.
func (m *Server) Close() {
	switch {
	case m == nil:
		return
	case m.done == nil:
		m.listener.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if m.server.Shutdown(ctx) != nil {
		m.server.Close()
	}
	<-m.done
}
