//! The mutants. Add one for each guarantee that you give: name it after what it breaks, choose
//! text that stands once in its file, and name the narrowest test that must fail.
//!
//! A row whose file is empty is not filled in yet, and `cargo xtask mutants` fails on it.

use super::Mutant;

/// Every mutant, by the clause that it breaks.
pub const MUTANTS: &[Mutant] = &[
    Mutant { name: "no-edge-triggering", clause: "C3", file: "", find: "", replace: "", test: &[] },
    Mutant { name: "wake-does-nothing", clause: "C6", file: "", find: "", replace: "", test: &[] },
    Mutant {
        name: "generation-unchecked",
        clause: "C4",
        file: "",
        find: "",
        replace: "",
        test: &[],
    },
    Mutant { name: "tick-not-compared", clause: "C2", file: "", find: "", replace: "", test: &[] },
    Mutant {
        name: "closed-bits-cleared",
        clause: "C9",
        file: "",
        find: "",
        replace: "",
        test: &[],
    },
    Mutant {
        name: "lazy-arming-forgets-the-edge",
        clause: "C1",
        file: "",
        find: "",
        replace: "",
        test: &[],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_six_that_must_be_caught_are_in_the_table() {
        let names: Vec<&str> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        for name in [
            "no-edge-triggering",
            "wake-does-nothing",
            "generation-unchecked",
            "tick-not-compared",
            "closed-bits-cleared",
            "lazy-arming-forgets-the-edge",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a name twice");
    }

    #[test]
    fn a_filled_row_is_whole_and_changes_something() {
        for mutant in MUTANTS.iter().filter(|mutant| !mutant.file.is_empty()) {
            assert!(!mutant.find.is_empty() && mutant.find != mutant.replace, "{}", mutant.name);
            assert!(!mutant.test.is_empty() && !mutant.clause.is_empty(), "{}", mutant.name);
            // `cargo test` alone would take long, and hide which test it was.
            assert!(mutant.test.iter().any(|arg| !arg.starts_with('-')), "{}", mutant.name);
        }
    }
}
