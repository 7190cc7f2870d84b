//! The kernel's command line: the one place that says which slot runs.

use ota_core::Running;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const KEY: &str = "rauc.slot=";

/// The command line does not say which slot runs. Without that nothing may be written.
#[derive(Debug, thiserror::Error)]
pub enum CmdlineError {
    #[error("cannot read the kernel's command line from {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} has no `rauc.slot=`: the boot script must pass it to the kernel", path.display())]
    Missing { path: PathBuf },
    /// None of the slots, or several.
    #[error("`rauc.slot={found}` in {} does not name one of the slots A, B and R", path.display())]
    Unclear { path: PathBuf, found: String },
}

/// Reads the booted slot from a file such as `/proc/cmdline`.
///
/// # Errors
/// [`CmdlineError`] when the file does not name exactly one slot.
pub fn booted_slot(path: &Path) -> Result<Running, CmdlineError> {
    let text =
        fs::read_to_string(path).map_err(|source| CmdlineError::Read { path: path.to_owned(), source })?;
    let mut names = text.split_ascii_whitespace().filter_map(|word| word.strip_prefix(KEY));
    let name = names.next().ok_or_else(|| CmdlineError::Missing { path: path.to_owned() })?;
    let unclear = |found: &str| CmdlineError::Unclear { path: path.to_owned(), found: found.to_owned() };
    match names.find(|other| *other != name) {
        Some(other) => Err(unclear(&format!("{name}, {other}"))),
        None => name.parse().map_err(|_| unclear(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ota_core::SlotId;

    fn read(text: &str) -> Result<Running, CmdlineError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cmdline");
        fs::write(&path, text).unwrap();
        booted_slot(&path)
    }

    #[test]
    fn the_slot_is_found_among_other_words() {
        assert_eq!(read("console=ttyS0 rauc.slot=B ro\n").unwrap(), Running::Slot(SlotId::B));
        assert_eq!(read("rauc.slot=A rauc.slot=A").unwrap(), Running::Slot(SlotId::A));
        assert_eq!(read("rauc.slot=R").unwrap(), Running::Recovery);
    }

    #[test]
    fn what_does_not_name_one_slot_is_refused() {
        assert!(matches!(read("ro quiet xrauc.slot=A"), Err(CmdlineError::Missing { .. })));
        for text in ["rauc.slot=", "rauc.slot=C", "rauc.slot=a", "rauc.slot=A rauc.slot=B"] {
            assert!(matches!(read(text), Err(CmdlineError::Unclear { .. })), "{text}");
        }
        assert!(matches!(booted_slot(Path::new("/nonexistent")), Err(CmdlineError::Read { .. })));
    }
}
