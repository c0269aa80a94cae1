//! The address to serve on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};

use mainspring::rt::SharedPort;

/// Connections that may wait to be accepted. Linux allows 4096 by itself since 5.4, and lowers
/// more to its own limit (`net.core.somaxconn`).
pub const BACKLOG: i32 = 4096;

/// The listeners, one a core, and the address they share.
#[derive(Debug)]
pub struct Listeners {
    /// Where they listen.
    pub address: SocketAddr,
    /// One a core.
    pub each: Vec<TcpListener>,
}

/// The addresses that an argument means: `8080`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`.
///
/// # Errors
///
/// If it is none of these, or the name is unknown; in words.
pub fn addresses(text: &str) -> io::Result<Vec<SocketAddr>> {
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Ok(vec![(IpAddr::V4(Ipv4Addr::LOCALHOST), port).into()]);
    }
    let found: io::Result<Vec<SocketAddr>> = text.to_socket_addrs().map(Iterator::collect);
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("the name in {text:?} has no address: name one that this machine has"),
        )),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!(
                "{text:?} is no address to listen on ({error}): \
                 write it like 127.0.0.1:8080, [::1]:8080, localhost:8080 or 8080"
            ),
        )),
    }
}

/// Binds a listener for each of `cores` to the first of `addresses` that can be had.
///
/// # Errors
///
/// The system's reason and what to do about it, for the last address tried.
pub fn bind(addresses: &[SocketAddr], cores: usize) -> io::Result<Listeners> {
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "there is no address to listen on");
    for &address in addresses {
        match bind_one(address, cores) {
            Ok(listeners) => return Ok(listeners),
            Err(error) => last = io::Error::new(error.kind(), explain(address, &error)),
        }
    }
    Err(last)
}

fn bind_one(address: SocketAddr, cores: usize) -> io::Result<Listeners> {
    // One listener alone is bound without sharing, so that a second server is refused. Several
    // share the port, and would share it with a second server of this user too: so it is asked
    // for alone first.
    let alone = TcpListener::bind(address)?;
    let listeners = if cores == 1 {
        Listeners { address: alone.local_addr()?, each: vec![alone] }
    } else {
        drop(alone);
        let port = SharedPort::bind(address, cores)?;
        let each: Vec<_> = (0..cores).filter_map(|core| port.take(core)).collect();
        Listeners { address: port.address(), each }
    };
    for listener in &listeners.each {
        // The queue that they were made with is short; listening again only makes it longer.
        listen_longer(listener)?;
    }
    Ok(listeners)
}

#[cfg(unix)]
fn listen_longer(listener: &TcpListener) -> io::Result<()> {
    Ok(rustix::net::listen(listener, BACKLOG)?)
}

/// Windows keeps the queue that a listener was made with.
#[cfg(windows)]
fn listen_longer(_listener: &TcpListener) -> io::Result<()> {
    Ok(())
}

fn explain(address: SocketAddr, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there: stop it, or choose another port with --addr \
             (port 0 is any free one)"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege: choose a higher one with --addr"
        }
        io::ErrorKind::AddrNotAvailable => {
            "no interface of this machine has that address: choose one that it has with --addr \
             (0.0.0.0 and [::] are all of them)"
        }
        _ => "choose another address with --addr",
    };
    format!("cannot listen on {address} ({error}): {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_every_form() {
        for (text, address) in [
            ("8080", "127.0.0.1:8080"),
            (":0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(addresses(text).unwrap(), [address.parse().unwrap()], "{text}");
        }
        for text in ["", "127.0.0.1", "65536", "127.0.0.1:x"] {
            let error = addresses(text).unwrap_err().to_string();
            assert!(error.contains("127.0.0.1:8080"), "{text}: {error}");
        }
    }

    #[test]
    fn a_taken_address_is_refused_however_many_cores_ask() {
        let first = bind(&addresses("0").unwrap(), 2).unwrap();
        assert_eq!(first.each.len(), 2);
        for cores in [1, 2] {
            let error = bind(&[first.address], cores).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            assert!(error.to_string().contains("--addr"), "{error}");
        }
    }
}
