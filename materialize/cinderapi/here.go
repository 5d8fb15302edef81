package cinderapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"
)

// Here finds out which server of the cloud this machine is.
type Here struct {
	MetadataURL string // of meta_data.json at the metadata service; "" means the usual address
	ProductUUID string // file with the machine's UUID; "" means the one of DMI
}

const (
	metadataURL = "http://169.254.169.254/openstack/latest/meta_data.json"
	productUUID = "/sys/class/dmi/id/product_uuid"
)

var isUUID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString

// ServerID returns the id of the server that this machine is: from the metadata
// service or else from the machine's UUID, which Nova sets to the id. Only Nova
// knows whether there is such a server.
func (h Here) ServerID(ctx context.Context) (string, error) {
	id, err := h.fromMetadata(ctx)
	if err == nil || ctx.Err() != nil {
		return id, err
	}
	path := cmp.Or(h.ProductUUID, productUUID)
	text, dmiErr := os.ReadFile(path)
	if dmiErr == nil {
		id = strings.ToLower(string(bytes.TrimSpace(text)))
		if isUUID(id) {
			return id, nil
		}
		dmiErr = fmt.Errorf("%s holds no UUID", path)
	}
	return "", fmt.Errorf("which server this machine is cannot be told: %w",
		errors.Join(err, dmiErr))
}

func (h Here) fromMetadata(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	address := cmp.Or(h.MetadataURL, metadataURL)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	// Never through a proxy, for which the address means another machine.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask the metadata service: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask the metadata service at %s: %s", address,
			oneLine(resp.Status, 60))
	}
	var answer struct {
		UUID string `json:"uuid"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil ||
		!isUUID(answer.UUID) {
		return "", fmt.Errorf("ask the metadata service at %s: the answer names no server", address)
	}
	return strings.ToLower(answer.UUID), nil
}
