package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// A member of this group can do anything, as everywhere in Kubernetes.
const breakGlassGroup = "system:masters"

// gate is the first rule: only a slot's claimants and its own workloads may write there.
type gate struct {
	slots client.Reader
	now   func() time.Time
}

// judge returns the Slot of the request's namespace, or the answer that refuses the request.
func (g gate) judge(ctx context.Context, req admission.Request) (*Slot, *admission.Response) {
	var slot Slot
	key := client.ObjectKey{Namespace: req.Namespace, Name: slotName}
	if err := g.slots.Get(ctx, key, &slot); apierrors.IsNotFound(err) {
		return nil, refusal(fmt.Sprintf("the namespace %s has no Slot", req.Namespace))
	} else if err != nil {
		answer := admission.Errored(http.StatusInternalServerError, err)
		return nil, &answer
	}
	if why := whyNot(slot.Spec.Claim, req.Namespace, req.UserInfo, g.now()); why != "" {
		return nil, refusal(why)
	}
	return &slot, nil
}

func refusal(why string) *admission.Response {
	answer := admission.Denied(why)
	return &answer
}

// whyNot says why somebody may not write in a slot, or "" if they may.
func whyNot(claim *Claim, slot string, user authenticationv1.UserInfo, now time.Time) string {
	name := strings.ToLower(user.Username)
	switch {
	case slices.Contains(user.Groups, breakGlassGroup):
		return ""
	case strings.HasPrefix(user.Username, "system:serviceaccount:"+slot+":"):
		return ""
	case claim == nil || len(claim.Users) == 0:
		return fmt.Sprintf("the slot %s is free, and only its holder can deploy there; you are %s", slot, user.Username)
	case claim.Until != nil && !now.Before(claim.Until.Time):
		return fmt.Sprintf("the claim of the slot %s has lapsed; you are %s", slot, user.Username)
	case slices.Contains(claim.Users, name) || slices.Contains(claim.Aliases, name):
		return ""
	case slices.ContainsFunc(user.Groups, func(g string) bool { return slices.Contains(claim.Groups, g) }):
		return ""
	default:
		return fmt.Sprintf("the slot %s is held by %s, and you are %s", slot, claim.Users[0], user.Username)
	}
}
