//! Features add and never alter: the library compiles with each combination of them.

use super::{LIBRARY, no_arguments};
use crate::process::{Program, Result};

const FEATURES: &[&str] = &["metrics", "sim", "tokio", "hyper"];

pub fn run(args: &[String]) -> Result<()> {
    no_arguments("features", args)?;
    let combinations = combinations(FEATURES);
    for features in &combinations {
        Program::cargo()
            .args(["check", "--quiet", "--locked", "--package", LIBRARY, "--no-default-features"])
            .args(["--features", &features.join(",")])
            .env("RUSTFLAGS", "-D warnings")
            .run()?;
    }
    println!("features: {} combinations", combinations.len());
    Ok(())
}

/// Every subset, the empty one first.
fn combinations(features: &[&'static str]) -> Vec<Vec<&'static str>> {
    let mut subsets = vec![Vec::new()];
    for feature in features {
        let with = subsets.iter().map(|subset| [subset.as_slice(), &[*feature]].concat());
        subsets.extend(with.collect::<Vec<_>>());
    }
    subsets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_features_make_sixteen_different_combinations() {
        let mut all = combinations(FEATURES);
        assert_eq!(all[0], Vec::<&str>::new());
        assert_eq!(all[15], FEATURES);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 16);
    }
}
