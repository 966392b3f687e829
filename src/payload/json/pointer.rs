//! RFC 6901 pointers: to a node, and of a node.

use std::borrow::Cow;

use super::node::{Kind, Node, NodeId};

/// The value that `pointer` names below `root`.
pub(super) fn resolve<'a>(root: Node<'a>, pointer: &str) -> Option<Node<'a>> {
    if pointer.is_empty() {
        return Some(root);
    }
    pointer.strip_prefix('/')?.split('/').try_fold(root, |node, step| match node.kind() {
        Kind::Object => node.get(&unescape(step)?),
        Kind::Array => node.index(array_index(step)?),
        _ => None,
    })
}

/// The pointer of the value `id`, or of the member whose key it is; `push_key` writes the keys on the way.
pub(super) fn of(root: Node<'_>, id: NodeId, push_key: fn(&mut String, &str)) -> String {
    let mut pointer = String::new();
    let mut node = root;
    while node.id() != id {
        let around = |child: &Node<'_>| child.id() <= id && id.0 < child.after();
        let step = match node.kind() {
            Kind::Object => node.members().find(|(key, value)| key.id() == id || around(value)),
            Kind::Array => {
                let Some((n, item)) = node.items().enumerate().find(|(_, item)| around(item)) else { break };
                pointer.push('/');
                pointer.push_str(&n.to_string());
                node = item;
                continue;
            }
            _ => None,
        };
        let Some((key, value)) = step else { break };
        push_key(&mut pointer, key.as_str().unwrap_or_default());
        if key.id() == id {
            break;
        }
        node = value;
    }
    pointer
}

pub(super) fn push_key(pointer: &mut String, key: &str) {
    pointer.push('/');
    for character in key.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ => pointer.push(character),
        }
    }
}

fn unescape(step: &str) -> Option<Cow<'_, str>> {
    if !step.contains('~') {
        return Some(Cow::Borrowed(step));
    }
    let mut key = String::with_capacity(step.len());
    let mut parts = step.split('~');
    key.push_str(parts.next()?);
    for part in parts {
        let (character, rest) = match part.as_bytes().first()? {
            b'0' => ('~', &part[1..]),
            b'1' => ('/', &part[1..]),
            _ => return None,
        };
        key.push(character);
        key.push_str(rest);
    }
    Some(Cow::Owned(key))
}

fn array_index(step: &str) -> Option<usize> {
    let canonical = step == "0" || !step.starts_with('0') && step.bytes().all(|byte| byte.is_ascii_digit());
    if canonical { step.parse().ok() } else { None }
}
