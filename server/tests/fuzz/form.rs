//! A form with a file, and the name that the file has in it.

use std::convert::Infallible;

use bytes::Bytes;
use futures::executor::block_on;
use futures::stream;
use multer::Multipart;
use ota_core::file_label;

/// Of the seeds, and of a request that sends one.
pub const BOUNDARY: &str = "B";

/// Takes the form that follows the first byte, which says in how long pieces it comes; and the same in one piece.
pub fn form(bytes: &[u8]) {
    let Some((length, form)) = bytes.split_first() else { return };
    let length = usize::from(*length).max(1);
    let (in_pieces, at_once) = (read(form, length), read(form, form.len().max(1)));
    for (name, content) in &in_pieces.fields {
        label(name);
        assert!(content.len() <= form.len());
    }
    assert_eq!(in_pieces, at_once, "it depends on the network what a form says");
    label(&String::from_utf8_lossy(form));
}

#[derive(Debug, PartialEq)]
struct Read {
    /// File names and contents, of fields that came to their end.
    fields: Vec<(String, Vec<u8>)>,
    whole: bool,
}

fn read(form: &[u8], length: usize) -> Read {
    let pieces: Vec<_> =
        form.chunks(length).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))).collect();
    let mut form = Multipart::new(stream::iter(pieces), BOUNDARY);
    let mut fields = Vec::new();
    let whole = block_on(async {
        while let Some(mut field) = form.next_field().await? {
            let name = field.file_name().unwrap_or_default().to_owned();
            let mut content = Vec::new();
            while let Some(piece) = field.chunk().await? {
                content.extend_from_slice(&piece);
            }
            fields.push((name, content));
        }
        Ok::<_, multer::Error>(())
    });
    Read { fields, whole: whole.is_ok() }
}

/// What is shown of a name is short, plain, and a label already.
fn label(name: &str) {
    let label = file_label(name);
    assert!(!label.is_empty() && label.len() <= 120, "{label:?}");
    assert!(!label.contains(['/', '\\']) && !label.contains(char::is_control), "{label:?}");
    assert!(label.chars().any(|letter| letter != '.'), "{label:?}");
    assert_eq!(file_label(&label), label);
}
