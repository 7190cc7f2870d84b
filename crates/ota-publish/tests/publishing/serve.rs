//! Static files over HTTP: parts, conditions, and what is not served.

use ota_publish::serve::Server;
use reqwest::header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use reqwest::{Client, Method, StatusCode};
use tempfile::TempDir;

async fn server() -> (TempDir, Server, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::create_dir(directory.path().join("targets")).unwrap();
    std::fs::write(directory.path().join("targets/file"), &content).unwrap();
    std::fs::write(directory.path().join("targets/.new-file"), "unfinished").unwrap();
    let server = Server::start(directory.path()).await.unwrap();
    (directory, server, content)
}

#[tokio::test]
async fn parts_are_served_and_impossible_ones_refused() {
    let (_directory, server, content) = server().await;
    let client = Client::new();
    let get = |range: &'static str| client.get(server.url("/targets/file")).header(RANGE, range).send();
    let whole = client.get(server.url("/targets/file")).send().await.unwrap();
    assert_eq!((whole.status(), whole.content_length()), (StatusCode::OK, Some(400_000)));
    assert_eq!(whole.bytes().await.unwrap(), content);
    let part = get("bytes=1000-1999").await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()[CONTENT_RANGE], "bytes 1000-1999/400000");
    assert_eq!(part.bytes().await.unwrap(), content[1000..2000]);
    let rest = get("bytes=399999-").await.unwrap();
    assert_eq!(rest.bytes().await.unwrap(), content[399_999..]);
    let beyond = get("bytes=400000-").await.unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.headers()[CONTENT_RANGE], "bytes */400000");
    server.stop().await;
}

#[tokio::test]
async fn a_part_is_sent_only_of_the_file_that_the_client_knows() {
    let (_directory, server, content) = server().await;
    let client = Client::new();
    let url = server.url("/targets/file");
    let tag = client.head(&url).send().await.unwrap().headers().get(ETAG).cloned();
    let ask = |condition| client.get(&url).header(RANGE, "bytes=10-19").header(IF_RANGE, condition).send();
    let other = ask("\"other\"".parse().unwrap()).await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
    assert_eq!(other.bytes().await.unwrap().len(), content.len());
    if let Some(tag) = tag.filter(|tag| !tag.as_bytes().starts_with(b"W/")) {
        assert_eq!(ask(tag).await.unwrap().status(), StatusCode::PARTIAL_CONTENT);
    }
    server.stop().await;
}

#[tokio::test]
async fn only_files_that_are_published_are_served() {
    let (_directory, server, _) = server().await;
    let client = Client::new();
    for path in
        ["/", "/targets/", "/targets/.new-file", "/targets/%2enew-file", "/targets/%2E%2e/x", "/nothing"]
    {
        let answer = client.get(server.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let answer = client.request(Method::POST, server.url("/targets/file")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    server.stop().await;
}

#[tokio::test]
async fn a_stopped_server_frees_its_port_though_clients_keep_connections() {
    let (directory, server, _) = server().await;
    let client = Client::new();
    client.get(server.url("/targets/file")).send().await.unwrap().bytes().await.unwrap();
    let address = server.address();
    server.stop().await;
    assert!(client.get(format!("http://{address}/targets/file")).send().await.is_err());
    let again = ota_publish::serve::listen(address).await.unwrap();
    Server::spawn(again, ota_publish::serve::files(directory.path())).stop().await;
}
