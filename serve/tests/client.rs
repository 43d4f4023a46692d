//! A small HTTP client that says exactly what it is told to, and can be as bad as it likes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) text: String,
}

impl Answer {
    /// Its body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (other, value) = line.split_once(':')?;
            other.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    address: SocketAddr,
    pub(crate) headers: String,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_mins(2)))
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            address,
            headers: String::new(),
        }
    }

    /// The same, which says this in every request.
    pub(crate) fn with(mut self, header: &str) -> Self {
        self.headers = format!("{}{header}\r\n", self.headers);
        self
    }

    /// Sends a request without waiting for its answer.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: Option<&str>) {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{}",
            self.address, self.headers
        );
        if let Some(body) = body {
            text = format!(
                "{text}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
        } else {
            text.push_str("\r\n");
        }
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// The next answer, or nothing where the connection is closed before it.
    pub(crate) fn receive(&mut self) -> Option<Answer> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            if self.stream.read(&mut byte).ok()? == 0 {
                return None;
            }
            bytes.push(byte[0]);
        }
        let head = String::from_utf8(bytes).unwrap();
        let (line, headers) = head.split_once("\r\n").unwrap();
        let mut answer = Answer {
            status: line.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: headers.to_owned(),
            text: String::new(),
        };
        let length = answer
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        answer.text = String::from_utf8(body).unwrap();
        Some(answer)
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, body: Option<&str>) -> Answer {
        self.send(method, path, body);
        self.receive()
            .unwrap_or_else(|| panic!("{method} {path}: no answer"))
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, Some(&body.to_string()))
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }
}

/// One answer over a connection of its own.
pub(crate) fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    Client::new(address).post(path, body)
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    Client::new(address).get(path)
}

/// A WebSocket, as far as these tests need one.
pub(crate) struct Socket(pub(crate) TcpStream);

impl Socket {
    pub(crate) fn connect(address: SocketAddr, path: &str) -> Self {
        let mut client = Client::new(address)
            .with("Connection: Upgrade")
            .with("Upgrade: websocket")
            .with("Sec-WebSocket-Version: 13")
            .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
        let answer = client.get(path);
        assert_eq!(answer.status, 101, "{answer:?}");
        Self(client.stream)
    }

    /// Sends a text.
    pub(crate) fn send(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes());
    }

    pub(crate) fn frame(&mut self, head: u8, payload: &[u8]) {
        let mut frame = vec![head];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length @ 126..65536 => {
                frame.push(0xfe);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        // A mask of zeros is a mask.
        frame.extend([0; 4]);
        frame.extend(payload);
        // Who floods is cut off sooner or later.
        let _ = self.0.write_all(&frame);
    }

    /// The next text; nothing once it is closed.
    pub(crate) fn receive(&mut self) -> Option<Value> {
        self.next().ok()
    }

    /// The code by which it is closed; nothing where it ends without one.
    pub(crate) fn end(&mut self) -> Option<u16> {
        loop {
            if let Err(code) = self.next() {
                return code;
            }
        }
    }

    fn next(&mut self) -> Result<Value, Option<u16>> {
        let (op, payload) = loop {
            let (op, payload) = self.read().ok_or(None)?;
            if op == 1 || op == 8 {
                break (op, payload);
            }
        };
        if op == 1 {
            return Ok(serde_json::from_slice(&payload).unwrap());
        }
        let code = payload.first_chunk();
        Err(code.map(|code| u16::from_be_bytes(*code)))
    }

    /// The next frame: what it is, and what it holds.
    fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).ok()?;
        let length = match head[1] & 0x7f {
            126 => {
                let mut more = [0; 2];
                self.0.read_exact(&mut more).ok()?;
                u64::from(u16::from_be_bytes(more))
            }
            127 => {
                let mut more = [0; 8];
                self.0.read_exact(&mut more).ok()?;
                u64::from_be_bytes(more)
            }
            length => u64::from(length),
        };
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).ok()?;
        Some((head[0] & 0xf, payload))
    }

    pub(crate) fn ask(&mut self, message: &Value) -> Value {
        self.send(&message.to_string());
        self.receive()
            .unwrap_or_else(|| panic!("{message}: no answer"))
    }
}
