//! The room: who is in it, what each says, and who hears it.

use std::{cell::RefCell, collections::HashMap, fs, io, pin::pin, rc::Rc, time::Duration};

use futures::channel::mpsc::{Receiver, Sender, channel};
use futures::future::{Either, select};
use futures::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, StreamExt, io::BufReader};
use mainspring::net::{UnixListener, UnixStream};
use mainspring::{rt::spawn_local, signal::ctrl_c, time::timeout};

const LINES_WAITING_MAX: usize = 64; // A guest who does not read misses what comes after.
const LINE_BYTES_MAX: u64 = 1024; // A longer line comes in parts.

/// The guests by number, each with the lines that are still to be told.
type Guests = Rc<RefCell<HashMap<u64, Sender<Rc<[u8]>>>>>;

pub fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let idle = arguments.get(1).map_or(Ok(300), |seconds| seconds.parse());
    let ([path] | [path, _], Ok(idle)) = (arguments.as_slice(), idle) else {
        eprintln!("chat: it takes the path of a socket and, if you like, a number of seconds");
        std::process::exit(2);
    };
    let chat = mainspring::block_on(serve(path, Duration::from_secs(idle)));
    chat.and_then(|ended| ended).unwrap_or_else(|error| {
        eprintln!("chat: {path}: {error}");
        std::process::exit(1)
    });
}

async fn serve(path: &str, idle: Duration) -> io::Result<()> {
    let (listener, guests) = (UnixListener::bind(path)?, Guests::default());
    println!("chat on {path}");
    let (mut incoming, mut stop, mut number) = (listener.incoming(), pin!(ctrl_c()), 0);
    while let Either::Left((Some(next), _)) = select(incoming.next(), &mut stop).await {
        let ((stream, _), guests) = (next?, Rc::clone(&guests));
        let (sender, lines) = channel(LINES_WAITING_MAX);
        guests.borrow_mut().insert(number, sender);
        let guest = async move {
            let hearing = pin!(hear(&stream, number, idle, &guests));
            let ended = select(hearing, pin!(tell(&stream, lines))).await.factor_first().0;
            println!("guest {number} left: {ended:?}");
            guests.borrow_mut().remove(&number);
        };
        spawn_local(guest).detach();
        number += 1;
    }
    fs::remove_file(path)
}

/// Passes on what a guest says, until it says no more.
async fn hear(from: &UnixStream, number: u64, idle: Duration, guests: &Guests) -> io::Result<()> {
    let mut reader = BufReader::new(from);
    loop {
        let mut line = format!("{number}: ").into_bytes();
        let mut part = (&mut reader).take(LINE_BYTES_MAX);
        if timeout(idle, part.read_until(b'\n', &mut line)).await?? == 0 {
            return Ok(());
        }
        let line = Rc::from(line);
        for (_, other) in guests.borrow_mut().iter_mut().filter(|(other, _)| **other != number) {
            let _ = other.try_send(Rc::clone(&line));
        }
    }
}

/// Tells a guest what the others said.
async fn tell(mut to: &UnixStream, mut lines: Receiver<Rc<[u8]>>) -> io::Result<()> {
    while let Some(line) = lines.next().await {
        to.write_all(&line).await?;
    }
    Ok(())
}
