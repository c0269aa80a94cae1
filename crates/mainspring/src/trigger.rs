//! When readiness is reported again (clause C3).

/// How often a registration hears of readiness that is still there.
///
/// ```
/// use mainspring::Trigger;
/// assert_eq!(Trigger::default(), Trigger::Edge);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Once when the source is added (if it is ready then) and once for each change after that:
    /// work until the call says `WouldBlock` or transfers less than it could.
    ///
    /// # Platforms
    ///
    /// On [`Kind::Poll`](crate::Kind::Poll) edges are made from levels. None is lost, but where the
    /// system does not tell data from as much other data, a report may come late, or again.
    #[default]
    Edge,
    /// At every look, for as long as the source is ready.
    Level,
    /// Once; then silence until it is asked for again: with
    /// [`Registry::modify`](crate::Registry::modify) in a poller, with
    /// [`Registration::rearm`](crate::Registration::rearm) in a driver.
    OneShot,
}
