package metrics

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestAddressesForMetricsAreOnTheLoopbackUnlessGiven(t *testing.T) {
	for in, want := range map[string]string{
		"9100": "127.0.0.1:9100", ":9100": "127.0.0.1:9100", "0.0.0.0:9100": "0.0.0.0:9100",
		"[::]:9100": "[::]:9100",
		"[::1]:0":   "[::1]:0", "host:http": "host:http", "host:": "", ":": "", "a:b:c": "",
		"1.2.3.4": "127.0.0.1:1.2.3.4",
	} {
		if got, err := addressOf(in); got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func TestMetricsAreClosedAlsoTwiceOrBeforeTheyAreServed(t *testing.T) {
	for name, serves := range map[string]bool{"served": true, "not served yet": false} {
		m, err := Listen(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if serves {
			m.Serve(prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		}
		m.Close()
		m.Close()
		again, err := Listen(t.Context(), m.Address())
		if err != nil {
			t.Errorf("%s: the address is still in use: %v", name, err)
		}
		again.Close()
	}
}
