//! The entities of the file, and for each of them the others that policies can reach from it.

use super::reads::entities_in;
use super::{CedarError, CedarErrorKind};
use cedar_policy::{Entities, Entity, EntityUid, Schema};
use std::collections::HashMap;

#[derive(Debug)]
pub(super) struct Known {
    places: HashMap<EntityUid, usize>,
    list: Vec<Place>,
    /// All of them, with the hierarchy worked out.
    all: Entities,
}

#[derive(Debug)]
struct Place {
    entity: Entity,
    /// Where those stand that can be reached by parents, attributes and tags, itself among them.
    reach: Box<[usize]>,
}

impl Known {
    pub(super) fn new(json: &str, schema: &Schema) -> Result<Self, CedarError> {
        let refused = |error: &dyn std::error::Error| CedarErrorKind::Entities(chain(error));
        let all = Entities::from_json_str(json, Some(schema)).map_err(|error| refused(&error))?;
        let entities: Vec<Entity> = all.iter().cloned().collect();
        let places: HashMap<EntityUid, usize> =
            entities.iter().enumerate().map(|(place, entity)| (entity.uid(), place)).collect();
        let mut direct = Vec::with_capacity(entities.len());
        for entity in &entities {
            let named = entities_in(&entity.to_json_value().map_err(|error| refused(&error))?);
            let above = all.ancestors(&entity.uid()).into_iter().flatten().cloned();
            direct.push(named.into_iter().chain(above).filter_map(|uid| places.get(&uid).copied()).collect());
        }
        let reach: Vec<Box<[usize]>> = (0..entities.len()).map(|place| reach(&direct, place)).collect();
        let list = entities.into_iter().zip(reach).map(|(entity, reach)| Place { entity, reach }).collect();
        Ok(Self { places, list, all })
    }

    pub(super) fn all(&self) -> &Entities {
        &self.all
    }

    pub(super) fn get(&self, uid: &EntityUid) -> Option<&Entity> {
        Some(&self.list[*self.places.get(uid)?].entity)
    }

    /// Adds the places of all that can be reached from an entity, each once.
    pub(super) fn reach(&self, uid: &EntityUid, reached: &mut Vec<usize>) {
        let Some(place) = self.places.get(uid) else { return };
        for other in &self.list[*place].reach {
            if !reached.contains(other) {
                reached.push(*other);
            }
        }
    }

    pub(super) fn ancestors(&self, uid: &EntityUid) -> impl Iterator<Item = &EntityUid> {
        self.all.ancestors(uid).into_iter().flatten()
    }

    /// The entities at these places, but for those that are given otherwise.
    pub(super) fn take<'a>(
        &'a self,
        reached: &'a [usize],
        given: &'a [EntityUid],
    ) -> impl Iterator<Item = Entity> + 'a {
        let entities = reached.iter().map(|place| &self.list[*place].entity);
        entities.filter(|entity| given.is_empty() || !given.contains(&entity.uid())).cloned()
    }
}

fn reach(direct: &[Vec<usize>], from: usize) -> Box<[usize]> {
    let mut reached = vec![from];
    let mut next = 0;
    while let Some(place) = reached.get(next).copied() {
        for other in &direct[place] {
            if !reached.contains(other) {
                reached.push(*other);
            }
        }
        next += 1;
    }
    reached.into()
}

/// An error with what caused it: Cedar says half of it there.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
