//! Secrets, which come from files and are read when they are needed: a new one needs no restart, and none is kept.

use std::fmt;
use std::path::{Path, PathBuf};
use tokio::fs;

/// Longer files hold something else.
const LONGEST: u64 = 4096;

/// Who the gateway is to a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    /// Its first line is the password.
    pub password_file: PathBuf,
}

/// A secret that no log shows.
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The first line of `path`, or a clause that says why there is none.
pub(super) async fn read(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let failed = |error: std::io::Error| format!("the file {shown} cannot be read: {error}");
    if fs::metadata(path).await.map_err(failed)?.len() > LONGEST {
        return Err(format!("the file {shown} is too long for a password or token"));
    }
    let text = fs::read_to_string(path).await.map_err(failed)?;
    match text.lines().next().map(str::trim_end) {
        Some(line) if !line.is_empty() && !line.contains(char::is_control) => Ok(Secret(line.to_owned())),
        _ => Err(format!("the first line of {shown} holds no password or token")),
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use std::fs;

    #[tokio::test]
    async fn the_first_line_is_the_secret_and_it_is_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        assert!(read(&path).await.unwrap_err().contains("cannot be read"));
        for (content, secret) in
            [("s3cret\nmore\n", Some("s3cret")), ("s3cret", Some("s3cret")), ("\nx", None)]
        {
            fs::write(&path, content).unwrap();
            let found = read(&path).await;
            assert_eq!(found.as_ref().ok().map(super::Secret::expose), secret);
            assert!(!format!("{found:?}").contains("s3cret"));
        }
        fs::write(&path, "x".repeat(5000)).unwrap();
        assert!(read(&path).await.unwrap_err().contains("too long"));
    }
}
