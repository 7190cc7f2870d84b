//! An environment in a temporary directory, and the stock tools that judge it.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;
use uboot_env::{Config, Environment, Store};

/// A `fw_env.config` and the file that it names.
pub struct Rig {
    dir: TempDir,
    /// Bytes of one copy.
    pub size: usize,
    /// Copies: 1 or 2, one behind the other in one file.
    pub copies: usize,
}

impl Rig {
    /// Nothing on disk but the configuration and a zeroed file with 64 spare bytes behind the copies.
    pub fn new(copies: usize, size: usize) -> Self {
        let rig = Self { dir: tempfile::tempdir().unwrap(), size, copies };
        fs::write(rig.env_path(), vec![0; copies * size + 64]).unwrap();
        let line = |copy| format!("{} {:#x} {size:#x}\n", rig.env_path().display(), copy * size);
        fs::write(rig.config_path(), (0..copies).map(line).collect::<String>()).unwrap();
        rig
    }

    /// With these variables on all copies, written by us.
    pub fn with(copies: usize, size: usize, variables: &[(&str, &str)]) -> Self {
        let rig = Self::new(copies, size);
        Store::create(rig.config(), &environment(variables)).unwrap();
        rig
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn env_path(&self) -> PathBuf {
        self.path("env.bin")
    }

    pub fn config_path(&self) -> PathBuf {
        self.path("fw_env.config")
    }

    pub fn config(&self) -> Config {
        Config::load(&self.config_path()).unwrap()
    }

    /// For tests that no stock tool takes part in: they need not queue for the common lock.
    pub fn private_config(&self) -> Config {
        self.config().with_lock_file(self.path("lock"))
    }

    pub fn store(&self) -> Store {
        Store::open(self.config())
    }

    pub fn bytes(&self) -> Vec<u8> {
        fs::read(self.env_path()).unwrap()
    }

    pub fn copy(&self, index: usize) -> Vec<u8> {
        self.bytes()[index * self.size..][..self.size].to_vec()
    }

    /// Changes the file in place, keeping its length.
    pub fn damage(&self, change: impl FnOnce(&mut [u8])) {
        let mut bytes = self.bytes();
        change(&mut bytes);
        fs::write(self.env_path(), bytes).unwrap();
    }

    /// What `fw_printenv` shows: all variables, a line each.
    pub fn printenv(&self) -> Vec<u8> {
        let output = output(self.fw("fw_printenv"));
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    /// The exact bytes of one value.
    pub fn printenv_value(&self, name: &str) -> Vec<u8> {
        let mut command = self.fw("fw_printenv");
        let output = output(command.args(["-n", "--", name]));
        assert!(output.status.success(), "{output:?}");
        output.stdout.strip_suffix(b"\n").unwrap().to_vec()
    }

    /// `fw_setenv name value`.
    pub fn setenv(&self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        let mut command = self.fw("fw_setenv");
        let output = output(command.arg("--").arg(name).arg(value));
        assert!(output.status.success(), "{output:?}");
    }

    /// `fw_setenv -s`: all lines of `name=value` in one commit; a line without a value unsets.
    pub fn setenv_script(&self, script: &str) {
        fs::write(self.path("script"), script).unwrap();
        let mut command = self.fw("fw_setenv");
        let output = output(command.arg("-s").arg(self.path("script")));
        assert!(output.status.success(), "{output:?}");
    }

    /// A stock tool on this environment.
    pub fn fw(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        command.arg("-c").arg(self.config_path()).stdin(Stdio::null());
        command
    }

    /// The image that `mkenvimage` makes of lines of `name=value`.
    pub fn mkenvimage(&self, lines: &[u8], options: &[&str]) -> Vec<u8> {
        fs::write(self.path("lines"), lines).unwrap();
        let mut command = Command::new("mkenvimage");
        if self.copies == 2 {
            command.arg("-r");
        }
        command.args(options).args(["-s", &self.size.to_string(), "-o"]).arg(self.path("image"));
        let output = output(command.arg(self.path("lines")));
        assert!(output.status.success(), "{output:?}");
        fs::read(self.path("image")).unwrap()
    }
}

pub fn environment(variables: &[(&str, &str)]) -> Environment {
    let mut environment = Environment::new();
    for (name, value) in variables {
        environment.set(name, value).unwrap();
    }
    environment
}

/// A line `name=value` for each variable, as `fw_printenv` shows them.
pub fn lines(environment: &Environment) -> Vec<u8> {
    environment.iter_bytes().flat_map(|(name, value)| [name, b"=", value, b"\n"].concat()).collect()
}

/// Runs a tool to its end. Fails, and names the package, where the tool is missing.
pub fn output(mut command: impl std::borrow::BorrowMut<Command>) -> Output {
    let command = command.borrow_mut();
    command.output().unwrap_or_else(|error| missing(command, &error))
}

/// Starts a tool.
pub fn spawn(command: &mut Command) -> Child {
    command.spawn().unwrap_or_else(|error| missing(command, &error))
}

fn missing(command: &Command, error: &std::io::Error) -> ! {
    let tool = command.get_program().to_string_lossy().into_owned();
    let package = match tool.as_str() {
        "mkenvimage" => "u-boot-tools",
        "losetup" => "mount",
        _ => "libubootenv-tool",
    };
    if error.kind() == ErrorKind::NotFound {
        panic!("{tool} is missing: install the Debian package {package}");
    }
    panic!("cannot start {tool}: {error}");
}
