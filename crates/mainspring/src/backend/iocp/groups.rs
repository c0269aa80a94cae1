//! Handles of the driver, shared by a bounded number of sockets each.
//!
//! To cancel a request the kernel walks through the requests of its handle: the more sockets on a
//! handle, the slower (ten times at 10,000, trio found). One handle a socket would cost a kernel
//! object and three calls more for each. So sockets sit in groups. A seat that was given up is
//! taken by the next socket, before a new handle is opened, and a group without sockets gives its
//! handle back. One such handle is kept for the next socket: else one that comes and goes where
//! all groups are full would open and close a handle each time.

use std::io;

use crate::sys::afd::Afd;

use crate::backend::port::Queue;

/// Sockets on one handle, by measurement: 500 sockets registered, looked at and deregistered,
/// beside mio (32 a handle) in the same turns, under Wine 10, `sockets register`, on a machine that
/// was busy with other things. How much faster than mio, middle of six runs (those of 128 lie
/// between 1.43 and 2.52), and the best time for one socket in three:
///
/// | sockets on one handle | 1 | 8 | 32 | 128 | 512 |
/// |---|---|---|---|---|---|
/// | times as fast | 0.89 | 1.41 | 1.48 | 1.78 | 1.41 |
/// | calls for handles, each socket | 4 | 0.5 | 0.13 | 0.03 | 0.01 |
/// | best time, µs | 104 | 140 | 116 | 118 | 75 |
///
/// From 8 on the difference is within the noise, so this is the number beyond which the calls for
/// handles are nothing beside those for sockets. Wine walks through the requests of the whole
/// process, so the other side of it, Windows' walk through the requests of a handle, cannot be
/// measured there: 128 steps are far from the thousands at which others have seen it.
const SEATS: usize = 128;

/// A group, by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group(usize);

/// The groups of one queue.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Option<Members>>,
    /// Groups that have members, and a seat.
    vacant: Vec<usize>,
    /// A group without members, whose handle is kept.
    spare: Option<usize>,
    /// Places in `groups` without a handle.
    unused: Vec<usize>,
}

struct Members {
    afd: Afd,
    taken: usize,
    /// Where the group stands in `vacant`; beyond its end if it does not.
    vacancy: usize,
}

/// Stands in no list.
const NOWHERE: usize = usize::MAX;

impl Groups {
    /// Takes a seat, in a group with a free one or a new group.
    pub(super) fn join(&mut self, queue: &Queue) -> io::Result<Group> {
        let place = match self.vacant.last() {
            Some(&place) => place,
            None => self.begin(queue)?,
        };
        if let Some(members) = &mut self.groups[place] {
            members.taken += 1;
            if members.taken == SEATS {
                self.withdraw(place);
            }
        }
        Ok(Group(place))
    }

    /// A group without members, which has a seat from here on.
    fn begin(&mut self, queue: &Queue) -> io::Result<usize> {
        let place = match self.spare.take() {
            Some(place) => place,
            None => {
                let members = Members { afd: queue.open_afd()?, taken: 0, vacancy: NOWHERE };
                let place = self.unused.pop().unwrap_or(self.groups.len());
                if place == self.groups.len() {
                    self.groups.push(None);
                }
                self.groups[place] = Some(members);
                place
            }
        };
        self.offer(place);
        Ok(place)
    }

    /// Gives a seat back; the last one closes the handle, if another is kept already. No request of
    /// the seat is in flight.
    pub(super) fn leave(&mut self, group: Group) {
        let place = group.0;
        let Some(members) = &mut self.groups[place] else { return };
        members.taken -= 1;
        let (taken, vacancy) = (members.taken, members.vacancy);
        if taken > 0 {
            if vacancy == NOWHERE {
                self.offer(place);
            }
            return;
        }
        if vacancy != NOWHERE {
            self.withdraw(place);
        }
        if self.spare.is_none() {
            self.spare = Some(place);
        } else {
            self.groups[place] = None;
            self.unused.push(place);
        }
    }

    fn offer(&mut self, place: usize) {
        if let Some(members) = &mut self.groups[place] {
            members.vacancy = self.vacant.len();
            self.vacant.push(place);
        }
    }

    fn withdraw(&mut self, place: usize) {
        let Some(members) = &mut self.groups[place] else { return };
        let vacancy = std::mem::replace(&mut members.vacancy, NOWHERE);
        self.vacant.swap_remove(vacancy);
        // Another stands where it stood.
        let moved = self.vacant.get(vacancy).copied();
        if let Some(members) = moved.and_then(|moved| self.groups[moved].as_mut()) {
            members.vacancy = vacancy;
        }
    }

    /// The handle of a group that somebody sits in.
    pub(super) fn afd(&self, group: Group) -> io::Result<&Afd> {
        let members = self.groups[group.0].as_ref();
        members.map(|members| &members.afd).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// How many handles are open.
    #[cfg(test)]
    fn handles(&self) -> usize {
        self.groups.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests;
