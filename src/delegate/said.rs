//! What an authorization server says in words, for records.

/// So many characters of base64url in a row are no word of any language.
const LONGEST_RUN: usize = 24;

/// The words, each separated by one space, but for those that could hold a credential, or a part of one.
pub(super) fn without_credentials(words: &str) -> String {
    let kept: Vec<&str> = words.split_whitespace().filter(|word| !may_hold_credential(word)).collect();
    kept.join(" ")
}

fn may_hold_credential(word: &str) -> bool {
    let is_of_base64url = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut runs = word.split(|c| !is_of_base64url(c));
    // The header of a JWT begins so: the two letters are `{"` in base64url.
    runs.any(|run| run.len() >= LONGEST_RUN || run.starts_with("ey"))
}
