//! Connections themselves: slow clients, full houses, TLS, the end of the service.

use crate::support::{GATEWAY, Gateway};
use server::serve::{Limits, serve};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

struct House {
    address: String,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

async fn house(gateway: &Gateway, limits: Limits) -> House {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = CancellationToken::new();
    let served = tokio::spawn(serve(listener, gateway.router.clone(), None, limits, stop.clone()));
    House { address, stop, served }
}

fn impatient() -> Limits {
    Limits { header_read: Duration::from_millis(300), drain: Duration::from_secs(2), ..Limits::default() }
}

/// Reads until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut text)).await;
    read.expect("the connection is closed").ok();
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn clients_that_never_finish_their_request_are_dropped() {
    let gateway = Gateway::ready().await;
    let house = house(&gateway, impatient()).await;
    for start in ["", "P", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let mut stream = TcpStream::connect(&house.address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(!answer.contains("200 OK"), "{start:?}: {answer}");
    }
    let mut idle = TcpStream::connect(&house.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(rest(&mut idle).await.contains("200 OK"), "answered, then dropped when it stays idle");
}

#[tokio::test]
async fn who_finds_no_room_waits_for_it() {
    let gateway = Gateway::ready().await;
    let house = house(&gateway, Limits { connections: 1, ..impatient() }).await;
    let _sitting = TcpStream::connect(&house.address).await.unwrap();
    let mut waiting = TcpStream::connect(&house.address).await.unwrap();
    waiting.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut waiting).await.contains("200 OK"));
}

#[tokio::test]
async fn the_end_of_the_service_does_not_wait_for_idle_clients() {
    let gateway = Gateway::ready().await;
    let house = house(&gateway, Limits { drain: Duration::from_secs(3), ..Limits::default() }).await;
    let mut idle = TcpStream::connect(&house.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0u8; 12];
    idle.read_exact(&mut first).await.unwrap();
    let began = Instant::now();
    house.stop.cancel();
    house.served.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(TcpStream::connect(&house.address).await.is_err());
}

/// A certificate for `localhost` and its key, made by `openssl`.
fn certificate(directory: &std::path::Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (certificate, key) = (directory.join("tls.pem"), directory.join("tls.key"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        // Our own client takes an authority's certificate for nobody but the authority.
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (certificate, key)
}

#[tokio::test]
async fn under_tls_both_http_versions_are_spoken() {
    let gateway = Gateway::with(|options| options.tls = true).await;
    let (certificate, key) = certificate(gateway.directory.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/healthz", listener.local_addr().unwrap());
    let (acceptor, stop) = (server::tls::acceptor(&certificate, &key).unwrap(), CancellationToken::new());
    let served =
        tokio::spawn(serve(listener, gateway.router.clone(), Some(acceptor), impatient(), stop.clone()));
    let versions = |curl: &'static str| {
        let (url, file) = (url.clone(), certificate.clone());
        tokio::task::spawn_blocking(move || {
            let output = std::process::Command::new("curl")
                .args(["-sS", curl, "--max-time", "10", "-w", "%{http_version}", "--cacert"])
                .arg(file)
                .arg(url)
                .output()
                .unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
        })
    };
    assert_eq!(versions("--http1.1").await.unwrap(), "ok\n1.1");
    assert_eq!(versions("--http2").await.unwrap(), "ok\n2");
    let (token, url) = (gateway.token("viewer").await, url.replace("/healthz", ""));
    let status = async |trusted: &std::path::Path| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_gateway-ota"));
        command.args(["status", "--url", &url, "--gateway", GATEWAY, "--ca"]).arg(trusted);
        command.env("GATEWAY_OTA_TOKEN", &token).output().await.unwrap()
    };
    let told = status(&certificate).await;
    assert!(told.status.success() && String::from_utf8_lossy(&told.stdout).contains("v5.0.4"), "{told:?}");
    let foreign = tempfile::tempdir().unwrap();
    assert_eq!(
        status(&self::certificate(foreign.path()).0).await.status.code(),
        Some(3),
        "it is not trusted"
    );
    stop.cancel();
    served.await.unwrap();
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(directory.path());
    let nothing = directory.path().join("nothing.pem");
    std::fs::write(&nothing, "no certificate").unwrap();
    let told = |certificate: &std::path::Path, key: &std::path::Path| {
        server::tls::acceptor(certificate, key).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(told(&nothing, &key).contains("nothing.pem has no usable certificate"));
    assert!(told(&certificate, &nothing).contains("nothing.pem has no usable private key"));
    assert_eq!(told(&certificate, &key), "");
}
