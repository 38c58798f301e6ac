//! How long may a slot go unused before it counts as idle?
