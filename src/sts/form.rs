//! The form of a request (RFC 8693 §2.1), read strictly.

use super::error::Failure;
use secrecy::SecretString;

/// What a request asks for.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub(super) grant_type: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) requested_type: Option<String>,
    pub(super) subject: Option<SecretString>,
    pub(super) subject_type: Option<String>,
    pub(super) actor: Option<SecretString>,
    pub(super) actor_type: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) assertion: Option<SecretString>,
    pub(super) assertion_type: Option<String>,
    has_secret: bool,
}

impl Form {
    /// Reads a form. A parameter that comes twice is refused (RFC 6749 §3.2), also one that is not known; so are `audience` and
    /// `resource`, of which RFC 8693 lets several come: a credential for two services is good at the wrong one. Unknown
    /// parameters are ignored, as RFC 6749 §3.2 says.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Failure> {
        let malformed = || Failure::request("the form is not well formed");
        let mut form = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let name = decoded(&pair[..at]).ok_or_else(malformed)?;
            let value = decoded(pair.get(at + 1..).unwrap_or_default()).ok_or_else(malformed)?;
            if seen.contains(&name) {
                return Err(Failure::request("a parameter comes twice; send each once"));
            }
            // RFC 6749 §3.2: without a value, it is as if it were not there.
            if !value.is_empty() {
                form.put(&name, value);
            }
            seen.push(name);
        }
        if form.has_secret {
            let public = "a secret does not stand in the form; send it by Authorization: Basic";
            return Err(Failure::request(public));
        }
        Ok(form)
    }

    fn put(&mut self, name: &str, value: String) {
        match name {
            "grant_type" => self.grant_type = Some(value),
            "audience" => self.audience = Some(value),
            "resource" => self.resource = Some(value),
            "scope" => self.scope = Some(value),
            "requested_token_type" => self.requested_type = Some(value),
            "subject_token" => self.subject = Some(value.into()),
            "subject_token_type" => self.subject_type = Some(value),
            "actor_token" => self.actor = Some(value.into()),
            "actor_token_type" => self.actor_type = Some(value),
            "client_id" => self.client_id = Some(value),
            "client_assertion" => self.assertion = Some(value.into()),
            "client_assertion_type" => self.assertion_type = Some(value),
            "client_secret" => self.has_secret = true,
            _ => {}
        }
    }
}

/// A name or a value of a form (`application/x-www-form-urlencoded`); `None` when an escape is not whole, or it is no text.
pub(super) fn decoded(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                u8::try_from(digit(rest.next()?)? << 4 | digit(rest.next()?)?).ok()?
            }
            byte if byte.is_ascii_control() => return None,
            byte => *byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_form_is_read_with_its_escapes() {
        let form =
            Form::read(b"grant_type=a%3Ab&scope=x+y%20z&subject_token=t&unknown=1&audience=&&").unwrap();
        assert_eq!((form.grant_type.as_deref(), form.scope.as_deref()), (Some("a:b"), Some("x y z")));
        assert_eq!(form.subject.as_ref().map(ExposeSecret::expose_secret), Some("t"));
        assert_eq!(form.audience, None);
    }

    #[test]
    fn what_comes_twice_or_is_not_whole_is_refused() {
        for form in [
            "audience=a&audience=b",
            "audience=a&audienc%65=a",
            "audience=&audience=a",
            "unknown=1&unknown=1",
            "scope",
            "scope=%",
            "scope=%2",
            "scope=%zz",
            "scope=%ff",
            "scope=%00",
            "scope=a\nb",
            "client_secret=x",
        ] {
            let read = Form::read(form.as_bytes());
            assert_eq!(read.is_err(), form != "scope", "{form}: {read:?}");
        }
    }
}
