//! A reader of structured fields (RFC 9651 §4.2), as far as headers of limits need one: lists of items with parameters,
//! without inner lists, dates and display strings. Proved by the public vectors before it judges our own headers.

use serde_json::{Value, json};

use crate::vectors::{Report, Vectors};

/// An item and its parameters, in the vectors' own notation.
pub(crate) type Item = (Value, Vec<(String, Value)>);

pub(crate) fn suite(vectors: &Vectors, report: &mut Report) {
    for (path, bytes) in vectors.archive("http/ratelimit_and_structured_fields.tar.gz") {
        let Some(name) = path.strip_prefix("structured-field-tests/") else { continue };
        if name.contains('/') || !name.ends_with(".json") {
            continue;
        }
        let tests: Value = serde_json::from_slice(&bytes).expect("the vectors are JSON");
        for test in tests.as_array().expect("a list of tests") {
            run(name, test, report);
        }
    }
}

fn run(file: &str, test: &Value, report: &mut Report) {
    let which = || format!("{file}: {}", test["name"]);
    let raw: Vec<&str> = test["raw"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let raw = raw.join(", ");
    let dictionary = test["header_type"] == "dictionary";
    let unknown = raw.contains(['(', '@', '%']) && !file.starts_with("string") && !file.starts_with("token");
    if dictionary || unknown {
        return report.name(
            "with dictionaries, inner lists, dates or display strings, which no header here has",
            which(),
        );
    }
    let read = match test["header_type"].as_str() {
        Some("list") => list(&raw).map(|items| items.iter().map(notation).collect()),
        _ => item_alone(&raw).map(|item| notation(&item)),
    };
    match (test["must_fail"] == true, read) {
        (true, read) => report.check(read.is_none(), which),
        (false, None) => report.check(test["can_fail"] == true, which),
        (false, Some(read)) => report.check(same(&read, &test["expected"]), which),
    }
}

fn notation((value, parameters): &Item) -> Value {
    json!([value, parameters.iter().map(|(name, value)| json!([name, value])).collect::<Value>()])
}

/// Numbers are compared as numbers; of bytes, only that they are there.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Number(ours), Value::Number(theirs)) => ours.as_f64() == theirs.as_f64(),
        (Value::Object(ours), Value::Object(theirs)) if theirs["__type"] == "binary" => {
            ours["__type"] == theirs["__type"]
        }
        _ => ours == theirs,
    }
}

/// Reads a list (§4.2.1); `None` when it is none.
pub(crate) fn list(text: &str) -> Option<Vec<Item>> {
    let mut reader = Reader(text.trim_matches(' ').as_bytes());
    let mut items = Vec::new();
    while !reader.0.is_empty() {
        items.push(reader.item()?);
        reader.skip(b" \t");
        if reader.0.is_empty() {
            return Some(items);
        }
        reader.take(b',')?;
        reader.skip(b" \t");
        // A comma has to be followed by something.
        reader.0.first()?;
    }
    Some(items)
}

fn item_alone(text: &str) -> Option<Item> {
    let mut reader = Reader(text.trim_matches(' ').as_bytes());
    let item = reader.item()?;
    reader.0.is_empty().then_some(item)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn item(&mut self) -> Option<Item> {
        let value = self.bare()?;
        let mut parameters: Vec<(String, Value)> = Vec::new();
        while self.take(b';').is_some() {
            self.skip(b" ");
            let name = self.key()?;
            let value = if self.take(b'=').is_some() { self.bare()? } else { Value::Bool(true) };
            // Of a name that comes again, the last value counts, in the first place.
            match parameters.iter_mut().find(|(other, _)| *other == name) {
                Some((_, before)) => *before = value,
                None => parameters.push((name, value)),
            }
        }
        Some((value, parameters))
    }

    fn key(&mut self) -> Option<String> {
        let first = |byte: u8| byte.is_ascii_lowercase() || byte == b'*';
        self.0.first().filter(|byte| first(**byte))?;
        let key = self.run(|byte| first(byte) || byte.is_ascii_digit() || b"_-.".contains(&byte));
        Some(String::from_utf8_lossy(key).into_owned())
    }

    fn bare(&mut self) -> Option<Value> {
        match *self.0.first()? {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b'?' => {
                self.take(b'?')?;
                let flag = self.take(b'1').is_some();
                if !flag {
                    self.take(b'0')?;
                }
                Some(flag.into())
            }
            b':' => {
                self.take(b':')?;
                let text = self.run(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
                self.take(b':')?;
                let body = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
                (!body.contains(&b'=') && body.len() % 4 != 1).then(|| json!({ "__type": "binary" }))
            }
            byte if byte.is_ascii_alphabetic() || byte == b'*' => {
                let token =
                    self.run(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte));
                Some(json!({ "__type": "token", "value": String::from_utf8_lossy(token) }))
            }
            _ => None,
        }
    }

    fn string(&mut self) -> Option<Value> {
        self.take(b'"')?;
        let mut text = String::new();
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            match byte {
                b'"' => return Some(text.into()),
                b'\\' => {
                    let (&escaped, rest) = self.0.split_first().filter(|(byte, _)| b"\"\\".contains(byte))?;
                    text.push(char::from(escaped));
                    self.0 = rest;
                }
                0x20..=0x7e => text.push(char::from(byte)),
                _ => return None,
            }
        }
    }

    fn number(&mut self) -> Option<Value> {
        let sign = if self.take(b'-').is_some() { "-" } else { "" };
        let whole = String::from_utf8_lossy(self.run(|byte| byte.is_ascii_digit())).into_owned();
        if self.take(b'.').is_none() {
            let number: i64 = format!("{sign}{whole}").parse().ok()?;
            return (whole.len() <= 15).then(|| number.into());
        }
        let part = String::from_utf8_lossy(self.run(|byte| byte.is_ascii_digit())).into_owned();
        let fits = (1..=12).contains(&whole.len()) && (1..=3).contains(&part.len());
        fits.then(|| format!("{sign}{whole}.{part}").parse::<f64>().ok())?.map(Value::from)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn skip(&mut self, bytes: &[u8]) {
        self.run(|byte| bytes.contains(&byte));
    }

    fn run(&mut self, within: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|byte| !within(*byte)).unwrap_or(self.0.len());
        let (run, rest) = self.0.split_at(end);
        self.0 = rest;
        run
    }
}
