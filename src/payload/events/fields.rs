//! One block of a server-sent event stream, taken apart and put together.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// What a block says. All slices share the block's memory, unless several `data` lines were joined.
pub(super) struct Fields {
    pub(super) name: Bytes,
    pub(super) data: Option<Bytes>,
}

/// Reads a block, its line ends included. `first` says whether a byte order mark may stand before it.
pub(super) fn read(block: &Bytes, first: bool) -> Fields {
    let mut fields = Fields { name: Bytes::new(), data: None };
    let mut joined: Option<BytesMut> = None;
    for_each_line(block, first, |start, end| {
        let (field, value) = split(&block[start..end]);
        let value = start + value..end;
        match field {
            b"event" => fields.name = block.slice(value),
            b"data" => match (&mut joined, &fields.data) {
                (Some(joined), _) => {
                    joined.extend_from_slice(b"\n");
                    joined.extend_from_slice(&block[value]);
                }
                (None, Some(before)) => {
                    let mut both = BytesMut::with_capacity(block.len());
                    both.extend_from_slice(before);
                    both.extend_from_slice(b"\n");
                    both.extend_from_slice(&block[value]);
                    joined = Some(both);
                }
                (None, None) => fields.data = Some(block.slice(value)),
            },
            _ => {}
        }
    });
    if let Some(joined) = joined {
        fields.data = Some(joined.freeze());
    }
    fields
}

/// Writes a block with this data. The name, the id and the retry time of `old` stay.
pub(super) fn write(old: &Bytes, first: bool, data: &str) -> Bytes {
    let mut block = BytesMut::with_capacity(old.len() + data.len() + 16);
    for_each_line(old, first, |start, end| {
        if matches!(split(&old[start..end]).0, b"event" | b"id" | b"retry") {
            block.extend_from_slice(&old[start..end]);
            block.extend_from_slice(b"\n");
        }
    });
    push_data(&mut block, data);
    block.freeze()
}

/// Writes a new block.
pub(super) fn compose(name: &str, data: &str) -> Bytes {
    let mut block = BytesMut::with_capacity(name.len() + data.len() + 24);
    if !name.is_empty() {
        block.extend_from_slice(b"event: ");
        block.extend(name.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')));
        block.extend_from_slice(b"\n");
    }
    push_data(&mut block, data);
    block.freeze()
}

fn push_data(block: &mut BytesMut, data: &str) {
    let mut rest = data.as_bytes();
    loop {
        let end = memchr2(b'\r', b'\n', rest);
        block.extend_from_slice(b"data: ");
        block.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
        block.extend_from_slice(b"\n");
        let Some(end) = end else { break };
        let pair = rest[end..].starts_with(b"\r\n");
        rest = &rest[end + 1 + usize::from(pair)..];
    }
    block.extend_from_slice(b"\n");
}

/// A line's field name, and where in the line its value begins. A comment has an empty name.
fn split(line: &[u8]) -> (&[u8], usize) {
    match memchr::memchr(b':', line) {
        Some(colon) => {
            let space = usize::from(line.get(colon + 1) == Some(&b' '));
            (&line[..colon], colon + 1 + space)
        }
        None => (line, line.len()),
    }
}

fn for_each_line(block: &[u8], first: bool, mut see: impl FnMut(usize, usize)) {
    let mut at = if first && block.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    while at < block.len() {
        let end = memchr2(b'\r', b'\n', &block[at..]).map_or(block.len(), |n| at + n);
        see(at, end);
        at = end + 1;
    }
}
