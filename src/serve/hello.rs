use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest first flight that is kept, in bytes: four times that of a browser with post-quantum key shares.
const MAX_HELLO: usize = 8 * 1024;
const RECORD_HEADER: usize = 5;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// A stream that keeps the first flight of the client, if it is asked to.
#[derive(Debug)]
pub(super) struct Recorded<IO> {
    io: IO,
    flight: Flight,
}

#[derive(Debug)]
enum Flight {
    /// Not asked for, or not to be had.
    None,
    Coming(Vec<u8>),
    Complete(Bytes),
}

impl<IO> Recorded<IO> {
    pub(super) fn new(io: IO, record: bool) -> Self {
        let flight = if record { Flight::Coming(Vec::with_capacity(1024)) } else { Flight::None };
        Self { io, flight }
    }

    /// The records that hold the `ClientHello`, as they came.
    pub(super) fn take_hello(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.flight, Flight::None) {
            Flight::Complete(hello) => Some(hello),
            Flight::None | Flight::Coming(_) => None,
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let Flight::Coming(kept) = &mut self.flight else { return };
        let room = MAX_HELLO.saturating_sub(kept.len());
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        match hello_length(kept) {
            Ok(length) => {
                kept.truncate(length);
                self.flight = Flight::Complete(std::mem::take(kept).into());
            }
            Err(Incomplete::More) if kept.len() < MAX_HELLO => {}
            Err(_) => self.flight = Flight::None,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Incomplete {
    /// More bytes may complete it.
    More,
    /// They cannot.
    Never,
}

/// How many bytes the records have that hold the `ClientHello` (RFC 8446 §4, §5.1).
fn hello_length(bytes: &[u8]) -> Result<usize, Incomplete> {
    let (mut at, mut message, mut needed) = (0, [0; 4], None::<usize>);
    let mut had = 0;
    loop {
        let header = bytes.get(at..at + RECORD_HEADER).ok_or(Incomplete::More)?;
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if header[0] != HANDSHAKE || length == 0 {
            return Err(Incomplete::Never);
        }
        let body = at + RECORD_HEADER;
        let record = bytes.get(body..body + length).ok_or(Incomplete::More)?;
        for byte in record {
            if let Some(place) = message.get_mut(had) {
                *place = *byte;
            }
            had += 1;
        }
        if needed.is_none() && had >= message.len() {
            if message[0] != CLIENT_HELLO {
                return Err(Incomplete::Never);
            }
            let [_, high, middle, low] = message;
            needed = Some(message.len() + u32::from_be_bytes([0, high, middle, low]) as usize);
        }
        at = body + length;
        if needed.is_some_and(|needed| had >= needed) {
            return Ok(at);
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Recorded<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        self.keep(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Recorded<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One handshake message over records of so many bytes each.
    fn records(message_type: u8, length: usize, of: usize) -> Vec<u8> {
        let [_, high, middle, low] = u32::try_from(length).unwrap().to_be_bytes();
        let message: Vec<u8> = [message_type, high, middle, low].into_iter().chain(vec![7; length]).collect();
        let record = |part: &[u8]| {
            [&[HANDSHAKE, 3, 1][..], &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat()
        };
        message.chunks(of).flat_map(record).collect()
    }

    #[test]
    fn the_first_flight_ends_where_the_client_hello_ends_however_it_is_cut() {
        for (length, of) in [(200, 4_000), (200, 1), (200, 3), (2_000, 517), (0, 4)] {
            let hello = records(CLIENT_HELLO, length, of);
            for cut in 0..hello.len() {
                assert_eq!(hello_length(&hello[..cut]), Err(Incomplete::More), "{length} in {of}, {cut}");
            }
            let longer = [&hello[..], b"\x17\x03\x03\x00\x01x"].concat();
            assert_eq!(hello_length(&longer), Ok(hello.len()), "{length} in {of}");
        }
    }

    #[test]
    fn what_is_no_client_hello_is_not_kept() {
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01\x00\x00", &records(2, 9, 100)] {
            assert_eq!(hello_length(bytes), Err(Incomplete::Never), "{bytes:?}");
        }
        let mut recorded = Recorded::new((), true);
        recorded.keep(&records(CLIENT_HELLO, MAX_HELLO, 4_000));
        assert_eq!(recorded.take_hello(), None);
    }
}
