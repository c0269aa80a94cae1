//! Which mechanism, and why not the others.
//!
//! The result is data: a [`Chosen`] says what was taken and what was passed over for which
//! reason, and stays readable on the handle. A fallback happens only when a mechanism is not to
//! be had; a process that is out of descriptors or memory gets that error, not a slower backend.

use std::io;

use crate::kind::{Kind, Unavailable};

use super::contract::{InForce, OF_HANDLES, OPERATIONS};

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
    in_force: InForce,
    passed_over: Vec<(Kind, Unavailable)>,
}

impl Chosen {
    pub(crate) fn new(
        kind: Kind,
        reason: impl Into<String>,
        passed_over: Vec<(Kind, Unavailable)>,
    ) -> Chosen {
        Chosen { kind, reason: reason.into(), in_force: InForce::default(), passed_over }
    }

    /// With what of the mechanism is in force.
    pub(crate) fn with(mut self, in_force: InForce) -> Chosen {
        self.in_force = in_force;
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

    /// How the mechanism was set up, in words; empty for one that is always set up alike.
    ///
    /// # Platforms
    ///
    /// io_uring: who may submit, and when completions are worked on. A driver that is
    /// [pinned](crate::Builder::pinned) gets more of it than one that is not. Windows: what brings
    /// readiness and what completions, and whether the system would have more.
    #[must_use]
    pub fn setup(&self) -> &str {
        self.in_force.setup
    }

    /// What of the kernel is in use beyond what the mechanism cannot do without, by name.
    ///
    /// # Platforms
    ///
    /// io_uring: the names that the variable `MAINSPRING_URING_WITHOUT` takes, to do without some.
    /// Windows: `AFD` where readiness comes from the driver behind all sockets, and
    /// `overlapped operations`. Others: none.
    #[must_use]
    pub fn features(&self) -> &[&'static str] {
        &self.in_force.features
    }

    /// The operations of [`op`](crate::op), of the net types and of handles that the kernel carries
    /// out.
    ///
    /// ```
    /// let handle = mainspring::Driver::new().unwrap().handle();
    /// let chosen = handle.backend();
    /// let native = chosen.native_operations().count();
    /// println!("{native} native, {} emulated", chosen.emulated_operations().count());
    /// ```
    pub fn native_operations(&self) -> impl Iterator<Item = &'static str> + '_ {
        let names = OPERATIONS.iter().chain(OF_HANDLES).copied();
        names.filter(|name| self.in_force.operations.contains(name))
    }

    /// The operations that are carried out through readiness or the pool of blocking threads: all
    /// that are not [native](Self::native_operations). The calls and their results are the same.
    pub fn emulated_operations(&self) -> impl Iterator<Item = &'static str> + '_ {
        OPERATIONS.iter().copied().filter(|name| !self.in_force.operations.contains(name))
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
    fn an_operation_is_native_or_emulated() {
        let operations = vec!["send", "what nobody can ask for"];
        let in_force = InForce { operations, ..InForce::default() };
        let chosen = Chosen::new(Kind::Sim, "", Vec::new()).with(in_force);
        assert_eq!(chosen.native_operations().collect::<Vec<_>>(), ["send"]);
        let emulated: Vec<_> = chosen.emulated_operations().collect();
        assert!(emulated.contains(&"recv") && !emulated.contains(&"send"));
        assert_eq!(emulated.len() + 1, OPERATIONS.len());
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
