//! Whatever a test asks: the answer is one that the interface's document has.

use super::GATEWAY;
use http::{Method, StatusCode};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| server::openapi::document(GATEWAY));
/// By the place of the response in the document.
static VALIDATORS: Mutex<BTreeMap<String, Arc<Validator>>> = Mutex::new(BTreeMap::new());

/// Panics where the document knows the address and the method, and not this answer.
pub fn conforms(method: &Method, address: &str, status: StatusCode, kind: &str, text: &str) {
    // `HEAD` is `GET` without the body, unless it is described by itself.
    let methods = [method.as_str(), if *method == Method::HEAD { "GET" } else { "" }];
    let path = address.split('?').next().unwrap();
    let Some((path, operation)) = methods.iter().find_map(|method| operation(&method.to_lowercase(), path))
    else {
        let ours = path.starts_with("/api/") && !path.starts_with("/api/docs");
        assert!(!ours || status.as_u16() >= 400, "the document does not know {method} {path}: {status}");
        return;
    };
    let what = format!("{method} {path}: {status} {text}");
    let Some(response) = operation["responses"].get(status.as_str()) else {
        panic!("the document has no such status: {what}");
    };
    let (response, place) = match response["$ref"].as_str() {
        Some(place) => (DOCUMENT.pointer(place.trim_start_matches('#')).expect(place), place.to_owned()),
        None => (response, format!("{method} {path} {status}")),
    };
    let Some(content) = response["content"].as_object().filter(|_| *method != Method::HEAD) else {
        assert_eq!(text, "", "the document has no body here: {what}");
        return;
    };
    let described = content.get(kind).unwrap_or_else(|| panic!("the document has no {kind} here: {what}"));
    if kind == "application/json" {
        let body: Value = serde_json::from_str(text).unwrap();
        let errors = misfits(&place, &described["schema"], &body);
        assert!(errors.is_empty(), "{errors:?}: {what}");
    }
}

/// What of `value` does not fit the schema, which is in this place of the document.
pub fn misfits(place: &str, schema: &Value, value: &Value) -> Vec<String> {
    let validator = validator(place, schema);
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The operation that answers at this address. An address of its own goes before one with a variable part.
fn operation(method: &str, address: &str) -> Option<(&'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let found = paths.get_key_value(address).or_else(|| {
        paths.iter().find(|(path, _)| {
            let variable = path.split_once('{').map(|(start, _)| start);
            variable.and_then(|start| address.strip_prefix(start)).is_some_and(|rest| !rest.contains('/'))
        })
    });
    let (path, operations) = found?;
    Some((path, operations.get(method)?))
}

fn validator(place: &str, schema: &Value) -> Arc<Validator> {
    let mut known = VALIDATORS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let made = known.entry(place.to_owned()).or_insert_with(|| {
        let mut schema = schema.clone();
        schema["components"] = json!({ "schemas": DOCUMENT["components"]["schemas"] });
        Arc::new(jsonschema::draft202012::new(&schema).unwrap())
    });
    Arc::clone(made)
}
