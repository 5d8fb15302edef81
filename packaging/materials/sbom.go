package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// ownLicence is that of restorefs itself.
const ownLicence = "Apache-2.0"

// The part of CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/) that is used here.
type (
	bom struct {
		Schema       string       `json:"$schema"`
		Format       string       `json:"bomFormat"`
		SpecVersion  string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     bomMetadata  `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	bomMetadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Type       string       `json:"type"`
		Ref        string       `json:"bom-ref"`
		Name       string       `json:"name"`
		Version    string       `json:"version"`
		Hashes     []hash       `json:"hashes,omitempty"`
		Licences   []expression `json:"licenses"`
		Purl       string       `json:"purl"`
		Properties []property   `json:"properties,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	expression struct {
		Expression string `json:"expression"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn,omitempty"`
	}
)

// sbom is the SBOM of a program. That it depends on all of its parts is all that is said of who
// needs whom: the program itself knows no more.
func sbom(p program) ([]byte, error) {
	own := component{
		Type: "application", Name: p.path, Version: p.version, Purl: purl(p.path, p.version),
		Hashes: []hash{{"SHA-256", p.digest}}, Licences: []expression{{ownLicence}},
	}
	own.Ref = own.Purl
	for _, s := range p.build {
		own.Properties = append(own.Properties, property{"build:" + s.name, s.value})
	}
	out := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
		Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: bomMetadata{Timestamp: p.made.Format(time.RFC3339), Component: own},
	}
	all := dependency{Ref: own.Ref}
	var leaves []dependency
	for _, part := range p.parts {
		c := component{
			Type: "library", Name: part.path, Version: part.version,
			Purl: purl(part.path, part.version), Licences: []expression{{part.expression()}},
		}
		c.Ref = c.Purl
		if part.sum != "" {
			c.Properties = []property{{"go:sum", part.sum}}
		}
		out.Components = append(out.Components, c)
		all.DependsOn = append(all.DependsOn, c.Ref)
		leaves = append(leaves, dependency{Ref: c.Ref})
	}
	out.Dependencies = append([]dependency{all}, leaves...)
	text, err := json.MarshalIndent(out, "", "  ")
	return append(text, '\n'), err
}

// purl is the package URL of a Go module (https://github.com/package-url/purl-spec).
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + url.QueryEscape(version)
}

// noticesOf is the text with the licences of others that goes with a program.
func noticesOf(p program) string {
	var b strings.Builder
	b.WriteString("restorefs is built with the parts named here, each under the licence whose " +
		"text follows.\nThe source of each is what \"go mod download PART@VERSION\" fetches; " +
		"\"std\" is the library of Go.\n")
	for _, part := range p.parts {
		fmt.Fprintf(&b, "\n%s\n%s %s: %s\n", strings.Repeat("=", 78), part.path, part.version,
			part.expression())
		for _, l := range part.licences {
			fmt.Fprintf(&b, "\n----- %s of %s\n\n%s\n", l.name, part.path,
				strings.TrimSpace(strings.ReplaceAll(l.text, "\r\n", "\n")))
		}
	}
	return b.String()
}
