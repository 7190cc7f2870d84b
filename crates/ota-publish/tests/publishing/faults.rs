//! Every fault, as a client meets it.

use ota_publish::faults::{Answered, Fault, FaultyServer};
use reqwest::header::{ETAG, RANGE};
use reqwest::{Client, StatusCode};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LENGTH: u64 = (2 << 20) + 17;
const MIB: u64 = 1 << 20;

struct Bed {
    directory: TempDir,
    server: FaultyServer,
    content: Vec<u8>,
    client: Client,
}

/// What a client gets: status, the bytes that came, and whether they came to their end.
#[derive(Debug, PartialEq)]
struct Got {
    status: StatusCode,
    bytes: Vec<u8>,
    whole: bool,
}

impl Bed {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..LENGTH).map(|index| (index * 31 % 251) as u8).collect();
        std::fs::write(directory.path().join("file"), &content).unwrap();
        let server = FaultyServer::start(directory.path()).await.unwrap();
        Self { directory, server, content, client: Client::new() }
    }

    async fn get(&self, from: Option<u64>) -> reqwest::Result<Got> {
        let mut request = self.client.get(self.server.url("/file"));
        if let Some(from) = from {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let mut answer = request.send().await?;
        let mut got = Got { status: answer.status(), bytes: Vec::new(), whole: false };
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => got.bytes.extend_from_slice(&chunk),
                end => {
                    got.whole = end.is_ok();
                    return Ok(got);
                }
            }
        }
    }
}

