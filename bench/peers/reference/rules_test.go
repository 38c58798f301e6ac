package main

import (
	"reflect"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func alices() *Claim {
	return &Claim{Users: []string{"alice@example.com", "octocat"}, Groups: []string{"payments"}, Purpose: "payments refactor"}
}

func TestOnlyClaimantsAndOwnWorkloadsPass(t *testing.T) {
	lapsed := alices()
	lapsed.Until = &metav1.Time{Time: now}
	const othersWhy = "the slot pikachu is held by alice@example.com, and you are "
	for _, row := range []struct {
		claim  *Claim
		user   string
		groups []string
		why    string
	}{
		{claim: alices(), user: "Alice@Example.com"},
		{claim: alices(), user: "octocat"},
		{claim: alices(), user: "carol", groups: []string{"payments"}},
		{claim: alices(), user: "system:serviceaccount:pikachu:web"},
		{claim: nil, user: "root", groups: []string{breakGlassGroup}},
		{claim: alices(), user: "alice", why: othersWhy + "alice"},
		{claim: alices(), user: "system:serviceaccount:pikachu2:web", why: othersWhy + "system:serviceaccount:pikachu2:web"},
		{claim: nil, user: "alice", why: "the slot pikachu is free, and only its holder can deploy there; you are alice"},
		{claim: lapsed, user: "octocat", why: "the claim of the slot pikachu has lapsed; you are octocat"},
	} {
		user := authenticationv1.UserInfo{Username: row.user, Groups: row.groups}
		if why := whyNot(row.claim, "pikachu", user, now); why != row.why {
			t.Errorf("%s: got %q, want %q", row.user, why, row.why)
		}
	}
}

func TestAStampReplacesForgedMarksAndLeavesOthers(t *testing.T) {
	labels, annotations := stamp("pikachu", alices())
	forged := map[string]string{"hotdesk.dev/owner": "bob", "hotdesk.dev/admin": "yes", "hotdesk.dev/for": "bob", "app": "web"}
	want := map[string]string{
		"hotdesk.dev/slot": "pikachu", "hotdesk.dev/owner": "alice_at_example.com", "hotdesk.dev/for": "bob", "app": "web",
	}
	if got := marked(forged, labels); !reflect.DeepEqual(got, want) {
		t.Errorf("labels: got %v, want %v", got, want)
	}
	want = map[string]string{
		"hotdesk.dev/owner": "alice@example.com", "hotdesk.dev/claimants": "alice@example.com,octocat",
		"hotdesk.dev/purpose": "payments refactor",
	}
	if got := marked(nil, annotations); !reflect.DeepEqual(got, want) {
		t.Errorf("annotations: got %v, want %v", got, want)
	}
}

// The values are those of the tests of crates/slots/src/label.rs.
func TestNamesAreSpeltAsHotdeskSpellsThem(t *testing.T) {
	for name, want := range map[string]string{
		"alice@example.com":               "alice_at_example.com",
		"octocat":                         "octocat",
		"build-7.ci":                      "build-7.ci",
		"a_at_b":                          "a-at-b_h_830d679991",
		"system:serviceaccount:ci:deploy": "system-serviceaccount-ci-deploy_h_9685f641c9",
		"-":                               "x_h_3973e022e9",
		"dependabot[bot]":                 "dependabot-bot_h_3aa597297d",
	} {
		if got := labelSafe(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
