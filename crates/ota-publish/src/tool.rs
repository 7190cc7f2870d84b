//! Programs of the system that do a part of the work, such as `mke2fs`.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program could not do its part.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It is not installed.
    #[error("{program} is not installed (Debian package {package})")]
    Missing { program: &'static str, package: &'static str },
    /// It is installed, but could not be started.
    #[error("cannot start {program}")]
    Start { program: &'static str, source: io::Error },
    /// It ran and failed; `said` is its standard error.
    #[error("{program} failed: {said}")]
    Failed { program: &'static str, said: String },
}

/// A program and the Debian package that brings it.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    pub program: &'static str,
    pub package: &'static str,
}

impl Tool {
    /// Runs the program to its end and returns its standard output. Its language is fixed and `epoch` (seconds since 1970),
    /// where given, is the time that e2fsprogs writes into file systems.
    ///
    /// # Errors
    /// [`ToolError`] when it is missing, cannot be started or reports a failure.
    pub fn run<S: AsRef<OsStr>>(self, arguments: &[S], epoch: Option<i64>) -> Result<Vec<u8>, ToolError> {
        let path = self.locate()?;
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::null()).env("LC_ALL", "C");
        if let Some(epoch) = epoch {
            command.env("E2FSPROGS_FAKE_TIME", epoch.to_string());
        }
        let output = command.output().map_err(|source| ToolError::Start { program: self.program, source })?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(ToolError::Failed { program: self.program, said })
        }
    }

    /// Administrators' directories are searched too: they are not on an ordinary user's `PATH`, yet nothing here needs root.
    fn locate(self) -> Result<PathBuf, ToolError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
            .map(|directory| directory.join(self.program))
            .find(|candidate| candidate.is_file())
            .ok_or(ToolError::Missing { program: self.program, package: self.package })
    }
}

#[cfg(test)]
mod tests {
    use super::{Tool, ToolError};

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let tool = Tool { program: "no-such-program-here", package: "nothing" };
        let error = tool.run::<&str>(&[], None).unwrap_err();
        assert!(matches!(error, ToolError::Missing { .. }));
        assert!(error.to_string().contains("no-such-program-here"), "{error}");
    }

    #[test]
    fn a_failure_carries_what_the_program_said() {
        let tool = Tool { program: "mke2fs", package: "e2fsprogs" };
        let error = tool.run(&["-t", "no-such-type", "/dev/null/x"], None).unwrap_err();
        assert!(matches!(&error, ToolError::Failed { said, .. } if !said.is_empty()), "{error}");
    }
}
