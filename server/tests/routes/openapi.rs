//! The document of the interface says what the router serves and what `docs/api.md` says.

use crate::support::{GATEWAY, Gateway, conforms, misfits};
use app::api::{GetAudit, GetLogs, GetProgress};
use http::Method;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const DOCUMENT: &str = "/api/openapi.json";
const DOCS: &str = "/api/docs/";
/// What is served beside the server functions.
const NATIVE: [(&str, &str); 18] = [
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/logout"),
    ("POST", "/api/v1/auth/setup"),
    ("GET", "/api/v1/ota/debug/download/{file}"),
    ("GET", "/api/v1/ota/audit/export"),
    ("POST", "/api/v1/ota/upload/verify"),
    ("POST", "/api/v1/ota/upload/files"),
    ("OPTIONS", "/api/v1/ota/upload/files"),
    ("HEAD", "/api/v1/ota/upload/files/{id}"),
    ("PATCH", "/api/v1/ota/upload/files/{id}"),
    ("DELETE", "/api/v1/ota/upload/files/{id}"),
    ("OPTIONS", "/api/v1/ota/upload/files/{id}"),
    ("POST", "/api/v1/ota/recovery/upload"),
    ("GET", "/api/v1/ota/ws"),
    ("GET", "/api/v1/ota/events"),
    ("GET", DOCUMENT),
    // A page.
    ("GET", "/api/docs"),
    ("GET", "/api/docs/{file}"),
];

pub type Operations = BTreeSet<(String, String)>;

fn document() -> Value {
    server::openapi::document(GATEWAY)
}

/// Each operation with its method and path.
fn operations(document: &Value) -> BTreeMap<(String, String), Value> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, operation)| ((method.to_uppercase(), path.clone()), operation))
    };
    paths.iter().flat_map(of_path).collect()
}

pub fn documented() -> Operations {
    operations(&document()).into_keys().collect()
}

#[test]
fn the_document_is_as_it_was_seen_last() {
    insta::assert_json_snapshot!(document());
}

#[test]
fn the_document_has_the_routes_of_the_router_and_no_others() {
    let functions =
        server_fn::axum::server_fn_paths().map(|(path, method)| (method.to_string(), path.to_owned()));
    let native = NATIVE.into_iter().filter(|(_, path)| !path.starts_with("/api/docs"));
    let native = native.map(|(method, path)| (method.to_owned(), path.to_owned()));
    let served: Operations = functions.chain(native).collect();
    assert_eq!(documented(), served);
}

#[tokio::test]
async fn each_address_knows_the_documented_methods_and_no_others() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    let mut methods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (method, path) in documented() {
        let of_path = methods.entry(path).or_default();
        if method == "GET" {
            of_path.insert("HEAD".to_owned());
        }
        of_path.insert(method);
    }
    for (path, documented) in methods {
        let address = path.replace("{file}", "x.tar.gz").replace("{id}", &"0".repeat(32));
        let call = gateway.call(Method::PUT, &address).bearer(&token).gateway(GATEWAY);
        let answer = call.header("tus-resumable", "1.0.0").send().await;
        answer.failure(405, "METHOD_NOT_ALLOWED");
        let allowed: BTreeSet<_> = answer.header("allow").split(',').map(str::to_owned).collect();
        assert_eq!(allowed, documented, "{path}");
    }
}

#[test]
fn every_address_with_a_name_is_served() {
    let names = include_str!("../../../crates/ota-api/src/routes.rs");
    let addresses: Vec<_> = names
        .lines()
        .filter(|line| line.starts_with("pub const"))
        .filter_map(|line| line.split('"').nth(1))
        .filter(|address| address.starts_with("/api/") && *address != "/api/v1/ota")
        .collect();
    assert!(addresses.len() > 10, "{addresses:?}");
    let served: BTreeSet<_> = documented()
        .into_iter()
        .map(|(_, path)| path)
        .chain(NATIVE.map(|(_, path)| path.to_owned()))
        .collect();
    for address in addresses {
        assert!(served.iter().any(|path| path.trim_end_matches("{file}") == address), "{address}");
    }
}

/// Method, path and role of each route that `docs/api.md` lists.
fn listed() -> BTreeSet<(String, String, String)> {
    let text = include_str!("../../../docs/api.md");
    let table = text.split("\n## Routes\n").nth(1).unwrap().trim_start().split("\n\n").next().unwrap();
    let mut listed = BTreeSet::new();
    for row in table.lines().skip(2) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let role = match cells[2] {
            "–" | "claim token" => "",
            "any" => "viewer",
            other => other.split([',', ' ', ';']).next().unwrap(),
        };
        let mut methods = Vec::new();
        for code in cells[1].split('`').skip(1).step_by(2) {
            let mut words = code.split(' ');
            methods.push(words.next().unwrap().to_owned());
            let Some(path) = words.next() else { continue };
            let path = path.split('?').next().unwrap().replace("FILE", "{file}").replace("ID", "{id}");
            let path = if path.starts_with('/') { path } else { format!("/api/v1/ota/{path}") };
            listed.extend(methods.drain(..).map(|method| (method, path.clone(), role.to_owned())));
        }
    }
    listed
}

