//! A demo gateway whose repository can misbehave and whose process can be killed.

use crate::support::{Site, succeeded};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use ota_publish::{
    faults::FaultyServer,
    keys::Keys,
    release::{Publication, Release},
    repository::Repository,
};
use reqwest::{Body, Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub const ID: &str = "GW-3920A9";
const PASSWORD: &str = "demo-gateway";
const LIMIT: Duration = Duration::from_secs(120);

#[allow(dead_code, reason = "tests and bench each use their part")]
pub struct Gateway {
    pub site: Site,
    /// Serves the repository, as badly as a test asks.
    pub server: FaultyServer,
    pub environment: Vec<(String, String)>,
    address: String,
    process: Option<Child>,
    /// What the program writes to its outputs. Not on the site: its disk may be full.
    log: tempfile::NamedTempFile,
    client: Client,
    token: String,
}

#[allow(dead_code, reason = "tests and bench each use their part")]
impl Gateway {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// `settings` override the configuration: `SECTION__KEY` and value.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let mut gateway = Self::prepare(settings).await;
        gateway.up().await;
        gateway
    }

    /// Everything but the running program.
    pub async fn prepare(settings: &[(&str, &str)]) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let site = Site::with_gateway(&address).await;
        Self::on(site, address, settings).await
    }

    /// A gateway on a prepared site.
    pub async fn on(site: Site, address: String, settings: &[(&str, &str)]) -> Self {
        succeeded(&site.provision());
        for user in ["viewer", "operator"] {
            let added = site.run_with_input(&["user", "add", user, "--role", user], &format!("{PASSWORD}\n"));
            succeeded(&added);
        }
        let server = FaultyServer::start(&site.path("repository")).await.unwrap();
        let mut environment = vec![
            ("REPOSITORY__METADATA_URL".to_owned(), server.url("metadata/")),
            ("REPOSITORY__TARGETS_URL".to_owned(), server.url("targets/")),
            ("SAFETY__CLEAR_FOR_SECONDS".to_owned(), "0".to_owned()),
        ];
        environment.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let client = Client::new();
        let log = tempfile::NamedTempFile::new().unwrap();
        Self { site, server, environment, address, process: None, log, client, token: String::new() }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.site.command(arguments);
        // As the packaged unit does.
        command.env("MALLOC_ARENA_MAX", "2");
        for (key, value) in &self.environment {
            command.env(format!("GATEWAY_OTA__{key}"), value);
        }
        command
    }

    /// Starts the program and waits until it is ready.
    pub async fn up(&mut self) {
        self.up_without_users().await;
        if self.token.is_empty() {
            self.token = self.log_in("operator").await;
        }
    }

    /// The same where nobody can log in.
    pub async fn up_without_users(&mut self) {
        let log = std::fs::File::options().append(true).open(self.log.path()).unwrap();
        let mut command = self.command(&["serve"]);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().unwrap());
        self.ready().await;
    }

    async fn log_in(&self, user: &str) -> String {
        let body = json!({"username": user, "password": PASSWORD});
        let login = self.client.post(format!("http://{}/api/v1/auth/login", self.address));
        let answer = login.header("x-gateway-id", ID).json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["data"]["token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// The session of a new administrator, on a gateway whose override PIN is `pin`.
    pub async fn administrator(&self, pin: &str) -> String {
        let add = ["user", "add", "admin", "--role", "admin"];
        succeeded(&self.site.run_with_input(&add, &format!("{PASSWORD}\n")));
        succeeded(&self.site.run_with_input(&["pin", "set", "override"], &format!("{pin}\n")));
        self.log_in("admin").await
    }

    /// Whether the gateway says that the constraint stands against an update.
    pub async fn is_blocking(&self, constraint: &str) -> bool {
        Self::data(self.get("safety").await)["constraints"][constraint]["blocking"] == true
    }

    pub async fn ready(&self) {
        let url = format!("http://{}/readyz", self.address);
        self.wait_for("the gateway to be ready", async || {
            self.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// Of the program, while it runs.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// SIGKILL: nothing is said goodbye to.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Option<(StatusCode, Value)> {
        self.call_as(&self.token, method, path, body).await
    }

    async fn call_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Option<(StatusCode, Value)> {
        let request = self.client.request(method, format!("http://{}/api/v1/ota/{path}", self.address));
        let request = request.bearer_auth(token).header("x-gateway-id", ID);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.ok()?;
        Some((answer.status(), answer.json().await.ok()?))
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, None).await.expect("the gateway answers")
    }

    pub async fn get_as(&self, token: &str, path: &str) -> (StatusCode, Value) {
        self.call_as(token, Method::GET, path, None).await.expect("the gateway answers")
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, Some(body)).await.expect("the gateway answers")
    }

    pub async fn post_as(&self, token: &str, path: &str, body: Value) -> (StatusCode, Value) {
        self.call_as(token, Method::POST, path, Some(body)).await.expect("the gateway answers")
    }

    /// A request of the operator, to which more is to be said.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("http://{}/api/v1/ota/{path}", self.address));
        request.bearer_auth(&self.token).header("x-gateway-id", ID)
    }

    /// Uploads an image as a form and returns the answer.
    pub async fn upload(&self, name: &str, image: Vec<u8>) -> (StatusCode, Value) {
        self.upload_to("upload/verify", name, image).await
    }

    pub async fn upload_to(&self, path: &str, name: &str, image: Vec<u8>) -> (StatusCode, Value) {
        let [head, end] = frame(name);
        let form = Bytes::from([head.as_bytes(), &image, end.as_bytes()].concat());
        for _ in 0..10 {
            if let Some(answer) = self.upload_form(path, form.clone().into()).await {
                return answer;
            }
        }
        panic!("never an answer to the upload of {name}")
    }

    /// Uploads an image that comes in pieces, of a length that nobody has told. `None` where a refusal was lost with the connection:
    /// it comes while the client still writes.
    pub async fn upload_pieces(
        &self,
        name: &str,
        image: impl Stream<Item = Vec<u8>> + Send + 'static,
    ) -> Option<(StatusCode, Value)> {
        let [head, end] = frame(name).map(|text| stream::iter([text.into_bytes()]));
        let pieces = head.chain(image).chain(end).map(Ok::<_, std::io::Error>);
        self.upload_form("upload/verify", Body::wrap_stream(pieces)).await
    }

    async fn upload_form(&self, path: &str, body: Body) -> Option<(StatusCode, Value)> {
        let url = format!("http://{}/api/v1/ota/{path}", self.address);
        // A refused one is not read to its end, and takes its connection with it.
        let call = Client::new().post(url).header("x-gateway-id", ID).bearer_auth(&self.token);
        let call = call.header("content-type", "multipart/form-data; boundary=B").body(body);
        let answer = call.send().await.ok()?;
        Some((answer.status(), answer.json().await.ok()?))
    }

    /// The data of a success.
    #[track_caller]
    pub fn data((status, body): (StatusCode, Value)) -> Value {
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["success"], true, "{body}");
        body["data"].clone()
    }

    /// Starts a download; with `whole_way` everything after it too.
    pub async fn start_update(&self, id: &str, whole_way: bool) -> String {
        let order = json!({"update_id": id, "install_after": whole_way, "reboot_after": whole_way});
        let data = Self::data(self.post("download", order).await);
        data["job_id"].as_str().unwrap().to_owned()
    }

    /// Asks for the job's progress until `done` likes it. Lost connections are waited out.
    pub async fn job_until(&self, job: &str, what: &str, done: impl Fn(&Value) -> bool) -> Value {
        self.job_until_as(&self.token, job, what, done).await
    }

    async fn job_until_as(&self, token: &str, job: &str, what: &str, done: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + LIMIT;
        let path = format!("progress?job_id={job}");
        let mut last = Value::Null;
        while Instant::now() < end {
            if let Some((StatusCode::OK, body)) = self.call_as(token, Method::GET, &path, None).await {
                last = body["data"].clone();
                if done(&last) {
                    return last;
                }
                assert!(last["ended_at"].is_null(), "ended before {what}: {last}");
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("waited for {what}: {last}\n{}", self.log());
    }

    pub async fn ended(&self, job: &str) -> Value {
        self.job_until(job, "its end", |job| !job["ended_at"].is_null()).await
    }

    pub async fn ended_as(&self, token: &str, job: &str) -> Value {
        self.job_until_as(token, job, "its end", |job| !job["ended_at"].is_null()).await
    }

    pub async fn wait_for(&self, what: &str, yes: impl AsyncFn() -> bool) {
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            if yes().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("waited for {what}\n{}", self.log());
    }

    /// Publishes a release and has the gateway look.
    pub async fn publish(&self, release: &Release) -> Publication {
        let publication = release.publish_unchecked(&self.repository()).await.unwrap();
        Self::data(self.post("check-updates", json!({"force": true, "background": false})).await);
        publication
    }

    pub fn repository(&self) -> Repository {
        let keys = Keys::open(self.site.path("keys")).unwrap();
        Repository::open(self.site.path("repository"), &keys).unwrap()
    }

    /// The boot environment as U-Boot's own tool reads it.
    pub fn boot_environment(&self) -> BTreeMap<String, String> {
        let mut command = Command::new("fw_printenv");
        command.arg("-c").arg(self.site.path("fw_env.config"));
        let text = succeeded(&command.output().unwrap());
        text.lines()
            .filter_map(|line| line.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect()
    }

    /// The slots that the boot loader started, one a line of its log.
    pub fn boots(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.site.path("run/boot.log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    pub fn slot(&self, slot: &str) -> Vec<u8> {
        std::fs::read(self.site.path(&format!("slots/{slot}/rootfs.img"))).unwrap()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap_or_default()
    }

    /// Moves the plant's knobs.
    pub async fn plant(&self, knobs: Value) {
        let answer = self.client.post(self.site.demo.url("plant")).json(&knobs).send().await.unwrap();
        assert!(answer.status().is_success());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            _ = process.kill();
            _ = process.wait();
        }
    }
}

/// What a form has before and after its file.
fn frame(name: &str) -> [String; 2] {
    let head = format!(
        "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    [head, "\r\n--B--\r\n".to_owned()]
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
