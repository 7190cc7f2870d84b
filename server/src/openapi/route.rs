//! One operation of the interface: who may, what is sent, and what comes back.

use super::failure::{self, Failure};
use ota_api::{ErrorCode, Reply, auth::Role, routes};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

/// What has to be there before a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// Nothing.
    Open,
    /// A session whose user has at least this role.
    Session(Role),
    /// The same, at the handshake or in the first message.
    Introduction(Role),
}

pub(super) struct Route {
    method: &'static str,
    path: String,
    summary: &'static str,
    description: &'static str,
    gate: Gate,
    gateway_required: bool,
    parameters: Vec<Value>,
    body: Value,
    successes: Map<String, Value>,
    failures: Vec<Failure>,
    schemas: Vec<(String, RefOr<Schema>)>,
}

/// What operations refer to.
pub(super) struct Component {
    /// `schemas`, `examples` or `responses`.
    pub kind: &'static str,
    pub name: String,
    pub value: Value,
}

impl Component {
    /// What refers to it.
    pub fn reference(&self) -> Value {
        json!({ "$ref": format!("#/components/{}/{}", self.kind, self.name) })
    }
}

/// An operation as it is in the document, and what it names.
pub(super) struct Described {
    pub path: String,
    pub method: String,
    pub operation: Value,
    pub components: Vec<Component>,
}

impl Route {
    /// What a viewer may read.
    pub fn read(name: &str, summary: &'static str) -> Self {
        Self::new("get", format!("{}/{name}", routes::BASE), summary)
            .for_role(Role::Viewer)
            .for_this_gateway()
    }

    /// What an operator may order.
    pub fn order(name: &str, summary: &'static str) -> Self {
        Self::new("post", format!("{}/{name}", routes::BASE), summary)
            .for_role(Role::Operator)
            .for_this_gateway()
            .fails([ErrorCode::Forbidden, ErrorCode::OtaInsufficientSpace])
    }

    /// What anybody may ask. `X-Gateway-ID` is checked where it is sent.
    pub fn new(method: &'static str, path: impl Into<String>, summary: &'static str) -> Self {
        let route = Self {
            method,
            path: path.into(),
            summary,
            description: "",
            gate: Gate::Open,
            gateway_required: false,
            parameters: Vec::new(),
            body: Value::Null,
            successes: Map::new(),
            failures: Vec::new(),
            schemas: failure::schemas(),
        };
        route.fails([
            ErrorCode::BadRequest,
            ErrorCode::GatewayNotFound,
            ErrorCode::RequestTimeout,
            ErrorCode::Internal,
        ])
    }

