use crate::jwt::bearer::unescaped;

/// The one `logout_token` of a form (`application/x-www-form-urlencoded`); `None` when there is none, or more than one.
pub(super) fn logout_token(form: &[u8]) -> Option<String> {
    let mut tokens = form.split(|byte| *byte == b'&').filter_map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = halves.next().unwrap_or_default();
        unescaped(name).eq(b"logout_token".iter().copied()).then(|| halves.next().unwrap_or_default())
    });
    let token = tokens.next()?;
    if tokens.next().is_some() {
        return None;
    }
    String::from_utf8(unescaped(token).collect()).ok().filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_is_found_through_escapes_and_among_others() {
        for form in ["logout_token=a.b.c", "x=1&logout_token=a.b.c&y", "logout%5ftoken=a%2Eb%2ec"] {
            assert_eq!(logout_token(form.as_bytes()).as_deref(), Some("a.b.c"), "{form}");
        }
    }

    #[test]
    fn none_and_two_and_what_is_no_text_are_none() {
        let forms = ["", "logout_token", "logout_token=", "token=a", "logout_token=a&logout_token=a"];
        for form in forms.into_iter().chain(["logout_token=%ff", "logout_token=a&logout%5Ftoken=b"]) {
            assert_eq!(logout_token(form.as_bytes()), None, "{form}");
        }
    }
}
