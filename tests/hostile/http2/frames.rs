//! Frames as no client library would send them (RFC 9113 §4 and §6), and what the server says to them.

use crate::server::SOON;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// Errors by number (RFC 9113 §7).
pub(super) const PROTOCOL_ERROR: u32 = 1;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A field that is neither indexed nor compressed (RFC 7541 §6.2.2), so that it may hold anything.
pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    [vec![0], string(name), string(value)].concat()
}

/// The same, for the receiver to remember (RFC 7541 §6.2.1).
pub(super) fn remembered(name: &str, value: &str) -> Vec<u8> {
    [vec![0x40], string(name), string(value)].concat()
}

pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

fn string(text: &str) -> Vec<u8> {
    let mut left = text.len();
    let mut written = vec![];
    if left < 127 {
        written.push(u8::try_from(left).unwrap());
    } else {
        // An integer with a prefix of seven bits (RFC 7541 §5.1).
        written.push(127);
        left -= 127;
        while left >= 128 {
            written.push(u8::try_from(left % 128).unwrap() | 128);
            left /= 128;
        }
        written.push(u8::try_from(left).unwrap());
    }
    written.extend(text.as_bytes());
    written
}

/// What came of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Status(u16),
    Reset(u32),
    /// The server ended the connection and said why.
    GoAway(u32),
    Closed,
}

/// A connection on which frames are written by hand.
pub(super) struct Wire {
    socket: TcpStream,
    stream: u32,
}

impl Wire {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let mut wire = Self { socket: TcpStream::connect(address).await.unwrap(), stream: 1 };
        // No dynamic table for us: a status is then written out, or one of the static table.
        let no_table = frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]);
        assert!(wire.write(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &*no_table].concat()).await);
        wire
    }

    /// A stream that was not used yet.
    pub(super) fn fresh(&mut self) -> u32 {
        self.stream += 2;
        self.stream - 2
    }

    /// Whether the server still takes bytes.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> bool {
        let write = tokio::time::timeout(SOON, self.socket.write_all(bytes));
        write.await.expect("the server reads or closes").is_ok()
    }

    /// Sends a request in one frame of headers, and one of data unless there is none.
    pub(super) async fn ask(&mut self, block: &[u8], data: &[u8]) -> Outcome {
        let stream = self.fresh();
        let end = if data.is_empty() { END_STREAM } else { 0 };
        let mut bytes = frame(HEADERS, END_HEADERS | end, stream, block);
        if !data.is_empty() {
            bytes.extend(frame(DATA, END_STREAM, stream, data));
        }
        self.write(&bytes).await;
        self.outcome(stream).await
    }

    /// Waits until the server has read all that was written, or has closed.
    pub(super) async fn ping(&mut self) -> Option<Outcome> {
        if !self.write(&frame(PING, 0, 0, b"are you?")).await {
            return Some(Outcome::Closed);
        }
        loop {
            match self.next().await {
                Some((PING, ACK, ..)) => return None,
                Some((HEADERS, _, _, block)) => return Some(Outcome::Status(status(&block))),
                Some((GOAWAY, _, _, payload)) => return Some(Outcome::GoAway(number(&payload[4..]))),
                Some(_) => {}
                None => return Some(Outcome::Closed),
            }
        }
    }

    /// What the server says of a stream, or of the connection.
    pub(super) async fn outcome(&mut self, wanted: u32) -> Outcome {
        loop {
            match self.next().await {
                Some((HEADERS, _, stream, block)) if stream == wanted => {
                    return Outcome::Status(status(&block));
                }
                Some((RST_STREAM, _, stream, payload)) if stream == wanted => {
                    return Outcome::Reset(number(&payload));
                }
                Some((GOAWAY, _, _, payload)) => return Outcome::GoAway(number(&payload[4..])),
                Some(_) => {}
                None => return Outcome::Closed,
            }
        }
    }

    /// The next frame: kind, flags, stream, payload. Settings and pings are acknowledged on the way.
    async fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        loop {
            let mut head = [0; 9];
            let read = tokio::time::timeout(SOON, self.socket.read_exact(&mut head));
            read.await.expect("the server answers or closes").ok()?;
            let mut payload = vec![0; number(&[0, head[0], head[1], head[2]]) as usize];
            self.socket.read_exact(&mut payload).await.ok()?;
            let (kind, flags, stream) = (head[3], head[4], number(&head[5..]) & !(1 << 31));
            match (kind, flags & ACK) {
                (SETTINGS, 0) => drop(self.write(&frame(SETTINGS, ACK, 0, &[])).await),
                (PING, 0) => drop(self.write(&frame(PING, ACK, 0, &payload)).await),
                _ => return Some((kind, flags, stream, payload)),
            }
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The status that a block of headers begins with.
fn status(block: &[u8]) -> u16 {
    // The receiver's table was made smaller (RFC 7541 §6.3).
    let block = if block[0] == 0x20 { &block[1..] } else { block };
    match block[0] {
        indexed @ 0x88..=0x8e => [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)],
        0x08 | 0x18 | 0x48 => {
            let text = &block[2..2 + usize::from(block[1] & 127)];
            let digits = if block[1] & 128 == 0 { text.to_vec() } else { unpack(text) };
            String::from_utf8(digits).unwrap().parse().unwrap()
        }
        other => panic!("a block of headers begins with a status, not with {other:#x}"),
    }
}

/// Undoes the Huffman code of digits (RFC 7541, Appendix B).
fn unpack(packed: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = packed.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect();
    let value = |bits: &[u8]| bits.iter().fold(0, |value, bit| value << 1 | bit);
    let (mut digits, mut at) = (Vec::new(), 0);
    while digits.len() < 3 {
        match value(&bits[at..at + 5]) {
            digit @ 0..=2 => {
                digits.push(b'0' + digit);
                at += 5;
            }
            _ => {
                digits.push(b'3' + value(&bits[at..at + 6]) - 0b01_1001);
                at += 6;
            }
        }
    }
    digits
}
