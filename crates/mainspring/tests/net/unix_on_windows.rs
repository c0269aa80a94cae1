//! Unix streams on Windows: of the system where it has them, of the simulated kernel anywhere.

use std::io::ErrorKind;

use futures::future::join;
use mainspring::net::unix::SocketAddr;
use mainspring::net::{UnixListener, UnixStream};

use crate::support::{block_on, driver, on_each_kernel, pattern};

/// A path in the directory for such files, which is short enough everywhere.
fn path(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("mainspring-{name}-{}.sock", std::process::id()))
}

/// Sends more than the buffers hold, both ways, and says whether it could.
async fn conversation(listener: &UnixListener, address: &SocketAddr) {
    let (client, accepted) = join(UnixStream::connect_addr(address), listener.accept()).await;
    let (client, (server, _)) = (client.unwrap(), accepted.unwrap());
    let all = pattern(300_000, 3);
    for (from, to) in [(&client, &server), (&server, &client)] {
        let write = async {
            let mut done = 0;
            while done < all.len() {
                done += from.write(&all[done..]).await.unwrap();
            }
        };
        let read = async {
            let (mut got, mut piece) = (Vec::new(), vec![0; 65_536]);
            while got.len() < all.len() {
                let count = to.read(&mut piece).await.unwrap();
                assert_ne!(count, 0, "nobody has ended it");
                got.extend_from_slice(&piece[..count]);
            }
            assert!(got == all);
        };
        join(write, read).await;
    }
    let sent = client.send("owned").await;
    let received = server.recv(Vec::with_capacity(16)).await;
    assert_eq!((sent.0.unwrap(), received.0.unwrap()), (5, 5));
    assert_eq!(received.1, b"owned");
    drop(client);
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0, "the end");
}

#[test]
fn streams_carry_bytes_where_there_are_any_and_say_so_where_not() {
    on_each_kernel(async |handle| {
        let path = path("stream");
        let _ = std::fs::remove_file(&path);
        let simulated = handle.backend().kind() == mainspring::Kind::Sim;
        match UnixListener::bind(&path) {
            Ok(listener) => {
                let address = listener.local_addr().unwrap();
                assert_eq!(address.as_pathname(), Some(&*path));
                assert_eq!(
                    address.to_string(),
                    path.to_str().unwrap().escape_default().to_string()
                );
                conversation(&listener, &address).await;
                let _ = std::fs::remove_file(&path);
            }
            Err(error) => {
                assert!(!simulated, "the simulated kernel has them: {error}");
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                let text = error.to_string();
                assert!(text.contains("1803") && text.contains("named pipe"), "{text}");
                let refused = UnixStream::connect(&path).await.unwrap_err();
                assert_eq!(refused.to_string(), text);
            }
        }
    });
}

#[test]
fn what_windows_has_not_is_refused_in_words() {
    let mut driver = driver();
    block_on(&mut driver, async {
        let pair = UnixStream::pair().unwrap_err();
        assert_eq!(pair.kind(), ErrorKind::Unsupported);
        assert!(pair.to_string().contains("TCP"), "{pair}");
        let name = SocketAddr::from_abstract_name("name").unwrap_err();
        assert_eq!(name.kind(), ErrorKind::Unsupported);
        let long = UnixListener::bind("x".repeat(200)).unwrap_err();
        assert_eq!(long.kind(), ErrorKind::InvalidInput);
        let tcp = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        assert_eq!(UnixStream::from_socket2(tcp).unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_simulated_pair_is_connected_on_every_system() {
    #[cfg(feature = "sim")]
    for seed in 0..20 {
        let simulation = mainspring::Simulation::new(seed);
        let mut driver = mainspring::Builder::new().simulation(&simulation).build().unwrap();
        block_on(&mut driver, async {
            let (a, b) = UnixStream::pair().unwrap();
            assert_eq!(a.write(b"x").await.unwrap(), 1);
            assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 1);
            assert!(a.local_addr().unwrap().is_unnamed());
        });
    }
}
