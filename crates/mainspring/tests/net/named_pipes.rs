//! Named pipes: bytes and messages, several instances, clients that come and go.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::{Either, join, select};
use mainspring::os::windows::named_pipe::{
    ClientOptions, NamedPipeClient, NamedPipeServer, PipeMode, ServerOptions,
};
use mainspring::{Builder, Choice, Driver, Kind, Outcome, is_shutdown, op};

use crate::support::{block_on, pattern};

/// `ERROR_PIPE_BUSY`.
const BUSY: i32 = 231;

/// Both kinds that have a port, whatever the environment asks for, turned by any thread and pinned.
fn drivers() -> impl Iterator<Item = Driver> {
    [Kind::Iocp, Kind::WsaPoll].into_iter().flat_map(|kind| {
        let builder = || Builder::new().choice(Choice::Exactly(kind));
        [builder(), builder().pinned()].map(|builder| builder.build().expect("a driver"))
    })
}

/// A name that nobody else has.
fn name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!(r"\\.\pipe\mainspring-test-{}-{number}", std::process::id())
}

/// Runs `test` with each of the drivers, turned by hand.
fn on_the_machine<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for mut driver in drivers() {
        block_on(&mut driver, test());
    }
}

/// Whether an operation that was begun has to wait.
async fn waits<F: Future + Unpin>(future: &mut F) -> bool {
    matches!(select(future, pin!(op::nop().into_future())).await, Either::Right(_))
}

async fn pair(mode: PipeMode) -> (NamedPipeServer, NamedPipeClient) {
    let name = name();
    let server = ServerOptions::new().mode(mode).first_instance(true).create(&name).unwrap();
    let client = ClientOptions::new().mode(mode).open(&name).unwrap();
    server.connect().await.unwrap();
    (server, client)
}

#[test]
fn c10_a_megabyte_goes_each_way_at_once() {
    on_the_machine(|| async {
        let (server, client) = pair(PipeMode::Byte).await;
        let all = pattern(1 << 20, 3);
        macro_rules! through {
            ($from:expr, $to:expr) => {
                join(
                    async {
                        let mut at = 0;
                        while at < all.len() {
                            let end = (at + 30_011).min(all.len());
                            at += $from.write(all[at..end].to_vec()).await.0.unwrap();
                        }
                    },
                    async {
                        let mut got = Vec::new();
                        while got.len() < all.len() {
                            let (read, part) = $to.read(Vec::with_capacity(8191)).await;
                            assert!(!read.unwrap().goes_on());
                            got.extend(part);
                        }
                        assert!(got == all);
                    },
                )
            };
        }
        join(through!(server, client), through!(client, server)).await;
    });
}

#[test]
fn c10_messages_keep_their_bounds_however_long() {
    on_the_machine(|| async {
        let (server, client) = pair(PipeMode::Message).await;
        for len in [0, 1, 4095, 4096, 4097, 300_000] {
            let message = pattern(len, len as u64);
            let (written, read) =
                join(server.write(message.clone()).into_future(), client.read_message(1 << 20))
                    .await;
            assert_eq!(written.0.unwrap(), len);
            assert!(read.unwrap().expect("a message") == message, "{len} bytes");
        }
        // In parts, both of one that is there and of one that is waited for.
        for early in [true, false] {
            let mut reads = client.read(Vec::with_capacity(3)).into_future();
            assert!(!early || waits(&mut reads).await);
            server.write("hello").await.0.unwrap();
            let (read, part) = reads.await;
            assert_eq!((read.unwrap().goes_on(), part.as_slice()), (true, b"hel".as_slice()));
            let (read, part) = client.read(Vec::with_capacity(3)).await;
            assert_eq!((read.unwrap().goes_on(), part.as_slice()), (false, b"lo".as_slice()));
        }
        server.write("hello").await.0.unwrap();
        let refused = client.read_message(4).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidData);
        assert_eq!(client.read_message(4).await.unwrap().unwrap(), b"o");
        server.write("four").await.0.unwrap();
        assert_eq!(client.read_message(4).await.unwrap().unwrap(), b"four");
        drop(server);
        assert_eq!(client.read_message(4).await.unwrap(), None);
    });
}

#[test]
fn c9_an_end_that_is_closed_is_the_end_and_a_broken_pipe() {
    on_the_machine(|| async {
        for early in [true, false] {
            let (server, client) = pair(PipeMode::Byte).await;
            client.write("last").await.0.unwrap();
            assert_eq!(server.read([0; 8]).await.0.unwrap().len(), 4);
            let mut reads = server.read([0; 8]).into_future();
            assert!(!early || waits(&mut reads).await);
            drop(client);
            let end = reads.await.0.unwrap();
            assert!(end.is_end() && end.len() == 0);
            assert!(server.read([0; 8]).await.0.unwrap().is_end(), "and stays");
            let (written, buffer) = server.write(vec![7]).await;
            assert_eq!(written.unwrap_err().kind(), ErrorKind::BrokenPipe);
            assert_eq!(buffer, [7]);
        }
    });
}

