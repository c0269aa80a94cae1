//! What operations are prepared on.
//!
//! The traits here say which operation goes with which object. They are implemented for the types
//! of this crate: what an operation needs of its object, nobody else can make.

use std::io;
use std::sync::Arc;

use socket2::SockAddr;

use crate::completion::operation::RawMemory;
use crate::driver::{Emulation, Handle, Prepared, Registration, Slot, Subject};
use crate::error;
use crate::source::RawSource;

/// An object of the driver that operations are prepared on.
pub trait Source {
    /// What an operation needs of it.
    #[doc(hidden)]
    fn target(&self) -> Target<'_>;
}

impl<S: Source + ?Sized> Source for &S {
    #[inline]
    fn target(&self) -> Target<'_> {
        (**self).target()
    }
}

/// A socket that bytes are received from and sent to without naming the other end.
pub trait Endpoint: Source {}

impl<S: Endpoint + ?Sized> Endpoint for &S {}

/// A socket whose bytes are a stream, or one half of it.
pub trait Stream: Endpoint {}

impl<S: Stream + ?Sized> Stream for &S {}

/// A socket whose bytes come in datagrams.
pub trait Datagrams: Endpoint {
    /// How the other end is named.
    type Address;
    /// A datagram that was received.
    type Received;

    /// The system's form of an address.
    #[doc(hidden)]
    fn name(address: &Self::Address) -> SockAddr;

    /// What arrived.
    #[doc(hidden)]
    fn received(arrived: Arrived) -> io::Result<Self::Received>;
}

impl<S: Datagrams + ?Sized> Datagrams for &S {
    type Address = S::Address;
    type Received = S::Received;

    fn name(address: &Self::Address) -> SockAddr {
        S::name(address)
    }

    fn received(arrived: Arrived) -> io::Result<Self::Received> {
        S::received(arrived)
    }
}

/// What came with the bytes of a datagram.
#[derive(Debug)]
pub struct Arrived(pub(crate) crate::sys::message::Arrived);

/// What an operation needs of its object.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    on: On<'a>,
    subject: Subject<'a>,
    /// Whether the object is not the one any more that was registered.
    replaced: bool,
}

/// How the kernel knows it.
#[derive(Clone, Copy, Debug)]
enum On<'a> {
    Registered(&'a Registration),
    Direct(&'a Arc<Slot>),
}

impl<'a> Target<'a> {
    #[inline]
    pub(crate) fn new(registration: &'a Registration, subject: Subject<'a>) -> Target<'a> {
        Target { on: On::Registered(registration), subject, replaced: false }
    }

    /// A direct descriptor.
    pub(crate) fn direct(slot: &'a Arc<Slot>) -> Target<'a> {
        Target { on: On::Direct(slot), subject: Subject::Nothing, replaced: false }
    }

    /// Says whether another object has taken the registered one's place (clause C5).
    #[allow(dead_code, reason = "operations that only some systems have say it")]
    pub(crate) fn replaced(self, replaced: bool) -> Target<'a> {
        Target { replaced, ..self }
    }

    #[allow(dead_code, reason = "asked where there are operations on two")]
    pub(crate) fn is_replaced(&self) -> bool {
        self.replaced
    }

    #[allow(dead_code, reason = "asked where there are operations on two")]
    pub(crate) fn registration(&self) -> Option<&'a Registration> {
        match self.on {
            On::Registered(registration) => Some(registration),
            On::Direct(_) => None,
        }
    }

    /// The driver it is with.
    pub(crate) fn handle(&self) -> &'a Handle {
        match self.on {
            On::Registered(registration) => registration.handle(),
            On::Direct(slot) => slot.handle(),
        }
    }

    pub(crate) fn subject(&self) -> Subject<'a> {
        self.subject
    }

    /// The number the kernel knows it by.
    #[inline]
    pub(crate) fn source(&self) -> RawSource {
        match self.on {
            On::Registered(registration) => registration.source(),
            On::Direct(slot) => slot.source(),
        }
    }

    #[inline]
    pub(crate) fn prepare<O: Emulation>(self, operation: O) -> Prepared<'a, O> {
        let refused = self.replaced.then(error::source_replaced);
        match self.on {
            On::Registered(registration) => Prepared::on(registration, self.subject, operation),
            On::Direct(slot) => Prepared::on_direct(slot, operation),
        }
        .unless(refused)
    }
}

/// An address and a length, as the kernel takes them.
pub(super) fn memory((start, len): (*mut u8, usize)) -> RawMemory {
    RawMemory { start, len }
}
