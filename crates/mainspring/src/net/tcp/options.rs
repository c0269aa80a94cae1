//! The options of TCP sockets, the same on a socket that is being made and on a stream.

/// Gives a type with a method `socket(&self) -> &Socket` the options.
macro_rules! options {
    ($($type:ty),*) => {
        $(
            /// # Options
            ///
            /// Each method is one option of the socket; its errors are the system's. A simulated
            /// network has no options: setting one does nothing, and asking for one is an error.
            impl $type {
                /// Whether small writes are sent at once (`TCP_NODELAY`).
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn nodelay(&self) -> io::Result<bool> {
                    self.socket().os()?.tcp_nodelay()
                }

                /// Whether small writes are to be sent at once instead of being gathered while
                /// sent data is not acknowledged (`TCP_NODELAY`). Off unless set.
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
                    self.socket().configure(|socket| socket.set_tcp_nodelay(nodelay))
                }

                /// Whether an idle connection is probed (`SO_KEEPALIVE`).
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn keepalive(&self) -> io::Result<bool> {
                    self.socket().os()?.keepalive()
                }

                /// Whether an idle connection is to be probed (`SO_KEEPALIVE`), at the times the
                /// system has for it.
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
                    self.socket().configure(|socket| socket.set_keepalive(keepalive))
                }

                /// Probes the connection after `idle` without traffic, then every `interval`, and
                /// gives it up after `retries` probes without an answer. Whole seconds; a part of
                /// one counts as one.
                ///
                /// # Errors
                ///
                /// The system's; `InvalidInput` beyond its limits (Linux: 32767 seconds, 127
                /// probes).
                pub fn set_keepalive_probes(
                    &self,
                    idle: Duration,
                    interval: Duration,
                    retries: u32,
                ) -> io::Result<()> {
                    self.socket()
                        .configure(|socket| sys::keepalive_probes(socket, idle, interval, retries))
                }

                /// How long closing waits for what was not yet sent (`SO_LINGER`); `None`: not at
                /// all, the system sends it in the background.
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn linger(&self) -> io::Result<Option<Duration>> {
                    self.socket().os()?.linger()
                }

                /// How long closing is to wait for what was not yet sent (`SO_LINGER`).
                ///
                /// With a time longer than zero the thread that drops the socket sleeps for up to
                /// that long, and everything on it with it. Zero tears the connection down:
                /// [`set_zero_linger`](Self::set_zero_linger) says so by name. The system counts
                /// in seconds: part of one is taken for a whole one.
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
                    self.socket().configure(|socket| sys::set_linger(socket, linger))
                }

                /// Dropping the socket is to reset the connection, at once and whatever was not
                /// yet sent.
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn set_zero_linger(&self) -> io::Result<()> {
                    self.set_linger(Some(Duration::ZERO))
                }

                /// The size of the kernel's buffer for what is to be sent, in bytes. Linux doubles
                /// what was asked for, to have room for its own notes.
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn send_buffer_size(&self) -> io::Result<usize> {
                    self.socket().os()?.send_buffer_size()
                }

                /// Asks for a size of the kernel's buffer for what is to be sent, in bytes. The
                /// system has limits and quietly keeps to them.
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
                    self.socket().configure(|socket| socket.set_send_buffer_size(bytes))
                }

                /// The size of the kernel's buffer for what has come, in bytes. Linux doubles what
                /// was asked for, to have room for its own notes.
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn recv_buffer_size(&self) -> io::Result<usize> {
                    self.socket().os()?.recv_buffer_size()
                }

                /// Asks for a size of the kernel's buffer for what has come, in bytes. Set it
                /// before connecting or listening: it decides what the peer is told.
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
                    self.socket().configure(|socket| socket.set_recv_buffer_size(bytes))
                }

                /// The number of routers a packet may pass (`IP_TTL`, on IPv6 the unicast hop
                /// limit).
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn ttl(&self) -> io::Result<u32> {
                    ttl(self.socket().os()?)
                }

                /// The number of routers a packet is to pass at most.
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
                    self.socket().configure(|socket| set_ttl(socket, hops))
                }

                /// The type of service of an IPv4 socket (`IP_TOS`).
                ///
                /// # Errors
                ///
                /// The system's.
                ///
                /// # Platforms
                ///
                /// Linux, Android, Apple's systems and the BSDs; elsewhere `Unsupported`.
                pub fn tos_v4(&self) -> io::Result<u32> {
                    sys::tos_v4(self.socket().os()?)
                }

                /// Sets the type of service of an IPv4 socket (`IP_TOS`).
                ///
                /// # Errors
                ///
                /// The system's.
                ///
                /// # Platforms
                ///
                /// Those of [`tos_v4`](Self::tos_v4).
                pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
                    self.socket().configure(|socket| sys::set_tos_v4(socket, tos))
                }

                /// The traffic class of an IPv6 socket (`IPV6_TCLASS`).
                ///
                /// # Errors
                ///
                /// The system's.
                ///
                /// # Platforms
                ///
                /// Linux, Android, Apple's systems and the BSDs; elsewhere `Unsupported`.
                pub fn tclass_v6(&self) -> io::Result<u32> {
                    sys::tclass_v6(self.socket().os()?)
                }

                /// Sets the traffic class of an IPv6 socket (`IPV6_TCLASS`).
                ///
                /// # Errors
                ///
                /// The system's.
                ///
                /// # Platforms
                ///
                /// Those of [`tclass_v6`](Self::tclass_v6).
                pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
                    self.socket().configure(|socket| sys::set_tclass_v6(socket, tclass))
                }

                /// The interface the socket is bound to, by name.
                ///
                /// # Errors
                ///
                /// The system's.
                ///
                /// # Platforms
                ///
                /// Linux and Android; elsewhere `Unsupported`.
                pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
                    sys::device(self.socket().os()?)
                }

                /// Binds the socket to the interface of this name, or to none (`SO_BINDTODEVICE`).
                ///
                /// # Errors
                ///
                /// The system's; Linux before 5.7 asks for `CAP_NET_RAW`.
                ///
                /// # Platforms
                ///
                /// Linux and Android; elsewhere `Unsupported`.
                pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
                    self.socket().configure(|socket| sys::bind_device(socket, interface))
                }

                /// Whether acknowledgements are sent at once (`TCP_QUICKACK`).
                ///
                /// # Errors
                ///
                /// The system's.
                ///
                /// # Platforms
                ///
                /// Linux and Android; elsewhere `Unsupported`.
                pub fn quickack(&self) -> io::Result<bool> {
                    sys::quickack(self.socket().os()?)
                }

                /// Whether acknowledgements are to be sent at once (`TCP_QUICKACK`). The kernel
                /// goes its own way again after a while: set it anew after each read.
                ///
                /// # Errors
                ///
                /// The system's.
                ///
                /// # Platforms
                ///
                /// Linux and Android; elsewhere `Unsupported`.
                pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
                    self.socket().configure(|socket| sys::set_quickack(socket, quickack))
                }

                /// Takes the error that is pending on the socket (`SO_ERROR`).
                ///
                /// # Errors
                ///
                /// If even that cannot be asked.
                pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                    self.socket().take_error()
                }

                /// The address of this end.
                ///
                /// # Errors
                ///
                /// The system's.
                pub fn local_addr(&self) -> io::Result<SocketAddr> {
                    super::ip(&self.socket().local_address()?)
                }
            }
        )*
    };
}

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::sys::tcp as sys;

use super::{TcpSocket, TcpStream};

options!(TcpStream, TcpSocket);

/// IPv4 and IPv6 keep the same number under two names.
pub(super) fn ttl(socket: &socket2::Socket) -> io::Result<u32> {
    if socket.local_addr()?.is_ipv6() { socket.unicast_hops_v6() } else { socket.ttl_v4() }
}

pub(super) fn set_ttl(socket: &socket2::Socket, hops: u32) -> io::Result<()> {
    if socket.local_addr()?.is_ipv6() {
        socket.set_unicast_hops_v6(hops)
    } else {
        socket.set_ttl_v4(hops)
    }
}
