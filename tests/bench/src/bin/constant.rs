//! `constant`: what does a server of the same parts cost that does not even read what it is asked?

fn main() {}
