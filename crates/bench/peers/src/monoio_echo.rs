//! monoio: its ring driver with the set-up flags that its builder takes, owned buffers.

use std::io;
use std::net::TcpListener;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};

pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    let mut ring = io_uring::IoUring::builder();
    ring.setup_single_issuer().setup_defer_taskrun();
    let builder = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new();
    let mut runtime = builder.with_entries(4096).uring_builder(ring).build()?;
    runtime.block_on(async {
        let listener = monoio::net::TcpListener::from_std(listener)?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            monoio::spawn(async move {
                let mut buffer = Vec::with_capacity(crate::BUFFER);
                loop {
                    let (count, read) = stream.read(buffer).await;
                    if !matches!(count, Ok(1..)) {
                        return;
                    }
                    let (sent, written) = stream.write_all(read).await;
                    if sent.is_err() {
                        return;
                    }
                    buffer = written;
                    buffer.clear();
                }
            });
        }
    })
}