#[test]
fn the_document_and_the_manual_list_the_same_routes_for_the_same_roles() {
    let document = document();
    let role = |operation: &Value| operation["x-role"].as_str().unwrap_or_default().to_owned();
    let documented: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|((method, path), operation)| (method, path, role(&operation)))
        .collect();
    assert_eq!(documented, listed());
}

#[test]
fn every_operation_says_all_that_a_client_has_to_know() {
    let document = document();
    let mut ids = BTreeSet::new();
    for ((method, path), operation) in operations(&document) {
        let what = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].to_string()), "{what}");
        for member in ["summary", "description"] {
            assert!(operation[member].as_str().is_some_and(|text| text.len() > 8), "{what}: {member}");
        }
        let responses = operation["responses"].as_object().unwrap();
        let (successes, failures): (Vec<_>, Vec<_>) =
            responses.iter().partition(|(status, _)| status.as_str() < "400");
        assert_eq!(successes.len(), 1, "{what}");
        assert!(!failures.is_empty(), "{what}");
        let examples = successes.iter().map(|(_, response)| &response["content"]["application/json"]);
        for content in examples.chain([&operation["requestBody"]["content"]["application/json"]]) {
            // The document does not show itself.
            assert!(
                content.is_null() || !content["example"].is_null() || path == DOCUMENT,
                "{what}: {content}"
            );
        }
        for (status, response) in failures.into_iter().filter(|_| method != "HEAD") {
            let examples = referenced(&document, response)["content"]["application/json"]["examples"]
                .as_object()
                .unwrap();
            for example in examples.values() {
                let example = referenced(&document, example);
                let error: ota_api::ApiError = serde_json::from_value(example["value"].clone()).unwrap();
                assert_eq!(error.status().to_string(), *status, "{what}");
            }
        }
    }
}

#[test]
fn examples_fit_what_they_are_examples_of() {
    let document = document();
    for ((method, path), operation) in operations(&document) {
        let what = format!("{method} {path}");
        let request = &operation["requestBody"]["content"]["application/json"];
        if !request.is_null() {
            let errors = misfits(&what, &request["schema"], &request["example"]);
            assert!(errors.is_empty(), "{what}: {errors:?}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let failure = response.get("$ref").map(|_| referenced(&document, response));
            let content = &failure.unwrap_or(response)["content"]["application/json"];
            let listed = content["examples"].as_object().into_iter().flat_map(|all| all.values());
            let listed = listed.map(|example| &referenced(&document, example)["value"]);
            for example in listed.chain(content.get("example")) {
                let status = status.parse().unwrap();
                conforms(&method.parse().unwrap(), &path, status, "application/json", &example.to_string());
            }
        }
    }
}

/// What a `$ref` names.
fn referenced<'a>(document: &'a Value, reference: &Value) -> &'a Value {
    let place = reference["$ref"].as_str().unwrap().trim_start_matches('#');
    document.pointer(place).unwrap_or_else(|| panic!("{place} leads nowhere"))
}

#[test]
fn an_answer_that_the_document_does_not_have_is_found() {
    let found = |status: u16, kind: &str, text: &str| {
        let status = http::StatusCode::from_u16(status).unwrap();
        let check = || conforms(&Method::POST, "/api/v1/ota/snapshot/delete", status, kind, text);
        std::panic::catch_unwind(check).is_err()
    };
    let said = json!({ "data": { "snapshot_id": "snap-001", "status": "deleted" }, "success": true, "message": "Gone" });
    let json = "application/json";
    assert!(!found(200, json, &said.to_string()));
    assert!(found(202, json, &said.to_string()), "a status");
    assert!(found(200, "text/html", &said.to_string()), "a type");
    assert!(found(200, json, &said["data"].to_string()), "a body without its envelope");
    let mut retyped = said.clone();
    retyped["data"]["snapshot_id"] = json!(1);
    assert!(found(200, json, &retyped.to_string()), "a member of another type");
    let refused = |code: &str| {
        let error = json!({ "code": code, "details": null, "request_id": null });
        json!({ "data": null, "success": false, "message": "No", "error": error }).to_string()
    };
    assert!(!found(409, json, &refused("OTA_OPERATION_IN_PROGRESS")));
    assert!(found(409, json, &refused("OTA_INSTALL_FAILED")), "a code of another route");
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(key, value)| match value {
                Value::String(place) if key == "$ref" => drop(found.insert(place.clone())),
                value => references(value, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    let named = |kind: &'static str| {
        let components = document["components"][kind].as_object().unwrap();
        components.keys().map(move |name| format!("#/components/{kind}/{name}"))
    };
    let there: BTreeSet<_> = ["schemas", "examples", "responses"].into_iter().flat_map(named).collect();
    assert_eq!(found, there, "what is described is used, and what is used is described");
}

#[test]
fn requests_are_described_as_strictly_as_they_are_read() {
    let document = document();
    for ((method, path), operation) in operations(&document) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        let schema = referenced(&document, schema);
        assert_eq!(schema["additionalProperties"], false, "{method} {path}: {schema}");
    }
}

