//! The `poll_*` methods: one task a direction, the last caller is the one that is woken.

use super::{Context, Datagram, Interest, Poll, SocketAddr, UdpSocket, datagram_of};
use super::{io, ready, sender_of};

impl UdpSocket {
    /// Ready when there is something to receive; see [`readable`](UdpSocket::readable).
    ///
    /// # Errors
    ///
    /// If the driver was shut down.
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.datagrams.poll_ready(cx, Interest::READABLE)
    }

    /// Ready when there is room to send; see [`writable`](UdpSocket::writable).
    ///
    /// # Errors
    ///
    /// If the driver was shut down.
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.datagrams.poll_ready(cx, Interest::WRITABLE)
    }

    /// See [`send`](UdpSocket::send).
    ///
    /// # Errors
    ///
    /// Those of [`send`](UdpSocket::send).
    pub fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.datagrams.poll_send(cx, bytes)
    }

    /// See [`send_to`](UdpSocket::send_to).
    ///
    /// # Errors
    ///
    /// Those of [`send`](UdpSocket::send).
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.datagrams.poll_send_to(cx, bytes, &target.into())
    }

    /// See [`recv`](UdpSocket::recv).
    ///
    /// # Errors
    ///
    /// Those of [`recv`](UdpSocket::recv).
    pub fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.datagrams.poll_recv(cx, buffer, false)
    }

    /// See [`recv_from`](UdpSocket::recv_from).
    ///
    /// # Errors
    ///
    /// Those of [`recv`](UdpSocket::recv).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let arrived = ready!(self.datagrams.poll_recv_datagram(cx, buffer, false))?;
        Poll::Ready(Ok((arrived.len, sender_of(&arrived)?)))
    }

    /// See [`recv_datagram`](UdpSocket::recv_datagram).
    ///
    /// # Errors
    ///
    /// Those of [`recv`](UdpSocket::recv).
    pub fn poll_recv_datagram(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<Datagram<SocketAddr>>> {
        let arrived = ready!(self.datagrams.poll_recv_datagram(cx, buffer, false))?;
        Poll::Ready(datagram_of(&arrived))
    }

    /// See [`peek`](UdpSocket::peek).
    ///
    /// # Errors
    ///
    /// Those of [`recv`](UdpSocket::recv).
    pub fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.datagrams.poll_recv(cx, buffer, true)
    }

    /// See [`peek_from`](UdpSocket::peek_from).
    ///
    /// # Errors
    ///
    /// Those of [`recv`](UdpSocket::recv).
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let arrived = ready!(self.datagrams.poll_recv_datagram(cx, buffer, true))?;
        Poll::Ready(Ok((arrived.len, sender_of(&arrived)?)))
    }

    /// See [`peek_sender`](UdpSocket::peek_sender).
    ///
    /// # Errors
    ///
    /// Those of [`recv`](UdpSocket::recv).
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.poll_peek_from(cx, &mut []).map_ok(|(_, sender)| sender)
    }
}
