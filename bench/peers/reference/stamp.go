package main

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

const (
	keyPrefix    = "hotdesk.dev/"
	keySlot      = keyPrefix + "slot"
	keyOwner     = keyPrefix + "owner"
	keyClaimants = keyPrefix + "claimants"
	keyPurpose   = keyPrefix + "purpose"
	keyFor       = keyPrefix + "for"
)

// stamp is the second rule: the labels and annotations that every object in a slot carries.
func stamp(slot string, claim *Claim) (labels, annotations map[string]string) {
	labels = map[string]string{keySlot: slot}
	annotations = map[string]string{}
	if claim == nil || len(claim.Users) == 0 {
		return labels, annotations
	}
	owner := claim.Users[0]
	labels[keyOwner] = labelSafe(owner)
	annotations[keyOwner] = owner
	annotations[keyClaimants] = strings.Join(claim.Users, ",")
	if claim.Purpose != "" {
		annotations[keyPurpose] = claim.Purpose
	}
	return labels, annotations
}

// marked returns an object's labels or annotations with exactly these reserved ones.
func marked(found, reserved map[string]string) map[string]string {
	result := make(map[string]string, len(found)+len(reserved))
	for key, value := range found {
		if !strings.HasPrefix(key, keyPrefix) || key == keyFor {
			result[key] = value
		}
	}
	for key, value := range reserved {
		result[key] = value
	}
	return result
}

const (
	maxLabel   = 63
	hashMark   = "_h_"
	hashDigits = 10
)

var (
	plainName  = regexp.MustCompile(`^[a-z0-9.-]*@?[a-z0-9.-]*$`)
	validEnds  = regexp.MustCompile(`^[A-Za-z0-9](.*[A-Za-z0-9])?$`)
	notInSlugs = regexp.MustCompile(`[^a-z0-9.]`)
	signsAtEnd = regexp.MustCompile(`^[^a-z0-9]+|[^a-z0-9]+$`)
)

// labelSafe is a name as a label value, in hotdesk's spelling: its policy compares the two.
func labelSafe(name string) string {
	value := strings.ReplaceAll(name, "@", "_at_")
	if plainName.MatchString(name) && validEnds.MatchString(value) && len(value) <= maxLabel {
		return value
	}
	sum := sha256.Sum256([]byte(name))
	slug := notInSlugs.ReplaceAllString(strings.ReplaceAll(strings.ToLower(name), "@", "-at-"), "-")
	slug = slug[:min(len(slug), maxLabel-len(hashMark)-hashDigits)]
	slug = signsAtEnd.ReplaceAllString(slug, "")
	if slug == "" {
		slug = "x"
	}
	return slug + hashMark + hex.EncodeToString(sum[:])[:hashDigits]
}
