//! Which mechanism, and why not the others.
//!
//! The result is data: a [`Chosen`] says what was taken and what was passed over for which
//! reason, and stays readable on the handle. A fallback happens only when a mechanism is not to
//! be had; a process that is out of descriptors or memory gets that error, not a slower backend.

use std::io;

use crate::kind::{Kind, Unavailable};

/// What the caller of a builder asked for.
///
/// ```
/// use mainspring::{Builder, Choice, Kind};
/// let driver = Builder::new().choice(Choice::FirstOf(vec![Kind::Epoll])).build().unwrap();
/// assert_eq!(driver.handle().backend().kind(), Kind::Epoll);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// The environment variable `MAINSPRING_BACKEND`, a list of names with commas, if it is set;
    /// else the best mechanism this machine offers.
    #[default]
    Auto,
    /// This one or an error: never another.
    Exactly(Kind),
    /// The first of these that can be had.
    FirstOf(Vec<Kind>),
}

/// The environment variable that [`Choice::Auto`] reads.
pub(crate) const VARIABLE: &str = "MAINSPRING_BACKEND";

/// What was chosen, and why.
///
/// ```
/// let handle = mainspring::Driver::new().unwrap().handle();
/// let chosen = handle.backend();
/// println!("running on {}: {}", chosen.kind(), chosen.reason());
/// ```
#[derive(Clone, Debug)]
pub struct Chosen {
    kind: Kind,
    reason: String,
    detail: String,
    passed_over: Vec<(Kind, Unavailable)>,
}

impl Chosen {
    pub(crate) fn new(
        kind: Kind,
        reason: impl Into<String>,
        passed_over: Vec<(Kind, Unavailable)>,
    ) -> Chosen {
        Chosen { kind, reason: reason.into(), detail: String::new(), passed_over }
    }

    /// With what of the mechanism is in force.
    pub(crate) fn with_detail(mut self, detail: String) -> Chosen {
        self.detail = detail;
        self
    }

    /// The mechanism in use.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Why this one, in words.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What of the mechanism is in force, in words; empty for one that has no choices. For a ring:
    /// how it was set up, and which features of the kernel are used.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The mechanisms that would have been preferred, each with what stood in the way.
    #[must_use]
    pub fn passed_over(&self) -> &[(Kind, Unavailable)] {
        &self.passed_over
    }
}

/// The candidates of a choice in order, and the words that say where the order came from.
pub(crate) fn candidates(
    choice: &Choice,
    variable: Option<&str>,
    preferred: &[Kind],
) -> io::Result<(Vec<Kind>, String)> {
    match (choice, variable) {
        (Choice::Exactly(kind), _) => Ok((vec![*kind], "asked for by the program".into())),
        (Choice::FirstOf(kinds), _) if kinds.is_empty() => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "Choice::FirstOf names no backend: name at least one, or use Choice::Auto",
        )),
        (Choice::FirstOf(kinds), _) => Ok((kinds.clone(), "the program's order".into())),
        (Choice::Auto, Some(names)) if !names.trim().is_empty() => {
            let kinds: io::Result<Vec<Kind>> = names.split(',').map(str::parse).collect();
            let kinds = kinds.map_err(|error| {
                io::Error::new(io::ErrorKind::InvalidInput, format!("{VARIABLE}: {error}"))
            })?;
            Ok((kinds, format!("{VARIABLE}={names}")))
        }
        (Choice::Auto, _) => Ok((preferred.to_vec(), "the best this machine offers".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_reads_the_variable_and_names_a_wrong_one() {
        let (kinds, why) = candidates(&Choice::Auto, Some("sim, epoll"), &[]).unwrap();
        assert_eq!(kinds, [Kind::Sim, Kind::Epoll]);
        assert!(why.contains("MAINSPRING_BACKEND"));
        let error = candidates(&Choice::Auto, Some("kpoll"), &[]).unwrap_err();
        assert!(error.to_string().contains("kpoll") && error.to_string().contains("epoll"));
    }

    #[test]
    fn exactly_ignores_the_variable() {
        let (kinds, _) = candidates(&Choice::Exactly(Kind::Epoll), Some("sim"), &[]).unwrap();
        assert_eq!(kinds, [Kind::Epoll]);
    }

    #[test]
    fn an_empty_list_is_refused_in_words() {
        let error = candidates(&Choice::FirstOf(Vec::new()), None, &[]).unwrap_err();
        assert!(error.to_string().contains("name at least one"));
    }
}
