//! A client that takes nothing for granted.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::server::PATIENCE;

pub struct Client {
    stream: TcpStream,
    /// Read, and not part of a response yet.
    buffer: Vec<u8>,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What came of waiting for a response.
#[derive(Debug)]
pub enum Outcome {
    Complete(Response),
    /// The server closed its side before the first byte.
    Closed,
    /// Bytes of a response and then the end, or an error.
    Broken(String),
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { stream, buffer: Vec::new() }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// A request with its method, raw target and further fields, each ended by `\r\n`.
    pub fn ask(&mut self, method: &str, target: &str, fields: &str) {
        self.send(format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n").as_bytes());
    }

    pub fn get(&mut self, target: &str) -> Response {
        self.fetch(target, "")
    }

    pub fn fetch(&mut self, target: &str, fields: &str) -> Response {
        self.ask("GET", target, fields);
        self.response(true)
    }

    pub fn head(&mut self, target: &str) -> Response {
        self.ask("HEAD", target, "");
        self.response(false)
    }

    /// The next response, to HEAD if it has no body.
    pub fn response(&mut self, has_body: bool) -> Response {
        match self.outcome(has_body) {
            Outcome::Complete(response) => response,
            other => panic!("{other:?} instead of a response"),
        }
    }

    pub fn outcome(&mut self, has_body: bool) -> Outcome {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            match self.fill() {
                Ok(0) if self.buffer.is_empty() => return Outcome::Closed,
                Ok(0) => return Outcome::Broken("the end within a head".into()),
                Ok(_) => {}
                Err(error) => return Outcome::Broken(format!("{error}, within a head")),
            }
        };
        let mut response = head(&self.buffer[..end]);
        self.buffer.drain(..end);
        let length = response.number("content-length").unwrap_or(0) as usize;
        let length = if has_body && response.status != 304 { length } else { 0 };
        while self.buffer.len() < length {
            let got = self.buffer.len();
            match self.fill() {
                Ok(0) => return Outcome::Broken(format!("the end after {got} of {length} bytes")),
                Ok(_) => {}
                Err(error) => {
                    return Outcome::Broken(format!("{error} after {got} of {length} bytes"));
                }
            }
        }
        response.body = self.buffer.drain(..length).collect();
        Outcome::Complete(response)
    }

    /// Whatever still comes until the server closes its side, or the error.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Waits for some bytes of a response, and leaves them to be read.
    pub fn wait_for_some(&mut self) {
        assert_ne!(self.fill().unwrap(), 0);
    }

    pub fn shut(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 64 * 1024];
        let count = self.stream.read(&mut piece)?;
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(count)
    }
}

impl Response {
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(n, _)| n == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        value
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.field(name).map(|value| value.parse().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

fn head(bytes: &[u8]) -> Response {
    let text = std::str::from_utf8(bytes).unwrap();
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let fields = lines.filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_string()));
    Response { status, fields: fields.collect(), body: Vec::new() }
}
