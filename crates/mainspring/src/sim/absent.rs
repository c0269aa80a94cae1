//! The simulator of a build that has none: the same names, and no value of any of them.
//!
//! A match on an empty enum has no arms, so each of these methods is proof that it is never
//! called; an enum with a variant of such a type is laid out as if the variant were not there.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::time::Duration;

use super::Address;
use crate::interest::Interest;
use crate::ready::Ready;
use crate::source::RawSource;
use crate::time::Clock;

/// Stands for the simulated kernel; there is none.
#[derive(Clone, Debug)]
pub(crate) enum Simulation {}

impl Simulation {
    pub(crate) fn clock(&self) -> Clock {
        match *self {}
    }

    pub(crate) fn now(&self) -> Duration {
        match *self {}
    }

    pub(crate) fn tcp_socket(&self, _ipv6: bool) -> io::Result<Socket> {
        match *self {}
    }

    pub(crate) fn unix_socket(&self) -> io::Result<Socket> {
        match *self {}
    }

    pub(crate) fn unix_pair(&self) -> io::Result<(Socket, Socket)> {
        match *self {}
    }

    pub(crate) fn accepted(&self, _number: u64) -> io::Result<Socket> {
        match *self {}
    }
}

/// Stands for a simulated socket; there is none.
#[derive(Debug)]
pub enum Socket {}

impl Socket {
    pub(crate) fn raw_source(&self) -> RawSource {
        match *self {}
    }

    pub(crate) fn ready(&self, _interest: Interest) -> io::Result<Ready> {
        match *self {}
    }

    pub(crate) fn simulation(&self) -> Simulation {
        match *self {}
    }

    pub(crate) fn bind(&self, _address: &Address) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn listen(&self, _backlog: u32) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn accept(&self) -> io::Result<(Socket, Address)> {
        match *self {}
    }

    pub(crate) fn connect(&self, _address: &Address) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match *self {}
    }

    pub(crate) fn local_address(&self) -> io::Result<Address> {
        match *self {}
    }

    pub(crate) fn peer_address(&self) -> io::Result<Address> {
        match *self {}
    }

    pub(crate) fn recv(&self, _buffer: &mut [u8], _peek: bool) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) fn recv_vectored(&self, _buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) fn send(&self, _bytes: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) fn send_vectored(&self, _buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) fn shutdown(&self, _how: Shutdown) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn reset(&self) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn duplicate(&self) -> io::Result<Socket> {
        match *self {}
    }
}