#[test]
fn an_instance_serves_one_client_after_the_other() {
    on_the_machine(|| async {
        let name = name();
        let server = ServerOptions::new().create(&name).unwrap();
        for round in 0..50_u32 {
            let bytes = round.to_ne_bytes();
            let client = async {
                // Until the server waits again, the instance is nobody's.
                let client = ClientOptions::new().open_when_free(&name).await.unwrap();
                client.write(bytes).await.0.unwrap();
                let (read, answer) = client.read([0; 8]).await;
                assert_eq!((read.unwrap().len(), &answer[..4]), (4, bytes.as_slice()));
            };
            let serves = async {
                server.connect().await.unwrap();
                let (read, asked) = server.read([0; 8]).await;
                assert_eq!(read.unwrap().len(), 4);
                server.write(asked[..4].to_vec()).await.0.unwrap();
                server.as_overlapped().flush().await.unwrap();
            };
            // The client first in every other round.
            match round % 2 {
                0 => join(client, serves).await,
                _ => join(serves, client).await,
            };
            server.disconnect().unwrap();
        }
    });
}

#[test]
fn c13_as_many_clients_as_instances_and_the_next_waits() {
    on_the_machine(|| async {
        let name = name();
        let options = ServerOptions::new().max_instances(3);
        let servers: Vec<_> = (0..3).map(|_| options.create(&name).unwrap()).collect();
        assert_eq!(options.create(&name).unwrap_err().raw_os_error(), Some(BUSY));
        let clients: Vec<_> = (0..3).map(|_| ClientOptions::new().open(&name).unwrap()).collect();
        for (at, server) in servers.iter().enumerate() {
            server.connect().await.unwrap();
            server.write(vec![at as u8]).await.0.unwrap();
        }
        let mut numbers = Vec::new();
        for client in &clients {
            let (read, buffer) = client.read([0; 1]).await;
            assert_eq!(read.unwrap().len(), 1);
            numbers.push(buffer[0]);
        }
        numbers.sort();
        assert_eq!(numbers, [0, 1, 2]);

        let busy = ClientOptions::new().open(&name).unwrap_err();
        assert_eq!(busy.raw_os_error(), Some(BUSY));
        let options = ClientOptions::new();
        let frees = async {
            servers[1].disconnect().unwrap();
            servers[1].connect().await.unwrap();
            servers[1].write("late").await.0.unwrap();
        };
        let (late, ()) = join(options.open_when_free(&name), frees).await;
        assert_eq!(late.unwrap().read([0; 8]).await.0.unwrap().len(), 4);
    });
}

#[test]
fn c11_a_wait_for_a_client_that_is_cancelled_loses_none() {
    on_the_machine(|| async {
        let name = name();
        let server = ServerOptions::new().create(&name).unwrap();
        let mut waiting = server.connect().into_future();
        assert!(waits(&mut waiting).await);
        assert!(matches!(waiting.cancel().await, Outcome::Cancelled(())));
        let client = ClientOptions::new().open(&name).unwrap();
        server.connect().await.unwrap();
        let mut reads = server.read(vec![1; 8]).into_future();
        assert!(waits(&mut reads).await);
        match reads.cancel().await {
            Outcome::Cancelled(buffer) => assert_eq!(buffer.capacity(), 8),
            Outcome::Completed(read) => panic!("it read {read:?}"),
        }
        client.write("kept").await.0.unwrap();
        assert_eq!(server.read([0; 8]).await.0.unwrap().len(), 4);
    });
}

#[test]
fn a_name_that_is_to_be_ones_own_is_refused_to_the_second() {
    on_the_machine(|| async {
        let name = name();
        let _first = ServerOptions::new().first_instance(true).create(&name).unwrap();
        // Wine 10 does not look for others.
        if let Err(second) = ServerOptions::new().first_instance(true).create(&name) {
            assert_eq!(second.kind(), ErrorKind::PermissionDenied);
        }
        assert_eq!(
            ClientOptions::new().open(format!("{name}-no")).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    });
}

#[test]
fn c12_what_waits_on_a_pipe_ends_with_the_driver() {
    for mut driver in drivers() {
        let (server, client, unconnected) = block_on(&mut driver, async {
            let (server, client) = pair(PipeMode::Byte).await;
            (server, client, ServerOptions::new().create(name()).unwrap())
        });
        let mut reads = server.read(vec![0; 8]).into_future();
        let mut connects = unconnected.connect().into_future();
        block_on(&mut driver, async {
            assert!(waits(&mut reads).await);
            assert!(waits(&mut connects).await);
        });
        drop(driver);
        let (read, buffer) = futures::executor::block_on(reads);
        assert!(is_shutdown(&read.unwrap_err()));
        assert_eq!(buffer.capacity(), 8);
        assert!(is_shutdown(&futures::executor::block_on(connects).unwrap_err()));
        assert!(is_shutdown(
            &futures::executor::block_on(client.write("x").into_future()).0.unwrap_err()
        ));
    }
}
