//! The I/O traits of other crates: memory that is not initialised, closing, flushing.

use futures::AsyncWriteExt;

use crate::support::{on_each_kernel, pair};

#[test]
fn closing_twice_and_after_the_end_is_no_error() {
    on_each_kernel(|_| async {
        let (mut client, server) = pair().await;
        client.flush().await.unwrap();
        client.close().await.unwrap();
        client.close().await.unwrap();
        assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 0);
        drop(server);
        assert_eq!(client.read(&mut [0; 4]).await.unwrap(), 0);
        client.close().await.unwrap();
    });
}

#[cfg(feature = "tokio")]
#[test]
fn tokios_traits_fill_memory_that_is_not_initialised() {
    use std::future::poll_fn;
    use std::mem::MaybeUninit;
    use std::pin::Pin;
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    on_each_kernel(|_| async {
        let (mut client, server) = pair().await;
        assert!(client.is_write_vectored());
        let mut sent = 0;
        while sent < 5 {
            let rest = &b"hello"[sent..];
            sent += poll_fn(|cx| Pin::new(&mut client).poll_write(cx, rest)).await.unwrap();
        }
        poll_fn(|cx| Pin::new(&mut client).poll_flush(cx)).await.unwrap();
        poll_fn(|cx| Pin::new(&mut client).poll_shutdown(cx)).await.unwrap();

        let mut memory = [MaybeUninit::uninit(); 16];
        let mut buffer = ReadBuf::uninit(&mut memory);
        buffer.put_slice(b"<<");
        let (mut read, _write) = server.into_split();
        loop {
            let before = buffer.filled().len();
            poll_fn(|cx| Pin::new(&mut read).poll_read(cx, &mut buffer)).await.unwrap();
            if buffer.filled().len() == before {
                break;
            }
        }
        assert_eq!(buffer.filled(), b"<<hello");
        assert_eq!(buffer.initialized().len(), 7);
        // No room: nothing is read, and nobody waits.
        let mut none = ReadBuf::new(&mut []);
        poll_fn(|cx| Pin::new(&mut read).poll_read(cx, &mut none)).await.unwrap();
    });
}

#[cfg(feature = "hyper")]
#[test]
fn hypers_traits_fill_memory_that_is_not_initialised() {
    use hyper::rt::{Read, ReadBuf, Write};
    use std::future::poll_fn;
    use std::mem::MaybeUninit;
    use std::pin::Pin;

    on_each_kernel(|_| async {
        let (mut client, mut server) = pair().await;
        assert!(client.is_write_vectored());
        let mut sent = 0;
        while sent < 5 {
            let rest = [std::io::IoSlice::new(&b"hello"[sent..])];
            let write = poll_fn(|cx| Pin::new(&mut client).poll_write_vectored(cx, &rest));
            sent += write.await.unwrap();
        }
        poll_fn(|cx| Pin::new(&mut client).poll_flush(cx)).await.unwrap();
        poll_fn(|cx| Pin::new(&mut client).poll_shutdown(cx)).await.unwrap();

        let mut memory = [MaybeUninit::uninit(); 16];
        let mut buffer = ReadBuf::uninit(&mut memory);
        loop {
            let before = buffer.filled().len();
            let read = poll_fn(|cx| Pin::new(&mut server).poll_read(cx, buffer.unfilled()));
            read.await.unwrap();
            if buffer.filled().len() == before {
                break;
            }
        }
        assert_eq!(buffer.filled(), b"hello");
    });
}
