//! Which upload belongs to which file, so that it goes on after the page was loaded again.

use super::exchange::whole;
use web_sys::{File, Storage};

/// One line: the upload, and how its file is recognized.
const KEY: &str = "gateway-ota.upload";

/// The upload that was begun with this file. A browser that keeps nothing remembers nothing.
pub(super) fn recall(file: &File) -> Option<String> {
    let line = storage()?.get_item(KEY).ok()??;
    let (id, known) = line.split_once(' ')?;
    (known == mark(file)).then(|| id.to_owned())
}

pub(super) fn remember(file: &File, id: &str) {
    if let Some(storage) = storage() {
        _ = storage.set_item(KEY, &format!("{id} {}", mark(file)));
    }
}

/// Forgets the upload, where it is the one that is remembered.
pub(super) fn forget(id: &str) {
    let Some(storage) = storage() else { return };
    let line = storage.get_item(KEY).ok().flatten();
    if line.is_some_and(|line| line.starts_with(id)) {
        _ = storage.remove_item(KEY);
    }
}

/// What another file, or another state of the same, hardly shares. What is put together wrongly has no valid signature.
fn mark(file: &File) -> String {
    format!("{} {} {}", whole(file.size()), whole(file.last_modified()), file.name())
}

fn storage() -> Option<Storage> {
    leptos::prelude::window().local_storage().ok()?
}
