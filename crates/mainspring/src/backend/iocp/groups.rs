//! Handles of the driver, shared by a bounded number of sockets each.
//!
//! To cancel a request the kernel walks through the requests of its handle: the more sockets on a
//! handle, the slower (ten times at 10,000, trio found). One handle a socket would cost a kernel
//! object and a call more for each. So sockets sit in groups. A seat that was given up is taken by
//! the next socket, and a group without sockets gives its handle back.

use std::io;

use crate::sys::afd::Afd;

use crate::backend::port::Queue;

/// Sockets on one handle: the number of wepoll, libuv's ancestor and mio, all of which have been in
/// wide use with it.
const SEATS: usize = 32;

/// A group, by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group(usize);

/// The groups of one queue.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Option<Members>>,
    /// Places in `groups` that have a seat, or no handle; each at most once.
    vacant: Vec<usize>,
}

struct Members {
    afd: Afd,
    taken: usize,
}

impl Groups {
    /// Takes a seat, in a group with a free one or a new group.
    pub(super) fn join(&mut self, queue: &Queue) -> io::Result<Group> {
        let place = match self.vacant.last() {
            Some(&place) => place,
            None => {
                self.groups.push(None);
                self.vacant.push(self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        let members = match &mut self.groups[place] {
            Some(members) => members,
            none => none.insert(Members { afd: queue.open_afd()?, taken: 0 }),
        };
        members.taken += 1;
        if members.taken == SEATS {
            self.vacant.pop();
        }
        Ok(Group(place))
    }

    /// Gives a seat back; the last one closes the handle. No request of the seat is in flight.
    pub(super) fn leave(&mut self, group: Group) {
        let Some(members) = &mut self.groups[group.0] else { return };
        if members.taken == SEATS {
            self.vacant.push(group.0);
        }
        members.taken -= 1;
        if members.taken == 0 {
            self.groups[group.0] = None;
        }
    }

    /// The handle of a group that somebody sits in.
    pub(super) fn afd(&self, group: Group) -> io::Result<&Afd> {
        let members = self.groups[group.0].as_ref();
        members.map(|members| &members.afd).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
