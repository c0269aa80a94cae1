//! The command line of Mainspring.

fn main() {}
