//! Cedar's handmade tests, through our loader: as sliced as every request, and as a whole.

use std::collections::BTreeMap;

use portcullis::authorize::cedar::cedar_policy::{Context, EntityId, EntityTypeName, EntityUid, Request};
use portcullis::authorize::cedar::{CedarStore, Ruling};
use serde_json::Value;

use crate::vectors::{Report, Vectors};

pub(crate) fn handmade(vectors: &Vectors, report: &mut Report) {
    let files = vectors.archive("authz/cedar_handmade.tar.gz");
    for (path, bytes) in
        files.iter().filter(|(path, _)| path.starts_with("tests/") && path.ends_with(".json"))
    {
        let test: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let text = |name: &str| file(&files, test[name].as_str().unwrap_or_default());
        let store = CedarStore::parse(&text("policies"), &text("schema"), &text("entities"));
        let store = match (store, test["shouldValidate"].as_bool()) {
            (Ok(store), Some(true)) => store,
            (Err(_), Some(false)) => {
                report.check(true, String::new);
                continue;
            }
            (loaded, _) => {
                let error = loaded.err().map(|error| error.to_string());
                report.check(false, || format!("{path}: {error:?}"));
                continue;
            }
        };
        for asked in test["requests"].as_array().into_iter().flatten() {
            let which = || format!("{path}: {}", asked["description"]);
            let Some(request) = request(&store, asked) else {
                report.check(false, which);
                continue;
            };
            let (sliced, whole) = (store.decide(&request, &[]), store.decide_unsliced(&request, &[]));
            report.check(is_as_said(&sliced, asked), || format!("{}: {sliced:?}", which()));
            report.check(is_as_said(&whole, asked), || format!("{}, unsliced: {whole:?}", which()));
        }
    }
}

fn file(files: &BTreeMap<String, Vec<u8>>, path: &str) -> String {
    String::from_utf8_lossy(files.get(path).map_or(&[], Vec::as_slice)).into_owned()
}

fn request(store: &CedarStore, asked: &Value) -> Option<Request> {
    let uid = |member: &str| {
        let kind: EntityTypeName = asked[member]["type"].as_str()?.parse().ok()?;
        Some(EntityUid::from_type_name_and_id(kind, EntityId::new(asked[member]["id"].as_str()?)))
    };
    let action = uid("action")?;
    let context = Context::from_json_value(asked["context"].clone(), Some((store.schema(), &action))).ok()?;
    Request::new(uid("principal")?, action, uid("resource")?, context, Some(store.schema())).ok()
}

fn is_as_said(ruling: &Ruling, asked: &Value) -> bool {
    let mut policies: Vec<&str> = ruling.policies.iter().map(|name| &**name).collect();
    let mut reasons: Vec<&str> =
        asked["reason"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    policies.sort_unstable();
    reasons.sort_unstable();
    let erred = asked["errors"].as_array().is_some_and(|errors| !errors.is_empty());
    // Where a policy cannot be evaluated, nothing is permitted here, whatever the others say.
    let permitted = asked["decision"] == "allow" && !erred;
    ruling.permitted == permitted && policies == reasons && ruling.errors.is_empty() != erred
}
