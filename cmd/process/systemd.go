package process

import (
	"fmt"
	"net"
	"os"
)

// notifySocket is the variable that names the socket on which systemd wants to be notified; see
// sd_notify(3).
const notifySocket = "NOTIFY_SOCKET"

// NotifySystemd notifies systemd if it wants that.
func NotifySystemd(state string) error {
	path := os.Getenv(notifySocket)
	if path == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}
