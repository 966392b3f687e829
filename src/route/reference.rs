use super::{BodyKind, Route, RouteErrorKind};

/// Where requests to a route name something that is stored, beside the fields of class
/// [`Reference`](crate::payload::FieldClass::Reference) that its dialect knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferencePlace {
    /// A parameter of the path's pattern, which is a whole segment: `response_id` of `/v1/responses/{response_id}`.
    Path(Box<str>),
    /// A parameter of the query, wherever it stands there: `after`.
    Query(Box<str>),
    /// A string, or a list of strings, of the JSON body (RFC 6901): `/input_file_id`. It may be absent.
    Body(Box<str>),
}

/// What a route has to do with stored things, where references to them are sealed
/// ([`GateBuilder::references`](crate::gate::GateBuilder::references)).
impl Route {
    /// Opens the reference that requests hold there, and seals those in answers.
    pub fn reference(mut self, place: ReferencePlace) -> Self {
        let mut places = std::mem::take(&mut self.references).into_vec();
        places.push(place);
        self.references = places.into();
        self
    }

    /// Opens the reference in this parameter of the path.
    pub fn reference_in_path(self, parameter: impl Into<Box<str>>) -> Self {
        self.reference(ReferencePlace::Path(parameter.into()))
    }

    /// Opens the reference in this parameter of the query, if it is there.
    pub fn reference_in_query(self, parameter: impl Into<Box<str>>) -> Self {
        self.reference(ReferencePlace::Query(parameter.into()))
    }

    /// Opens the reference at this pointer into the body (RFC 6901), if it is there.
    pub fn reference_at(self, pointer: impl Into<Box<str>>) -> Self {
        self.reference(ReferencePlace::Body(pointer.into()))
    }

    /// Seals the references in answers, where no request refers to anything yet: an upload, whose answer names the new file.
    /// Not for lists of everybody's things: what an answer names becomes the caller's.
    pub fn seal_answers(mut self) -> Self {
        self.seals_answers = true;
        self
    }

    /// Takes and gives references on this route as they are. Whoever knows an id may use it, whoever made the thing.
    pub fn danger_unsealed_references(mut self) -> Self {
        self.unsealed = true;
        self
    }

    /// Where requests hold references, beside the fields of the dialect.
    pub fn references(&self) -> &[ReferencePlace] {
        &self.references
    }

    /// Whether references are taken and given as they are.
    pub fn has_unsealed_references(&self) -> bool {
        self.unsealed
    }

    /// Whether references in answers are sealed, where the gate seals any.
    pub fn seals_references(&self) -> bool {
        let declared = self.seals_answers || !self.references.is_empty();
        !self.unsealed && (declared || self.opens_fields())
    }

    /// Whether the fields of class reference are opened.
    pub(crate) fn opens_fields(&self) -> bool {
        !self.unsealed && self.body_dialect().is_some_and(|dialect| dialect.gives_out_references())
    }

    /// Whether something was said of references that only a gate which seals them can do.
    pub(crate) fn needs_sealing(&self) -> bool {
        self.seals_answers || !self.references.is_empty()
    }

    pub(super) fn check_references(&self) -> Result<(), RouteErrorKind> {
        if self.unsealed && self.needs_sealing() {
            return Err(RouteErrorKind::SealedAndUnsealed);
        }
        for place in &self.references {
            let found = match place {
                ReferencePlace::Path(parameter) => {
                    let segment = format!("{{{parameter}}}");
                    self.pattern.split('/').any(|part| part == segment)
                }
                ReferencePlace::Query(parameter) => !parameter.is_empty(),
                ReferencePlace::Body(pointer) => {
                    matches!(self.body(), BodyKind::Json(_)) && pointer.starts_with('/')
                }
            };
            if !found {
                return Err(RouteErrorKind::Reference(place.clone()));
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for ReferencePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(parameter) => write!(f, "path:{parameter}"),
            Self::Query(parameter) => write!(f, "query:{parameter}"),
            Self::Body(pointer) => write!(f, "body:{pointer}"),
        }
    }
}
