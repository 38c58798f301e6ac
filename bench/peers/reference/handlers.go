package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// validator answers /validate: the gate alone.
type validator struct{ gate gate }

// Handle judges a review.
func (v *validator) Handle(ctx context.Context, req admission.Request) admission.Response {
	if _, refused := v.gate.judge(ctx, req); refused != nil {
		return *refused
	}
	return admission.Allowed("")
}

// mutator answers /mutate: the gate, then the stamp.
type mutator struct {
	gate    gate
	decoder admission.Decoder
}

// Handle judges a review and stamps its object.
func (m *mutator) Handle(ctx context.Context, req admission.Request) admission.Response {
	slot, refused := m.gate.judge(ctx, req)
	if refused != nil {
		return *refused
	}
	if !isStamped(req) {
		return admission.Allowed("")
	}
	// Only the metadata is read and compared: the object can be of any kind and size.
	var object metav1.PartialObjectMetadata
	if err := m.decoder.Decode(req, &object); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	before, err := json.Marshal(&object)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	labels, annotations := stamp(req.Namespace, slot.Spec.Claim)
	object.Labels = marked(object.Labels, labels)
	object.Annotations = marked(object.Annotations, annotations)
	after, err := json.Marshal(&object)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	return admission.PatchResponseFromRaw(before, after)
}

// Subresources through which a whole object is written.
var wholeObject = []string{"", "status", "resize", "ephemeralcontainers", "finalize", "approval"}

// Kinds of requests, which have no labels of their own to keep.
var markless = []string{"Binding", "Scale", "Eviction", "TokenRequest"}

func isStamped(req admission.Request) bool {
	return len(req.Object.Raw) > 0 && slices.Contains(wholeObject, req.SubResource) && !slices.Contains(markless, req.Kind.Kind)
}
