//! One block of a server-sent event stream, taken apart and put together.

use bytestring::ByteString;
use memchr::memchr2;

/// What a block says. All slices share the block's memory, unless several `data` lines were joined.
pub(super) struct Fields {
    pub(super) name: ByteString,
    pub(super) data: Option<ByteString>,
}

/// Reads a block, its line ends included. `first` says whether a byte order mark may stand before it.
pub(super) fn read(block: &ByteString, first: bool) -> Fields {
    let mut fields = Fields { name: ByteString::new(), data: None };
    let mut joined: Option<String> = None;
    for_each_line(block, first, |line| {
        let (field, value) = split(line);
        match field {
            "event" => fields.name = block.slice_ref(value),
            "data" => match (&mut joined, &fields.data) {
                (Some(joined), _) => {
                    joined.push('\n');
                    joined.push_str(value);
                }
                (None, Some(before)) => {
                    let mut both = String::with_capacity(block.len());
                    both.push_str(before);
                    both.push('\n');
                    both.push_str(value);
                    joined = Some(both);
                }
                (None, None) => fields.data = Some(block.slice_ref(value)),
            },
            _ => {}
        }
    });
    if let Some(joined) = joined {
        fields.data = Some(joined.into());
    }
    fields
}

/// Writes a block with this data. The name, the id and the retry time of `old` stay.
pub(super) fn write(old: &str, first: bool, data: &str) -> ByteString {
    let mut block = String::with_capacity(old.len() + data.len() + 16);
    for_each_line(old, first, |line| {
        if matches!(split(line).0, "event" | "id" | "retry") {
            block.push_str(line);
            block.push('\n');
        }
    });
    push_data(&mut block, data);
    block.into()
}

/// Writes a new block.
pub(super) fn compose(name: &str, data: &str) -> ByteString {
    let mut block = String::with_capacity(name.len() + data.len() + 24);
    if !name.is_empty() {
        block.push_str("event: ");
        block.extend(name.chars().filter(|character| !matches!(character, '\r' | '\n')));
        block.push('\n');
    }
    push_data(&mut block, data);
    block.into()
}

fn push_data(block: &mut String, data: &str) {
    let mut rest = data;
    loop {
        let end = memchr2(b'\r', b'\n', rest.as_bytes());
        block.push_str("data: ");
        block.push_str(&rest[..end.unwrap_or(rest.len())]);
        block.push('\n');
        let Some(end) = end else { break };
        let pair = rest[end..].starts_with("\r\n");
        rest = &rest[end + 1 + usize::from(pair)..];
    }
    block.push('\n');
}

/// A line's field name and its value. A comment has an empty name.
fn split(line: &str) -> (&str, &str) {
    match memchr::memchr(b':', line.as_bytes()) {
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(' ').unwrap_or(value))
        }
        None => (line, ""),
    }
}

fn for_each_line<'b>(block: &'b str, first: bool, mut see: impl FnMut(&'b str)) {
    let mut rest = if first { block.strip_prefix('\u{feff}').unwrap_or(block) } else { block };
    while !rest.is_empty() {
        let end = memchr2(b'\r', b'\n', rest.as_bytes()).unwrap_or(rest.len());
        see(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
}
