//! An upload in parts over lines that are cut, to a service that is killed.

use crate::gateway::Gateway;
use crate::moments::Moments;
use futures::{StreamExt, stream};
use reqwest::{Body, Method};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{cell::Cell, fs, time::Duration};

/// Bytes that are sent at once, and the pause before the next ones.
const PIECE: usize = 64 << 10;
const PAUSE: Duration = Duration::from_millis(5);

struct Upload<'a> {
    image: &'a [u8],
    /// `upload/files/ID`.
    place: String,
    /// What the gateway has vouched for.
    vouched: Cell<usize>,
}

impl<'a> Upload<'a> {
    async fn begin(gateway: &Gateway, image: &'a [u8]) -> Self {
        let begin = gateway.request(Method::POST, "upload/files").header("tus-resumable", "1.0.0");
        let begun = begin.header("upload-length", image.len()).send().await.unwrap();
        assert_eq!(begun.status().as_u16(), 201, "{begun:?}");
        let place = begun.headers()["location"].to_str().unwrap();
        let place = place.strip_prefix("/api/v1/ota/").unwrap().to_owned();
        Self { image, place, vouched: Cell::new(0) }
    }

    /// Asks how far it is: never less than it was.
    async fn offset(&self, gateway: &Gateway) -> usize {
        let head = gateway.request(Method::HEAD, &self.place).header("tus-resumable", "1.0.0");
        let told = head.send().await.unwrap();
        assert_eq!(told.status().as_u16(), 200, "{told:?}");
        let offset = told.headers()["upload-offset"].to_str().unwrap().parse().unwrap();
        assert!(offset >= self.vouched.get(), "{offset} are there, {} were", self.vouched.get());
        self.vouched.set(offset);
        offset
    }

    async fn watch(&self, gateway: &Gateway) {
        loop {
            self.offset(gateway).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends the rest, slowly.
    async fn send(&self, gateway: &Gateway, offset: usize) -> u16 {
        let pieces: Vec<Vec<u8>> = self.image[offset..].chunks(PIECE).map(<[u8]>::to_vec).collect();
        let pieces = stream::iter(pieces).then(async |piece| {
            tokio::time::sleep(PAUSE).await;
            Ok::<_, std::io::Error>(piece)
        });
        let part = gateway.request(Method::PATCH, &self.place).header("tus-resumable", "1.0.0");
        let part =
            part.header("upload-offset", offset).header("content-type", "application/offset+octet-stream");
        part.body(Body::wrap_stream(pieces)).send().await.map_or(0, |answer| answer.status().as_u16())
    }
}

#[tokio::test]
async fn what_is_cut_and_killed_again_and_again_is_verified_in_the_end() {
    let mut moments = Moments::new("upload");
    let mut gateway = Gateway::start().await;
    let targets = fs::read_dir(gateway.site.path("repository/targets")).unwrap();
    let mut targets = targets.map(|entry| entry.unwrap().path());
    let bundle = targets.find(|path| path.to_string_lossy().contains("5.0.5")).unwrap();
    let image = fs::read(bundle).unwrap();
    let upload = Upload::begin(&gateway, &image).await;
    for round in 0..8 {
        let offset = upload.offset(&gateway).await;
        let pause = moments.within(1200);
        tokio::select! {
            _ = upload.send(&gateway, offset) => {}
            () = upload.watch(&gateway) => {}
            () = tokio::time::sleep(pause) => {}
        }
        // The line is cut now; every second time the service goes, too.
        if round % 2 == 0 {
            gateway.kill();
            gateway.up().await;
        }
    }
    gateway
        .wait_for("the whole image", async || {
            let offset = upload.offset(&gateway).await;
            // While the last writer of a cut line has the file, another one is refused.
            offset == image.len() || upload.send(&gateway, offset).await == 204
        })
        .await;
    let id = upload.place.rsplit('/').next().unwrap();
    let data = Gateway::data(gateway.post("upload/finish", json!({ "upload_id": id })).await);
    let checksum = format!("sha256:{}", hex::encode(Sha256::digest(&image)));
    assert_eq!(data["file"]["checksum"], checksum);
    assert_eq!(data["metadata"]["signed_version"], "v5.0.5");
}
