//! The options of a UDP socket.
//!
//! Those that one family of systems has alone are in `os`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::UdpSocket;

impl UdpSocket {
    /// Whether datagrams may be sent to broadcast addresses.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.socket().broadcast()
    }

    /// Allows datagrams to broadcast addresses, or forbids them, as it is at first.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_broadcast(&self, allowed: bool) -> io::Result<()> {
        self.socket().set_broadcast(allowed)
    }

    /// The routers an IPv4 datagram may pass.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket().ttl_v4()
    }

    /// Sets the routers an IPv4 datagram may pass: 1 to 255.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.socket().set_ttl_v4(hops)
    }

    /// The routers an IPv6 datagram may pass.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn hops_v6(&self) -> io::Result<u32> {
        self.socket().unicast_hops_v6()
    }

    /// Sets the routers an IPv6 datagram may pass.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_hops_v6(&self, hops: u32) -> io::Result<()> {
        self.socket().set_unicast_hops_v6(hops)
    }

    /// The type of service in the head of IPv4 datagrams.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.socket().tos_v4()
    }

    /// Sets the type of service in the head of IPv4 datagrams: six bits of service, two of
    /// congestion.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_tos_v4(&self, service: u32) -> io::Result<()> {
        self.socket().set_tos_v4(service)
    }

    /// Whether IPv4 multicasts come back to this machine.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.socket().multicast_loop_v4()
    }

    /// Makes IPv4 multicasts come back to this machine, as they do at first, or not.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_multicast_loop_v4(&self, returns: bool) -> io::Result<()> {
        self.socket().set_multicast_loop_v4(returns)
    }

    /// The routers an IPv4 multicast may pass; 1 at first: the local network.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.socket().multicast_ttl_v4()
    }

    /// Sets the routers an IPv4 multicast may pass: 0 to 255.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_multicast_ttl_v4(&self, hops: u32) -> io::Result<()> {
        self.socket().set_multicast_ttl_v4(hops)
    }

    /// Whether IPv6 multicasts come back to this machine.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.socket().multicast_loop_v6()
    }

    /// Makes IPv6 multicasts come back to this machine, as they do at first, or not.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_multicast_loop_v6(&self, returns: bool) -> io::Result<()> {
        self.socket().set_multicast_loop_v6(returns)
    }

    /// The routers an IPv6 multicast may pass; 1 at first: the local network.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn multicast_hops_v6(&self) -> io::Result<u32> {
        self.socket().multicast_hops_v6()
    }

    /// Sets the routers an IPv6 multicast may pass: 0 to 255.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_multicast_hops_v6(&self, hops: u32) -> io::Result<()> {
        self.socket().set_multicast_hops_v6(hops)
    }

    /// The number of the interface that IPv6 multicasts leave through; 0: the system chooses.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn multicast_if_v6(&self) -> io::Result<u32> {
        self.socket().multicast_if_v6()
    }

    /// Sets the interface that IPv6 multicasts leave through, by number.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_multicast_if_v6(&self, interface: u32) -> io::Result<()> {
        self.socket().set_multicast_if_v6(interface)
    }

    /// The bytes of memory that datagrams may wait in. Linux says twice what was set: it counts its
    /// own part in.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        self.socket().recv_buffer_size()
    }

    /// Asks for memory that datagrams may wait in, in bytes; the system has a maximum and takes the
    /// nearest it allows.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.socket().set_recv_buffer_size(bytes)
    }

    /// The bytes of memory that datagrams may wait in on their way out; see
    /// [`recv_buffer_size`](UdpSocket::recv_buffer_size).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        self.socket().send_buffer_size()
    }

    /// Asks for memory that datagrams may wait in on their way out, in bytes.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.socket().set_send_buffer_size(bytes)
    }

    /// The address of the interface that IPv4 multicasts leave through; unspecified: the system
    /// chooses.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn multicast_if_v4(&self) -> io::Result<Ipv4Addr> {
        self.socket().multicast_if_v4()
    }

    /// Sets the interface that IPv4 multicasts leave through, by its address.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_multicast_if_v4(&self, interface: Ipv4Addr) -> io::Result<()> {
        self.socket().set_multicast_if_v4(&interface)
    }

    /// Receives what is sent to the group `group` through the interface with the address
    /// `interface`; unspecified: the system chooses.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `group` is no multicast address; the system's.
    ///
    /// ```
    /// use mainspring::net::UdpSocket;
    /// use std::net::Ipv4Addr;
    /// # futures::executor::block_on(async {
    /// let socket = UdpSocket::bind("0.0.0.0:0").await?;
    /// let group = Ipv4Addr::new(224, 0, 0, 251);
    /// socket.join_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
    /// socket.leave_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket().join_multicast_v4(&group, &interface)
    }

    /// Ends what [`join_multicast_v4`](UdpSocket::join_multicast_v4) began.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable` if it was not joined; the system's.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket().leave_multicast_v4(&group, &interface)
    }

    /// Receives what is sent to the group `group` through the interface with the number
    /// `interface`; 0: the system chooses.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `group` is no multicast address; the system's.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket().join_multicast_v6(group, interface)
    }

    /// Ends what [`join_multicast_v6`](UdpSocket::join_multicast_v6) began.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable` if it was not joined; the system's.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket().leave_multicast_v6(group, interface)
    }
}
