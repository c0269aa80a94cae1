//! Chains that the kernel has, and cancels that come too early for their links.
//!
//! A cancel finds what the kernel has begun. Of a chain that is the first operation; the others
//! wait behind it where no cancel looks, so one that is meant for them finds nothing (`ENOENT`),
//! and the operation is begun later all the same. If the one before it is cancelled too, the
//! kernel ends both. But that one may be just ending by itself: then the cancel would be lost.
//!
//! So cancels of links are remembered. When the operation before has ended, the cancel is asked
//! again; and again if it found nothing still, because the kernel is about to begin the link: that
//! is a matter of its next entries. What no cancel finds then either, as it finds nothing that a
//! disk has, ends by itself. The first of a chain needs none of this, nor does anything that is in
//! no chain: what a cancel does not find there has ended.
//!
//! A send without a copy is found by nothing between its two completions, for as long as its peer
//! likes: it moves nothing any more by then, and is not asked for again.

use std::collections::HashMap;

use crate::token::Token;

use super::key::Key;
use super::ring::Ring;

/// The chains under way.
#[derive(Default)]
pub(super) struct Links {
    links: HashMap<Token, Link>,
    /// Cancels that are to be asked again.
    again: Vec<Token>,
}

/// An operation of a chain.
struct Link {
    next: Option<Token>,
    stage: Stage,
    cancelled: bool,
    /// Cancels that found nothing since the one before has ended.
    misses: u8,
}

/// So many entries after the one before has ended, the link was begun: the kernel begins it at the
/// latest when it works off what the first of them has found. What no cancel finds then is where
/// none looks, as a read is that a disk has.
const MISSES_MAX: u8 = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Behind one that has not ended.
    Waits,
    /// The one before has ended: begun, or about to be.
    Begins,
    /// Nothing is left to be cancelled, or never was.
    Done,
}

impl Links {
    /// An operation of a chain goes to the kernel, and behind it `next`.
    pub(super) fn note(&mut self, token: Token, next: Option<Token>, first: bool) {
        let stage = if first { Stage::Done } else { Stage::Waits };
        self.links.insert(token, Link { next, stage, cancelled: false, misses: 0 });
    }

    /// A cancel goes to the kernel.
    #[inline]
    pub(super) fn cancel(&mut self, token: Token) {
        if self.links.is_empty() {
            return;
        }
        if let Some(link) = self.links.get_mut(&token) {
            link.cancelled = true;
        }
    }

    /// A cancel has found nothing.
    pub(super) fn missed(&mut self, token: Token) {
        let Some(link) = self.links.get_mut(&token) else { return };
        if link.stage != Stage::Begins {
            return;
        }
        link.misses += 1;
        if link.misses < MISSES_MAX {
            self.again.push(token);
        } else {
            link.stage = Stage::Done;
        }
    }

    /// A completion has come, the last one or not.
    #[inline]
    pub(super) fn tell(&mut self, token: Token, last: bool) {
        if !self.links.is_empty() {
            self.tell_links(token, last);
        }
    }

    fn tell_links(&mut self, token: Token, last: bool) {
        // The kernel goes on with the chain when it has a result, though it may keep the memory.
        let next = match self.links.get_mut(&token) {
            Some(link) if !last => {
                link.stage = Stage::Done;
                link.next.take()
            }
            _ => self.links.remove(&token).and_then(|link| link.next),
        };
        let Some(link) = next.and_then(|next| self.links.get_mut(&next)) else { return };
        if link.stage == Stage::Waits {
            link.stage = Stage::Begins;
        }
        if link.cancelled {
            self.again.extend(next);
        }
    }

    /// Asks again what is to be asked again; true if all found room in the ring.
    #[inline]
    pub(super) fn move_into(&mut self, ring: &mut Ring) -> bool {
        while let Some(&token) = self.again.last() {
            if self.links.contains_key(&token) && !ring.push_cancel(Key::Operation(token)) {
                return false;
            }
            self.again.pop();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::uring::features::Features;

    const FIRST: Token = Token(1);
    const SECOND: Token = Token(2);

    /// A chain of two, and a cancel of the second while the first runs.
    fn cancelled_early() -> Links {
        let mut links = Links::default();
        links.note(FIRST, Some(SECOND), true);
        links.note(SECOND, None, false);
        links.cancel(SECOND);
        links
    }

    /// So many cancels go into the ring now.
    fn asks(links: &mut Links, ring: &mut Ring) -> usize {
        let before = ring.pushed();
        assert!(links.move_into(ring), "there is room");
        ring.pushed() - before
    }

    /// C11: the kernel may be about to begin the link when it is asked first, so it is asked again;
    /// and C13: not for as long as a disk takes, where no cancel finds anything.
    #[test]
    fn c11_a_link_is_asked_for_three_times_after_its_turn_has_come() {
        let mut ring = Ring::open(None, Features::ALL).expect("a ring");
        let mut links = cancelled_early();
        links.missed(SECOND);
        assert_eq!(asks(&mut links, &mut ring), 0, "the first has not ended");
        links.tell(FIRST, true);
        let mut asked = 0;
        while asks(&mut links, &mut ring) == 1 {
            asked += 1;
            assert!(asked <= 16, "it is asked for without an end");
            links.missed(SECOND);
        }
        assert_eq!(asked, 3);
        links.missed(SECOND);
        assert_eq!(asks(&mut links, &mut ring), 0, "nor later");
        links.tell(SECOND, true);
        assert!(links.links.is_empty());
    }

    /// C11: nothing is asked of what has ended meanwhile, as a link has whose chain broke.
    #[test]
    fn c11_a_link_that_has_ended_is_not_asked_for() {
        let mut ring = Ring::open(None, Features::ALL).expect("a ring");
        let mut links = cancelled_early();
        links.tell(FIRST, true);
        links.tell(SECOND, true);
        assert_eq!(asks(&mut links, &mut ring), 0);
        assert!(links.links.is_empty() && links.again.is_empty());
    }
}
