//! Where a proof was made for: `htu` (RFC 9449 §4.2), compared as RFC 3986 §6.2.2 and §6.2.3 normalise it.

/// An `http` or `https` address, normalised, without query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// `https://host` or `https://host:8443`, in lower case.
    pub(super) origin: String,
    /// Begins with a slash.
    pub(super) path: String,
}

impl Address {
    /// Reads an absolute address. `None` when it is none, or names a user, which no address of a service does.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let default_port = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => "443",
            _ if scheme.eq_ignore_ascii_case("http") => "80",
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return None;
        }
        let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
        let host = split_port(authority)?;
        let mut origin = format!("{}://{}", scheme.to_ascii_lowercase(), normal_host(host.0)?);
        if let Some(port) = host.1.filter(|port| *port != default_port) {
            origin.push(':');
            origin.push_str(port);
        }
        Some(Self { origin, path: normal_path(path)? })
    }
}

/// RFC 3986 §3.2.2, §3.2.3: an empty port is none; leading zeros change nothing.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let after_literal = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = authority[after_literal..].find(':') else { return Some((authority, None)) };
    let (host, port) = authority.split_at(after_literal + colon);
    let digits = &port[1..];
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let port = digits.trim_start_matches('0');
    match (digits.is_empty(), port.is_empty()) {
        (true, _) => Some((host, None)),
        (false, true) => None,
        (false, false) => Some((host, Some(port))),
    }
}

fn normal_host(host: &str) -> Option<String> {
    let host = unescape_unreserved(host)?.to_ascii_lowercase();
    let literal = host.starts_with('[') && host.ends_with(']');
    let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
    let address = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
    let sound = match literal {
        true => host.len() > 2 && host[1..host.len() - 1].bytes().all(address),
        false => !host.is_empty() && host.bytes().all(name),
    };
    sound.then_some(host)
}

/// The path with escapes of unreserved characters undone, the others in upper case, and dot segments removed.
pub(super) fn normal_path(path: &str) -> Option<String> {
    let path = unescape_unreserved(path)?;
    let mut segments: Vec<&str> = Vec::new();
    let mut parts = path.strip_prefix('/').unwrap_or(&path).split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            _ => segments.push(part),
        }
    }
    Some(format!("/{}", segments.join("/")))
}

/// RFC 3986 §6.2.2.1, §6.2.2.2. `None` for an escape that is none.
fn unescape_unreserved(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let digits =
            rest.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&digits.to_ascii_uppercase());
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> Option<String> {
        Address::parse(text).map(|address| address.origin + &address.path)
    }

    #[test]
    fn one_address_has_one_normal_form_however_it_is_written() {
        for same in [
            "https://llm.example.com/v1/chat",
            "HTTPS://LLM.Example.COM:443/v1/chat",
            "https://llm.example.com:0443/v1/chat?x=1#y",
            "https://llm.example.com:/v1/./a/../chat",
            "https://llm.example.com/%76%31/ch%61t",
            "https://llm%2Eexample.com/v1/chat",
        ] {
            assert_eq!(normal(same).as_deref(), Some("https://llm.example.com/v1/chat"), "{same}");
        }
        for (text, form) in [
            ("http://h", "http://h/"),
            ("http://h:80", "http://h/"),
            ("http://h:443?q", "http://h:443/"),
            ("https://[2001:DB8::1]:8443/a%2fb", "https://[2001:db8::1]:8443/a%2Fb"),
            ("https://h/../../a/", "https://h/a/"),
            ("https://h/a/..", "https://h/"),
            ("https://h//a", "https://h//a"),
        ] {
            assert_eq!(normal(text).as_deref(), Some(form), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_service_is_none() {
        for text in [
            "",
            "/v1/chat",
            "llm.example.com/v1",
            "ftp://h/",
            "https://user@h/",
            "https:///x",
            "https://h:x/",
            "https://h:0/",
            "https://h/%zz",
            "https://h/%4",
            "https://h/a b",
            "https://h\u{e9}/",
            "https://[::1/",
            "https://h\\x/",
        ] {
            assert_eq!(normal(text), None, "{text}");
        }
    }
}