/// The example of a body, with null for each member that may be null.
fn with_nulls(document: &Value, schema: &Value, example: &mut Value) -> usize {
    let schema = if schema["$ref"].is_null() { schema } else { referenced(document, schema) };
    let mut count = 0;
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let types = member["type"].as_array().into_iter().flatten();
        let mut choices = member["oneOf"].as_array().into_iter().flatten();
        if types.chain(choices.clone().map(|choice| &choice["type"])).any(|kind| kind == "null") {
            // What may be an object or null is shown as an object, with nulls inside.
            let inner = choices.find(|choice| !choice["$ref"].is_null());
            let inside = inner.filter(|_| example[name].is_object());
            count += 1;
            match inside {
                Some(inner) => count += with_nulls(document, inner, &mut example[name]),
                None => example[name] = Value::Null,
            }
        }
    }
    count
}

#[tokio::test]
async fn what_may_be_null_may_be_sent_as_null() {
    let document = document();
    let mut count = 0;
    for ((method, path), operation) in operations(&document) {
        let body = &operation["requestBody"]["content"]["application/json"];
        let mut example = body["example"].clone();
        let nulls = if body.is_null() { 0 } else { with_nulls(&document, &body["schema"], &mut example) };
        if nulls == 0 {
            continue;
        }
        count += nulls;
        let gateway = Gateway::ready().await;
        let token = gateway.token("admin").await;
        let call = gateway.call(method.parse().unwrap(), &path).bearer(&token).gateway(GATEWAY);
        let answer = call.json(&example).send().await;
        let said = answer.body()["message"].as_str().unwrap().to_owned();
        let understood = !said.contains("does not exist here") && !said.contains("cannot be used");
        assert!(understood, "{method} {path} {example}: {said}");
    }
    assert!(count > 12, "{count} members");
}

#[test]
fn queries_are_described_as_they_are_read() {
    fn members(arguments: impl Serialize) -> BTreeSet<String> {
        serde_json::to_value(arguments).unwrap().as_object().unwrap().keys().cloned().collect()
    }
    let document = document();
    for (name, arguments) in [
        ("progress", members(GetProgress { job_id: None, snapshot_id: None })),
        ("logs", members(GetLogs { limit: None, level: None, since: None, before: None })),
        ("audit", members(GetAudit { limit: None, before: None, action: None, actor: None, outcome: None })),
    ] {
        let parameters =
            document["paths"][format!("/api/v1/ota/{name}")]["get"]["parameters"].as_array().unwrap();
        let queries = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let described: BTreeSet<_> =
            queries.map(|query| query["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(described, arguments, "{name}");
    }
}

#[tokio::test]
async fn the_document_is_for_everybody_who_is_logged_in() {
    let gateway = Gateway::ready().await;
    gateway.get(DOCUMENT).send().await.failure(401, "UNAUTHORIZED");
    let token = gateway.token("viewer").await;
    let answer = gateway.get(DOCUMENT).bearer(&token).send().await;
    assert_eq!((answer.status.as_u16(), &answer.body()), (200, &document()));
    gateway.get(DOCUMENT).bearer(&token).gateway("GW-X").send().await.failure(404, "GATEWAY_NOT_FOUND");
}

#[tokio::test]
async fn people_read_it_in_the_browser_once_they_are_logged_in() {
    let gateway = Gateway::ready().await;
    let stranger = gateway.get(DOCS).send().await;
    assert_eq!((stranger.status.as_u16(), stranger.header("location")), (302, "/login"));
    gateway.get("/api/docs/swagger-ui.css").send().await.failure(401, "UNAUTHORIZED");
    assert_eq!(gateway.get("/api/docs").send().await.header("location"), DOCS);

    let token = gateway.token("viewer").await;
    let get = async |path: &str| gateway.get(path).cookie(&token).send().await;
    let index = get(DOCS).await;
    assert_eq!((index.status.as_u16(), index.header("content-type")), (200, "text/html"));
    let policy = index.header("content-security-policy");
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    for (file, kind) in [("swagger-ui-bundle.js", "text/javascript"), ("swagger-ui.css", "text/css")] {
        let answer = get(&format!("{DOCS}{file}")).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, kind));
    }
    let start = get(&format!("{DOCS}swagger-initializer.js")).await;
    assert!(start.text.contains(DOCUMENT) && !start.text.contains("petstore"), "{}", start.text);
    get(&format!("{DOCS}nothing.js")).await.failure(404, "NOT_FOUND");
    gateway.post(DOCS).cookie(&token).send().await.failure(405, "METHOD_NOT_ALLOWED");
}
