use super::contract;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// A request on its way to the router.
pub struct Call {
    router: axum::Router,
    request: http::request::Builder,
    body: Body,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Call {
    pub fn new(router: axum::Router, method: Method, path: &str) -> Self {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:3000");
        Self { router, request, body: Body::empty() }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn cookie(self, token: &str) -> Self {
        self.header("cookie", &format!("session_token={token}"))
    }

    pub fn gateway(self, id: &str) -> Self {
        self.header("x-gateway-id", id)
    }

    /// As if it came from this address and port.
    pub fn from(mut self, peer: &str) -> Self {
        let peer: std::net::SocketAddr = peer.parse().unwrap();
        self.request = self.request.extension(axum::extract::ConnectInfo(peer));
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    pub fn raw(mut self, kind: &str, body: impl Into<Body>) -> Self {
        self = self.header("content-type", kind);
        self.body = body.into();
        self
    }

    pub async fn send(self) -> Answer {
        let request = self.request.body(self.body).unwrap();
        let (method, address) = (request.method().clone(), request.uri().to_string());
        let response = self.router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let answer = Answer { status: parts.status, headers: parts.headers, text };
        contract::conforms(&method, &address, answer.status, answer.header("content-type"), &answer.text);
        answer
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body, which must be JSON.
    pub fn body(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The data of a success with this message.
    pub fn data(&self, message: &str) -> Value {
        let body = self.body();
        assert_eq!((self.status.as_u16(), &body["success"]), (200, &Value::Bool(true)), "{self:?}");
        assert_eq!(body["message"], message);
        body["data"].clone()
    }

    /// The sentence and the details of a failure with this status and code.
    pub fn failure(&self, status: u16, code: &str) -> (String, Value) {
        let body = self.body();
        let error = &body["error"];
        assert_eq!((self.status.as_u16(), &error["code"]), (status, &Value::from(code)), "{self:?}");
        assert_eq!((&body["data"], &body["success"]), (&Value::Null, &Value::Bool(false)));
        assert_eq!(error["request_id"], self.header("x-request-id"), "{self:?}");
        assert!(!self.headers.contains_key("serverfnerror"));
        (body["message"].as_str().unwrap().to_owned(), error["details"].clone())
    }
}