    /// What there is to say beside the summary.
    pub fn about(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// A session, and its user's role.
    pub fn for_role(self, role: Role) -> Self {
        let route = Self { gate: Gate::Session(role), ..self };
        let route = route.fails([ErrorCode::Unauthorized]);
        if role > Role::Viewer { route.fails([ErrorCode::Forbidden]) } else { route }
    }

    /// A session and its user's role, which may also be shown in the first message.
    pub fn for_role_or_later(self, role: Role) -> Self {
        Self { gate: Gate::Introduction(role), ..self }
    }

    /// `X-Gateway-ID` has to be sent.
    pub fn for_this_gateway(self) -> Self {
        Self { gateway_required: true, ..self }.fails([ErrorCode::GatewayIdRequired])
    }

    /// It starts a job: the operation gate and the interlocks are asked.
    pub fn starts_a_job(self) -> Self {
        self.fails([ErrorCode::OtaOperationInProgress, ErrorCode::OtaUpdateBlocked])
    }

    pub fn fails(mut self, codes: impl IntoIterator<Item = ErrorCode>) -> Self {
        codes.into_iter().for_each(|code| self.may(Failure::Code(code)));
        self
    }

    /// Fails with `code` where the request does not fit the state that things are in.
    pub fn conflicts(mut self, code: ErrorCode) -> Self {
        self.may(Failure::Conflict(code));
        self
    }

    /// Asks for a PIN.
    pub fn asks_for_a_pin(mut self) -> Self {
        self.may(Failure::Code(ErrorCode::OtaInvalidPin));
        self.may(Failure::Locked);
        self
    }

    fn may(&mut self, failure: Failure) {
        if !self.failures.contains(&failure) {
            self.failures.push(failure);
        }
    }

    pub fn query(self, name: &str, schema: Value, description: &str) -> Self {
        self.parameter("query", name, false, schema, description)
    }

    pub fn in_path(self, name: &str, schema: Value, description: &str) -> Self {
        self.parameter("path", name, true, schema, description).fails([ErrorCode::NotFound])
    }

    pub fn header(self, name: &str, required: bool, schema: Value, description: &str) -> Self {
        self.parameter("header", name, required, schema, description)
    }

    fn parameter(
        mut self,
        place: &str,
        name: &str,
        required: bool,
        schema: Value,
        description: &str,
    ) -> Self {
        self.parameters.push(json!({
            "in": place, "name": name, "required": required, "schema": schema, "description": description
        }));
        self
    }

    /// The body is a `T` and nothing else.
    pub fn takes<T: ToSchema + Serialize + DeserializeOwned>(mut self, example: Value) -> Self {
        let schema = self.component::<T>();
        self.body = json!({
            "required": true,
            "content": { "application/json": { "schema": schema, "example": shown::<T>(example) } }
        });
        let route =
            self.fails([ErrorCode::Forbidden, ErrorCode::PayloadTooLarge, ErrorCode::UnsupportedMediaType]);
        if route.path.starts_with(routes::BASE) { route.may_be_sent_again() } else { route }
    }

    fn may_be_sent_again(self) -> Self {
        let key = json!({ "type": "string", "pattern": "^[!-~]{1,128}$" });
        self.header("Idempotency-Key", false, key, "Sent again with the same key, it is done once.")
            .fails([ErrorCode::IdempotencyConflict])
            .conflicts(ErrorCode::IdempotencyConflict)
    }

    /// The body is something else than JSON.
    pub fn takes_other(mut self, kind: &str, schema: Value) -> Self {
        self.body = json!({ "required": true, "content": { (kind): { "schema": schema } } });
        self.fails([ErrorCode::PayloadTooLarge, ErrorCode::UnsupportedMediaType])
    }

    /// A success is a `T` in its envelope.
    pub fn answers<T: ToSchema + Serialize + DeserializeOwned>(mut self, example: Value) -> Self {
        let data = self.component::<T>();
        let success = json!({
            "description": "It went well.",
            "content": { "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["data", "success", "message"],
                    "properties": {
                        "data": data,
                        "success": { "type": "boolean", "const": true },
                        "message": { "type": "string", "description": "A sentence for people." }
                    }
                },
                "example": shown::<Reply<T>>(example)
            } }
        });
        self.successes.insert("200".to_owned(), success);
        self
    }

    /// A success of another kind; `response` is an OpenAPI response.
    pub fn answers_other(mut self, status: u16, response: Value) -> Self {
        self.successes.insert(status.to_string(), response);
        self
    }

    /// Something is started, and the answer says where to look what becomes of it.
    pub fn leads_on(self) -> Self {
        self.with_header("Location", json!({ "type": "string" }), "Where to look what becomes of it.")
    }

    /// Headers of the success.
    pub fn with_header(mut self, name: &str, schema: Value, description: &str) -> Self {
        let header = json!({ "schema": schema, "description": description });
        for response in self.successes.values_mut() {
            response["headers"][name] = header.clone();
        }
        self
    }

    fn component<T: ToSchema>(&mut self) -> Value {
        let name = T::name();
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        self.schemas.push((name.into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
        reference
    }

    /// As it is in the document of the gateway with this id.
    pub fn described(self, tag: &str, gateway: &str) -> Described {
        // Without a name it is as if it were not sent.
        let names = if self.gateway_required { vec![gateway] } else { vec![gateway, ""] };
        let mut parameters = vec![json!({
            "in": "header",
            "name": "X-Gateway-ID",
            "required": self.gateway_required,
            "description": "The gateway that the request is meant for.",
            "schema": { "type": "string", "enum": names }
        })];
        parameters.extend(self.parameters);
        let mut by_status: BTreeMap<u16, Vec<Failure>> = BTreeMap::new();
        for failure in self.failures {
            by_status.entry(failure.status()).or_default().push(failure);
        }
        let (mut responses, mut components) = (self.successes, Vec::new());
        for (status, mut failures) in by_status {
            failures.sort_by_key(|failure| failure.name());
            if self.method == "head" {
                // It has no body to say it in.
                let response = json!({ "description": failure::description(&failures) });
                responses.insert(status.to_string(), response);
                continue;
            }
            let (reference, named) = failure::response(status, &failures);
            responses.insert(status.to_string(), reference);
            components.extend(named);
        }
        let (role, security) = match self.gate {
            Gate::Open => (None, json!([])),
            Gate::Session(role) => (Some(role.as_str()), json!([{ "bearer": [] }, { "cookie": [] }])),
            Gate::Introduction(role) => {
                (Some(role.as_str()), json!([{ "bearer": [] }, { "cookie": [] }, {}]))
            }
        };
        let needs =
            role.map_or_else(|| "Needs no session.".to_owned(), |role| format!("Needs the role {role}."));
        let mut operation = json!({
            "operationId": operation_id(self.method, &self.path),
            "tags": [tag],
            "summary": self.summary,
            "description": format!("{}\n\n{needs}", self.description).trim(),
            "x-role": role,
            "security": security,
            "parameters": parameters,
            "responses": responses
        });
        if !self.body.is_null() {
            operation["requestBody"] = self.body;
        }
        components.extend(self.schemas.into_iter().map(|(name, schema)| {
            let mut value = serde_json::to_value(schema).unwrap_or_default();
            drop_null_defaults(&mut value);
            Component { kind: "schemas", name, value }
        }));
        Described { path: self.path, method: self.method.to_owned(), operation, components }
    }
}

/// A member that may be left out is not said to be null by default.
fn drop_null_defaults(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    members.retain(|name, value| name != "default" || !value.is_null());
    members.values_mut().for_each(drop_null_defaults);
}

/// The example as the type says it; null where it is none.
fn shown<T: Serialize + DeserializeOwned>(example: Value) -> Value {
    let read: Option<T> = serde_json::from_value(example).ok();
    read.and_then(|read| serde_json::to_value(read).ok()).unwrap_or_default()
}

/// `post_recovery_rollback`.
fn operation_id(method: &str, path: &str) -> String {
    let name = path.strip_prefix(routes::BASE).or_else(|| path.strip_prefix("/api/")).unwrap_or(path);
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}
