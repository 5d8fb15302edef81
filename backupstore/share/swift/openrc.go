package swift

import (
	"fmt"
	"os"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
)

// firstOf returns the first of some variables of the environment that is set.
func firstOf(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

// domainOf returns the id or name of the domain of a USER or PROJECT: by its own variables, else
// the general ones, else the default domain, as keystoneauth does.
func domainOf(whose string) (id, name string) {
	for _, of := range []string{"OS_" + whose + "_DOMAIN", "OS_DOMAIN", "OS_DEFAULT_DOMAIN"} {
		if id = os.Getenv(of + "_ID"); id != "" {
			return id, ""
		}
		if name = os.Getenv(of + "_NAME"); name != "" {
			return "", name
		}
	}
	if id = os.Getenv("OS_DEFAULT_DOMAIN"); id != "" {
		return id, ""
	}
	return "default", ""
}

// openrc returns how to log in by the variables of an openrc. The library's own reading of them
// knows neither OS_USER_DOMAIN_NAME nor OS_PROJECT_DOMAIN_NAME, which each openrc has today.
func openrc() (gophercloud.AuthOptions, error) {
	a := gophercloud.AuthOptions{IdentityEndpoint: os.Getenv("OS_AUTH_URL")}
	missing := func(names ...string) (gophercloud.AuthOptions, error) {
		return a, fmt.Errorf("OS_AUTH_URL is set, and %s is not", strings.Join(names, " or "))
	}
	a.Scope = projectScope()
	token := firstOf("OS_TOKEN", "OS_AUTH_TOKEN")
	if token != "" && os.Getenv("OS_PASSWORD") == "" {
		a.TokenID = token
		return a, nil
	}
	a.ApplicationCredentialID = os.Getenv("OS_APPLICATION_CREDENTIAL_ID")
	a.ApplicationCredentialName = os.Getenv("OS_APPLICATION_CREDENTIAL_NAME")
	named := a.ApplicationCredentialName != ""
	if a.ApplicationCredentialID != "" || named {
		a.Scope = nil // it has its own
		a.ApplicationCredentialSecret = os.Getenv("OS_APPLICATION_CREDENTIAL_SECRET")
		if a.ApplicationCredentialSecret == "" {
			return missing("OS_APPLICATION_CREDENTIAL_SECRET")
		}
		if a.ApplicationCredentialID != "" {
			a.ApplicationCredentialName = ""
			return a, nil
		}
	}
	if a.UserID = firstOf("OS_USER_ID", "OS_USERID"); a.UserID == "" {
		if a.Username = firstOf("OS_USERNAME", "OS_USER_NAME"); a.Username == "" {
			return missing("OS_USERNAME", "OS_USER_ID")
		}
		a.DomainID, a.DomainName = domainOf("USER")
	}
	if a.Password = os.Getenv("OS_PASSWORD"); a.Password == "" && !named {
		return missing("OS_PASSWORD")
	}
	if a.Scope == nil && !named {
		return missing("OS_PROJECT_ID", "OS_PROJECT_NAME")
	}
	return a, nil
}

// projectScope is the project that a token is for, nil if none is named.
func projectScope() *gophercloud.AuthScope {
	if id := firstOf("OS_PROJECT_ID", "OS_TENANT_ID"); id != "" {
		return &gophercloud.AuthScope{ProjectID: id}
	}
	name := firstOf("OS_PROJECT_NAME", "OS_TENANT_NAME")
	if name == "" {
		return nil
	}
	s := &gophercloud.AuthScope{ProjectName: name}
	s.DomainID, s.DomainName = domainOf("PROJECT")
	return s
}