#[tokio::test]
async fn without_faults_it_is_a_good_server_that_counts() {
    let bed = Bed::new().await;
    let whole = bed.get(None).await.unwrap();
    assert_eq!(whole, Got { status: StatusCode::OK, bytes: bed.content.clone(), whole: true });
    let rest = bed.get(Some(MIB)).await.unwrap();
    assert_eq!(rest.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(rest.bytes, bed.content[MIB as usize..]);
    assert_eq!(bed.get(Some(LENGTH)).await.unwrap().status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(bed.server.requests("file"), 3);
    assert_eq!(bed.server.bytes_sent("file"), 2 * LENGTH - MIB);
    assert_eq!(
        bed.server.answered()[1],
        Answered {
            path: "/file".into(),
            range: Some(format!("bytes={MIB}-")),
            status: 206,
            sent: LENGTH - MIB
        }
    );
    let missing = bed.client.get(bed.server.url("/nothing")).send().await.unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_status_comes_as_often_as_asked_and_only_for_its_path() {
    let bed = Bed::new().await;
    bed.server.inject_times("file", Fault::Status(500), 2);
    bed.server.inject("metadata", Fault::Status(404));
    for status in [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::OK] {
        assert_eq!(bed.get(None).await.unwrap().status, status);
    }
    bed.server.inject("file", Fault::Status(404));
    assert_eq!(bed.get(None).await.unwrap().status, StatusCode::NOT_FOUND);
    bed.server.clear();
    assert_eq!(bed.get(None).await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn connections_are_cut_at_exactly_the_byte_and_a_resumed_one_gets_past_it() {
    for cut in [1 << 10, MIB, LENGTH - 1] {
        let bed = Bed::new().await;
        bed.server.inject("file", Fault::CutAt(cut));
        let first = bed.get(None).await.unwrap();
        assert_eq!((first.bytes.len() as u64, first.whole), (cut, false));
        let rest = bed.get(Some(cut)).await.unwrap();
        assert!(rest.whole);
        assert_eq!([first.bytes, rest.bytes].concat(), bed.content);
        assert_eq!(bed.server.bytes_sent("file"), LENGTH);
    }
}

#[tokio::test]
async fn cuts_of_every_answer_come_k_times() {
    let bed = Bed::new().await;
    bed.server.inject_times("file", Fault::CutAfter(1 << 10), 3);
    let mut offset = 0;
    for _ in 0..3 {
        let got = bed.get(Some(offset)).await.unwrap();
        assert_eq!((got.bytes.len(), got.whole), (1 << 10, false));
        offset += 1 << 10;
    }
    assert!(bed.get(Some(offset)).await.unwrap().whole);
}

#[tokio::test]
async fn a_reset_or_stopped_server_answers_nothing_and_comes_back() {
    let bed = Bed::new().await;
    bed.server.inject_times("file", Fault::Reset, 1);
    assert!(bed.get(None).await.is_err());
    assert_eq!(bed.server.answered()[0].status, 0);
    let address = bed.server.address();
    bed.server.stop().await;
    let url = format!("http://{address}/file");
    assert!(bed.client.get(&url).send().await.unwrap_err().is_connect());
    let again = FaultyServer::start_on(bed.directory.path(), address).await.unwrap();
    assert_eq!(bed.client.get(&url).send().await.unwrap().status(), StatusCode::OK);
    again.stop().await;
}

#[tokio::test]
async fn wrong_content_is_shorter_flipped_or_other() {
    let bed = Bed::new().await;
    bed.server.inject_times("file", Fault::Truncate(MIB), 1);
    let short = bed.get(None).await.unwrap();
    assert_eq!((short.bytes.len() as u64, short.whole), (MIB, true));
    bed.server.inject_times("file", Fault::Flip(MIB + 5), 1);
    let mut flipped = bed.content.clone();
    flipped[MIB as usize + 5] ^= 0xff;
    assert_eq!(bed.get(None).await.unwrap().bytes, flipped);
    bed.server.inject_times("file", Fault::Flip(MIB + 5), 1);
    assert_eq!(bed.get(Some(MIB)).await.unwrap().bytes, flipped[MIB as usize..], "offsets are the file's");
    bed.server.inject_times("file", Fault::Replace(b"other".to_vec()), 1);
    assert_eq!(bed.get(None).await.unwrap().bytes, b"other");
    assert_eq!(bed.get(None).await.unwrap().bytes, bed.content);
}

#[tokio::test]
async fn ranges_may_be_ignored_and_entity_tags_change() {
    let bed = Bed::new().await;
    bed.server.inject_times("file", Fault::IgnoreRange, 1);
    let got = bed.get(Some(MIB)).await.unwrap();
    assert_eq!((got.status, got.bytes.len() as u64), (StatusCode::OK, LENGTH));
    bed.server.inject("file", Fault::NewEntityTag);
    let mut tags = Vec::new();
    for _ in 0..2 {
        let head = bed.client.head(bed.server.url("/file")).send().await.unwrap();
        tags.push(head.headers()[ETAG].clone());
    }
    assert_ne!(tags[0], tags[1]);
}

#[tokio::test]
async fn a_stalled_answer_stays_open_and_silent() {
    let bed = Bed::new().await;
    bed.server.inject("file", Fault::Stall(1 << 10));
    let mut answer = bed.client.get(bed.server.url("/file")).send().await.unwrap();
    let mut received = 0;
    while received < 1 << 10 {
        received += answer.chunk().await.unwrap().unwrap().len();
    }
    let silent = tokio::time::timeout(Duration::from_millis(200), answer.chunk()).await;
    assert!(silent.is_err(), "nothing more comes and nothing ends");
}

#[tokio::test]
async fn a_throttled_answer_takes_its_time() {
    let bed = Bed::new().await;
    bed.server.inject("file", Fault::Throttle(4 * MIB));
    let start = Instant::now();
    assert!(bed.get(None).await.unwrap().whole);
    assert!(start.elapsed() >= Duration::from_millis(400), "2 MiB at 4 MiB/s: {:?}", start.elapsed());
}

#[tokio::test]
async fn files_outside_the_directory_are_never_served() {
    let bed = Bed::new().await;
    std::fs::create_dir(bed.directory.path().join("inner")).unwrap();
    bed.server.serve_from(&bed.directory.path().join("inner"));
    assert_eq!(bed.get(None).await.unwrap().status, StatusCode::NOT_FOUND);
    let mut stream = tokio::net::TcpStream::connect(bed.server.address()).await.unwrap();
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    stream.write_all(b"GET /../file HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}
