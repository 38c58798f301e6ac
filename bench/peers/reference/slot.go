package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The name of every Slot: there is one in a namespace.
const slotName = "slot"

var slotsVersion = schema.GroupVersion{Group: "hotdesk.dev", Version: "v1alpha1"}

// Slot is what the rules read of a Slot.
type Slot struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec SlotSpec `json:"spec"`
}

// SlotSpec says who holds a slot.
type SlotSpec struct {
	Claim *Claim `json:"claim,omitempty"`
}

// Claim is somebody's claim of a slot. The first user is the owner.
type Claim struct {
	Users   []string     `json:"users,omitempty"`
	Aliases []string     `json:"aliases,omitempty"`
	Groups  []string     `json:"groups,omitempty"`
	Purpose string       `json:"purpose,omitempty"`
	Until   *metav1.Time `json:"until,omitempty"`
}

// SlotList is a list of Slots.
type SlotList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Slot `json:"items"`
}

func addSlots(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(slotsVersion, &Slot{}, &SlotList{})
	metav1.AddToGroupVersion(scheme, slotsVersion)
	return nil
}

// DeepCopyInto copies everything that is behind a pointer, too.
func (s *Slot) DeepCopyInto(out *Slot) {
	*out = *s
	s.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Claim = s.Spec.Claim.deepCopy()
}

// DeepCopyObject makes a Slot a runtime.Object.
func (s *Slot) DeepCopyObject() runtime.Object {
	out := new(Slot)
	s.DeepCopyInto(out)
	return out
}

// DeepCopyObject makes a SlotList a runtime.Object.
func (l *SlotList) DeepCopyObject() runtime.Object {
	out := &SlotList{TypeMeta: l.TypeMeta, Items: make([]Slot, len(l.Items))}
	l.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range l.Items {
		l.Items[i].DeepCopyInto(&out.Items[i])
	}
	return out
}

func (c *Claim) deepCopy() *Claim {
	if c == nil {
		return nil
	}
	out := *c
	out.Users = append([]string(nil), c.Users...)
	out.Aliases = append([]string(nil), c.Aliases...)
	out.Groups = append([]string(nil), c.Groups...)
	out.Until = c.Until.DeepCopy()
	return &out
}
