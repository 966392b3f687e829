use super::error::Place;
use super::file::TOP;
use super::{ConfigError, ConfigErrorKind};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A configuration's text, for saying where something stands in it.
#[derive(Clone)]
pub(super) struct Source {
    text: Arc<str>,
    file: Option<PathBuf>,
}

impl Source {
    pub(super) fn new(text: &str, file: Option<&Path>) -> Self {
        Self { text: text.into(), file: file.map(Path::to_owned) }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// An error about the value or the key that stands at `span`.
    pub(super) fn error(&self, span: Range<usize>, kind: ConfigErrorKind) -> ConfigError {
        let key = self.path_at(&span).unwrap_or_default();
        ConfigError::new(key, Some(self.place(span.start)), kind).in_file(self.file.as_deref())
    }

    /// An error about a value that cannot be used.
    pub(super) fn refuse<T>(&self, span: Range<usize>, problem: impl Into<String>) -> Result<T, ConfigError> {
        Err(self.error(span, ConfigErrorKind::Value(problem.into())))
    }

    /// An error of the TOML parser. Its own rendering would repeat the line, which may hold a secret.
    pub(super) fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        let span = error.span().unwrap_or_default();
        let (key, problem) = match (error.message(), self.text.get(span.clone())) {
            ("duplicate key", Some(key)) if is_plain(key) => {
                (self.path_of_second(&span, key), format!("`{key}` stands here twice; keep one of them"))
            }
            (message, _) => {
                let (key, section) = self.paths_before(span.start);
                // Where quotes are misplaced, a value is read as a key. What is quoted may be a secret.
                let key = key.or(section).filter(|path| !path.contains('"'));
                (key.unwrap_or_default(), message.to_owned())
            }
        };
        let place = self.place(span.start);
        ConfigError::new(key, Some(place), ConfigErrorKind::Syntax(problem)).in_file(self.file.as_deref())
    }

    /// The path of a key that stands a second time, which the parsed tree does not hold.
    fn path_of_second(&self, span: &Range<usize>, key: &str) -> String {
        let line = self.text.get(self.line_start(span.start)..span.end).unwrap_or_default();
        // With a brace, the line is part of an array, and holds values.
        if let Some(header) = line.trim_start().strip_prefix('[').filter(|header| !header.contains('{')) {
            return header.trim_start_matches(['[', ' ']).to_owned();
        }
        match self.paths_before(span.start) {
            (Some(inline), _) => inline,
            (None, Some(section)) => format!("{section}.{key}"),
            (None, None) => key.to_owned(),
        }
    }

    /// The paths of the last key on the line before `offset`, and of the last section.
    fn paths_before(&self, offset: usize) -> (Option<String>, Option<String>) {
        let (root, _) = DeTable::parse_recoverable(&self.text);
        let root = DeValue::Table(root.into_inner());
        let line_start = self.line_start(offset);
        let (mut key, mut section) = (None::<(usize, String)>, None::<(usize, String)>);
        visit(&root, &mut Vec::new(), &mut |way, at, value| {
            let place = match value {
                None if at.start >= line_start => &mut key,
                Some(DeValue::Table(_)) if self.text.as_bytes().get(at.start) == Some(&b'[') => &mut section,
                _ => return,
            };
            if at.start <= offset && place.as_ref().is_none_or(|(start, _)| *start <= at.start) {
                *place = Some((at.start, render(way)));
            }
        });
        (key.map(|(_, path)| path), section.map(|(_, path)| path))
    }

    /// An error of deserialization, in the words of TOML, where serde speaks of fields.
    pub(super) fn shape(&self, error: &toml::de::Error) -> ConfigError {
        let message = error.message();
        let problem = if let Some(rest) = message.strip_prefix("unknown field ") {
            let top = TOP.iter().any(|key| rest.starts_with(&format!("`{key}`")));
            let hint =
                if top { "; as a key of the whole file it stands above the first [section]" } else { "" };
            format!("unknown key {rest}{hint}")
        } else if let Some(key) = message.strip_prefix("missing field ") {
            format!("add the key {key}, which is needed")
        } else {
            message.to_owned()
        };
        self.error(error.span().unwrap_or_default(), ConfigErrorKind::Shape(problem))
    }

    /// An error that concerns no place of the text.
    pub(super) fn missing(&self, key: &str, problem: &str) -> ConfigError {
        let kind = ConfigErrorKind::Missing(problem.to_owned());
        ConfigError::new(key, None, kind).in_file(self.file.as_deref())
    }

    /// An error of the whole gate.
    pub(super) fn whole(&self, kind: ConfigErrorKind) -> ConfigError {
        ConfigError::new("", None, kind).in_file(self.file.as_deref())
    }

    /// The path of the key or value that stands exactly at `span`; of the innermost one, where a header stands for more.
    fn path_at(&self, span: &Range<usize>) -> Option<String> {
        let (root, _) = DeTable::parse_recoverable(&self.text);
        let root = DeValue::Table(root.into_inner());
        let mut found = None;
        visit(&root, &mut Vec::new(), &mut |way, at, _| {
            if at == *span {
                found = Some(render(way));
            }
        });
        found
    }

    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.get(self.line_start(offset)..).unwrap_or_default();
        Place { line, column: column.trim_start_matches('\u{feff}').chars().count() + 1 }
    }

    fn line_start(&self, offset: usize) -> usize {
        self.text.get(..offset).unwrap_or(&self.text).rfind('\n').map_or(0, |newline| newline + 1)
    }
}

/// A step from the root to a value.
#[derive(Clone, Copy)]
enum Segment<'a> {
    Key(&'a str),
    Index(usize),
}

/// Takes the way to a key or value, where it stands, and the value unless it is a key.
type Seen<'s, 'a> = dyn FnMut(&[Segment<'a>], Range<usize>, Option<&DeValue<'_>>) + 's;

/// Shows every key and value below `value`, with the way to it, outer ones first.
fn visit<'a>(value: &'a DeValue<'_>, way: &mut Vec<Segment<'a>>, seen: &mut Seen<'_, 'a>) {
    let mut step = |segment, key: Option<Range<usize>>, value: &'a Spanned<DeValue<'_>>| {
        way.push(segment);
        if let Some(key) = key {
            seen(way, key, None);
        }
        seen(way, value.span(), Some(value.get_ref()));
        visit(value.get_ref(), way, seen);
        way.pop();
    };
    match value {
        DeValue::Table(table) => {
            for (key, value) in table {
                step(Segment::Key(key.get_ref()), Some(key.span()), value);
            }
        }
        DeValue::Array(array) => {
            for (index, value) in array.iter().enumerate() {
                step(Segment::Index(index), None, value);
            }
        }
        _ => {}
    }
}

/// Whether a key can be written without quotes.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn render(way: &[Segment<'_>]) -> String {
    let mut path = String::new();
    for segment in way {
        let dot = if path.is_empty() { "" } else { "." };
        let written = match segment {
            Segment::Key(key) if is_plain(key) => write!(path, "{dot}{key}"),
            Segment::Key(key) => write!(path, "{dot}{key:?}"),
            Segment::Index(index) => write!(path, "[{index}]"),
        };
        written.expect("a String takes all that is written");
    }
    path
}
