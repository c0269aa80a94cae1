//! A poller with the words that a test of it is written in.

use std::time::Duration;

use mainspring::{Event, Events, Interest, Poller, Ready, Registry, Token, Trigger};

use crate::world::{PATIENCE, Socket, World};

/// Both directions of a stream.
pub(crate) const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// A poller under test.
pub(crate) struct Watch<'a> {
    world: &'a World,
    poller: Poller,
    events: Events,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(world: &'a World) -> Watch<'a> {
        Watch::with_events(world, Events::with_capacity(16))
    }

    pub(crate) fn with_events(world: &'a World, events: Events) -> Watch<'a> {
        Watch { world, poller: world.poller(), events }
    }

    pub(crate) fn registry(&self) -> Registry {
        self.poller.registry().clone()
    }

    #[track_caller]
    pub(crate) fn add(&self, socket: &Socket, token: Token, interest: Interest, trigger: Trigger) {
        self.poller.registry().add(socket, token, interest, trigger).expect("a source to watch");
    }

    #[track_caller]
    pub(crate) fn modify(
        &self,
        socket: &Socket,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) {
        self.poller
            .registry()
            .modify(socket, token, interest, trigger)
            .expect("a source to look at");
    }

    /// What a loop for every kind says after `WouldBlock`. Kinds that see edges without being told
    /// are not told: that they need it not is what the tests prove.
    #[track_caller]
    pub(crate) fn rearm(&self, socket: &Socket, interest: Interest) {
        if self.world.rearms() {
            self.poller.registry().rearm(socket, interest).expect("a source to watch");
        }
    }

    /// One wait, at most as long as `timeout`: what came, and whether it was woken.
    #[track_caller]
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> (Vec<Event>, bool) {
        self.poller.wait(&mut self.events, timeout).expect("a queue that works");
        (self.events.iter().copied().collect(), self.events.woken())
    }

    /// Waits for something; nothing is a failure.
    #[track_caller]
    pub(crate) fn events(&mut self) -> Vec<Event> {
        let (events, woken) = self.wait(Some(PATIENCE));
        assert!(!events.is_empty(), "nothing came within {PATIENCE:?} (woken: {woken})");
        events
    }

    /// Waits until `token` has reported all of `wanted`; returns all that it reported by then.
    /// An event of any other token is a failure.
    #[track_caller]
    pub(crate) fn until(&mut self, token: Token, wanted: Ready) -> Ready {
        let deadline = self.world.now() + PATIENCE;
        let mut ready = Ready::EMPTY;
        while !ready.contains(wanted) {
            let left = deadline.saturating_sub(self.world.now());
            assert!(!left.is_zero(), "{token:?} reported {ready:?} and never all of {wanted:?}");
            for event in self.wait(Some(left)).0 {
                assert_eq!(event.token, token, "an event of another source: {event:?}");
                ready |= event.ready;
            }
        }
        ready
    }

    /// Waits a moment, in which nothing may come.
    #[track_caller]
    pub(crate) fn silence(&mut self) {
        let (events, woken) = self.wait(Some(self.world.moment()));
        assert_eq!((events.as_slice(), woken), (&[][..], false), "silence was expected");
    }
}
