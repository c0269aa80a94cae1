//! What sends without copying and bundles are worth: processor time of the thread that turns a
//! driver on the ring, for each way of moving the same bytes over a connection of the loopback.
//!
//! Sends are compared size by size; receiving by bundles, with buffers of one size and much coming.

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    linux::run()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("there is no ring here");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{self, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use futures_lite::StreamExt;
    use mainspring::{Builder, Choice, Driver, Handle, Kind, net};

    const ROUNDS: usize = 5;
    const TOTAL: usize = 128 << 20;
    const SIZES: [usize; 6] = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];
    const BUFFERS: [usize; 3] = [512, 4 << 10, 32 << 10];

    pub fn run() -> io::Result<()> {
        println!("microseconds of processor time a send, the median of {ROUNDS}");
        println!("{:>8} {:>9} {:>9} {:>11}", "bytes", "plain", "zero-copy", "registered");
        for bytes in SIZES {
            let [plain, zero_copy, registered] =
                [Way::Plain, Way::ZeroCopy, Way::Registered].map(|way| median(|| send(way, bytes)));
            println!("{bytes:>8} {:>9.2} {:>9.2} {:>11.2}", plain?, zero_copy?, registered?);
        }
        println!("\nmicroseconds of processor time a mebibyte received");
        println!("{:>8} {:>9} {:>9}", "buffer", "single", "bundles");
        for bytes in BUFFERS {
            let [single, bundles] = [false, true].map(|bundle| median(|| receive(bundle, bytes)));
            println!("{bytes:>8} {:>9.1} {:>9.1}", single?, bundles?);
        }
        Ok(())
    }

    #[derive(Clone, Copy)]
    enum Way {
        Plain,
        ZeroCopy,
        Registered,
    }

    fn median(measure: impl Fn() -> io::Result<f64>) -> io::Result<f64> {
        let mut all = (0..ROUNDS).map(|_| measure()).collect::<io::Result<Vec<f64>>>()?;
        all.sort_by(f64::total_cmp);
        Ok(all[ROUNDS / 2])
    }

    fn send(way: Way, bytes: usize) -> io::Result<f64> {
        let (near, mut far) = pair()?;
        let reader = thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            while far.read(&mut buffer).is_ok_and(|count| count != 0) {}
        });
        let sends = (TOTAL / bytes).min(20_000);
        let took = driver()?.block_on(async {
            let stream = net::TcpStream::from_std(near)?;
            let registered = Handle::current().register_buffers(1, bytes)?;
            let mut lease = registered.get().await?;
            lease.extend_from_slice(&vec![7; bytes]);
            let mut buffer = vec![7; bytes];
            let before = used_ns()?;
            for _ in 0..sends {
                let result;
                match way {
                    Way::Plain => (result, buffer) = stream.send(buffer).await,
                    Way::ZeroCopy => (result, buffer) = stream.send_zero_copy(buffer).await,
                    Way::Registered => (result, lease) = stream.send_zero_copy(lease).await,
                }
                result?;
            }
            Ok::<u64, io::Error>(used_ns()? - before)
        })??;
        let _ = reader.join();
        Ok(took as f64 / 1e3 / sends as f64)
    }

    fn receive(bundle: bool, bytes: usize) -> io::Result<f64> {
        let (near, mut far) = pair()?;
        let writer = thread::spawn(move || {
            let buffer = vec![7; 1 << 18];
            (0..TOTAL / buffer.len()).try_for_each(|_| far.write_all(&buffer))
        });
        let took = driver()?.block_on(async {
            let stream = net::TcpStream::from_std(near)?;
            let group = Handle::current().buffer_group((1 << 20) / bytes, bytes)?;
            let incoming = stream.recv_multi(&group).limit(group.count());
            let mut incoming = if bundle { incoming.bundle() } else { incoming };
            let before = used_ns()?;
            while let Some(lease) = incoming.next().await {
                drop(lease?);
            }
            Ok::<u64, io::Error>(used_ns()? - before)
        })??;
        writer.join().expect("a thread that does not panic")?;
        Ok(took as f64 / 1e3 / (TOTAL >> 20) as f64)
    }

    fn driver() -> io::Result<Driver> {
        Builder::new().choice(Choice::Exactly(Kind::Uring)).pinned().build()
    }

    fn pair() -> io::Result<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        Ok((near, listener.accept()?.0))
    }

    /// Processor time of this thread so far.
    fn used_ns() -> io::Result<u64> {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
        let first = told.split_whitespace().next().and_then(|number| number.parse().ok());
        first.ok_or_else(|| io::Error::other("the kernel keeps no account of threads"))
    }
}
