//! HTTP/1.1 on one connection: a request is read, an answer is written, the connection is closed.

use super::Shared;
use super::plan::{Ending, Part, Plan};
use std::io::{self, Cursor, SeekFrom};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest head of a request, bytes.
const LONGEST_HEAD: usize = 16 << 10;
/// Bytes that are read and sent at once.
const CHUNK: usize = 64 << 10;

struct Head {
    method: String,
    path: String,
    range: Option<String>,
    if_range: Option<String>,
}

trait Content: AsyncRead + AsyncSeek + Unpin + Send {}
impl<T: AsyncRead + AsyncSeek + Unpin + Send> Content for T {}

pub(super) async fn answer(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let Some(head) = read_head(&mut stream).await? else { return Ok(()) };
    let number = shared.begin(&head.path, head.range.as_deref());
    let file = open(&shared.directory(), &head.path).await?;
    let (length, modified) = file.as_ref().map_or((0, 0), |(_, length, modified)| (*length, *modified));
    let mut plan = Plan::new(head.range.as_deref(), length);
    shared.apply_rules(&head.path, &mut plan);
    if plan.reset {
        // With nothing lingering, closing sends a reset instead of an orderly end.
        stream.set_zero_linger()?;
        return Ok(());
    }
    let content: Box<dyn Content> = match (plan.replacement.take(), file) {
        (Some(bytes), _) => Box::new(Cursor::new(bytes)),
        (None, Some((file, ..))) => Box::new(file),
        (None, None) => return refuse(&mut stream, shared, number, plan.status.unwrap_or(404)).await,
    };
    if let Some(status) = plan.status {
        return refuse(&mut stream, shared, number, status).await;
    }
    let tag = if plan.new_entity_tag {
        format!("\"changed-{number}\"")
    } else {
        format!("\"{modified:x}-{length:x}\"")
    };
    if head.if_range.is_some_and(|condition| condition != tag) {
        plan.ignore_range();
    }
    let (status, body) = status_and_body(&plan);
    shared.status(number, status);
    stream.write_all(response_head(&plan, status, &body, &tag).as_bytes()).await?;
    if head.method != "HEAD" {
        send(&mut stream, content, &plan, body, shared, number).await?;
    }
    stream.shutdown().await
}

fn status_and_body(plan: &Plan) -> (u16, Range<u64>) {
    match plan.part() {
        Part::Whole => (200, 0..plan.length),
        Part::Some(range) => (206, range),
        Part::Unsatisfiable => (416, 0..0),
    }
}

fn response_head(plan: &Plan, status: u16, body: &Range<u64>, tag: &str) -> String {
    let range = match status {
        206 => format!("Content-Range: bytes {}-{}/{}\r\n", body.start, body.end - 1, plan.length),
        416 => format!("Content-Range: bytes */{}\r\n", plan.length),
        _ => String::new(),
    };
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Length: {length}\r\n{range}ETag: {tag}\r\nAccept-Ranges: bytes\r\n\
         Content-Type: application/octet-stream\r\nConnection: close\r\n\r\n",
        reason = reason(status),
        length = body.end - body.start,
    )
}

fn reason(status: u16) -> &'static str {
    axum::http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or("Status")
}

async fn refuse(stream: &mut TcpStream, shared: &Shared, number: usize, status: u16) -> io::Result<()> {
    shared.status(number, status);
    let head =
        format!("HTTP/1.1 {status} {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", reason(status));
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await
}

async fn send(
    stream: &mut TcpStream,
    mut content: Box<dyn Content>,
    plan: &Plan,
    body: Range<u64>,
    shared: &Shared,
    number: usize,
) -> io::Result<()> {
    let whole = body.end - body.start;
    let end = match plan.ending {
        Ending::Whole => body.end,
        Ending::Cut(count) | Ending::Stall(count) => body.start + count.min(whole),
    };
    content.seek(SeekFrom::Start(body.start)).await?;
    let mut buffer = vec![0; CHUNK];
    let mut offset = body.start;
    while offset < end {
        let wanted = chunk_length(plan, end - offset);
        let chunk = buffer.get_mut(..wanted).ok_or(io::ErrorKind::InvalidInput)?;
        let count = content.read(chunk).await?;
        let chunk =
            chunk.get_mut(..count).filter(|chunk| !chunk.is_empty()).ok_or(io::ErrorKind::UnexpectedEof)?;
        flip(chunk, offset, &plan.flips);
        stream.write_all(chunk).await?;
        offset += count as u64;
        shared.sent(number, count as u64);
        if let Some(speed) = plan.bytes_per_second {
            tokio::time::sleep(Duration::from_secs_f64(count as f64 / speed as f64)).await;
        }
    }
    if matches!(plan.ending, Ending::Stall(_)) && end < body.end {
        stream.flush().await?;
        // Until the client goes away, or the server stops and this task with it.
        return stream.read(&mut [0]).await.map(|_| ());
    }
    Ok(())
}

/// A throttled answer goes out in small pieces, twenty a second, so that it flows instead of jumping.
fn chunk_length(plan: &Plan, left: u64) -> usize {
    let most = plan.bytes_per_second.map_or(CHUNK as u64, |speed| (speed / 20).clamp(1, CHUNK as u64));
    usize::try_from(left.min(most)).unwrap_or(CHUNK)
}

fn flip(chunk: &mut [u8], offset: u64, flips: &[u64]) {
    for flip in flips {
        let index = flip.checked_sub(offset).and_then(|index| usize::try_from(index).ok());
        if let Some(byte) = index.and_then(|index| chunk.get_mut(index)) {
            *byte = !*byte;
        }
    }
}

/// The file, its length and the time of its last change in nanoseconds; none when there is no such file.
async fn open(directory: &Path, path: &str) -> io::Result<Option<(File, u64, u128)>> {
    let relative = PathBuf::from(path.split('?').next().unwrap_or_default().trim_start_matches('/'));
    if !relative.components().all(|component| matches!(component, Component::Normal(_))) {
        return Ok(None);
    }
    let Ok(file) = File::open(directory.join(relative)).await else { return Ok(None) };
    let metadata = file.metadata().await?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Ok(Some((file, metadata.len(), modified)))
}

/// Reads up to the empty line; none when the client closed before it or sent something else.
async fn read_head(stream: &mut TcpStream) -> io::Result<Option<Head>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if bytes.len() >= LONGEST_HEAD {
            return Ok(None);
        }
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&byte);
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let header = |name: &str| {
        let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    };
    Ok(Some(Head {
        method: method.to_owned(),
        path: path.to_owned(),
        range: header("range"),
        if_range: header("if-range"),
    }))
}
