//! NUT's server and its driver `dummy-ups`, which reads the values of the UPS from a file.

use super::child::{ChildError, Running, find, free_port, is_root, listens};
use crate::atomic;
use crate::plant::Knobs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::watch;

/// What the server calls it.
pub(in super::super) const UPS: &str = "plant";

/// A running server. The driver runs while the sensors report.
#[derive(Debug)]
pub(super) struct Ups {
    port: u16,
    place: Place,
    _server: Running,
    driver: Option<Running>,
}

#[derive(Debug)]
struct Place {
    directory: PathBuf,
    /// For sockets, whose paths must be short.
    state: TempDir,
    programs: Vec<PathBuf>,
    driver: PathBuf,
}

impl Place {
    fn set_up(&self, command: &mut Command, arguments: &[&str]) {
        command.env("NUT_CONFPATH", &self.directory);
        for variable in ["NUT_STATEPATH", "NUT_ALTPIDPATH"] {
            command.env(variable, self.state.path());
        }
        command.arg("-F").args(arguments);
        if is_root() {
            // Otherwise it would become a user who may not read this directory.
            command.args(["-u", "root"]);
        }
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Result<(), ChildError> {
        Ok(atomic::replace(&self.directory.join(name), text.as_bytes(), mode)?)
    }

    /// The driver reads the file again and again.
    fn write_values(&self, knobs: Knobs) -> Result<(), ChildError> {
        let status = if knobs.ups_online { "OL" } else { "OB" };
        let values = format!("ups.status: {status}\nbattery.charge: {}\n", knobs.ups_battery);
        self.write("ups.dev", &values, 0o644)
    }

    async fn start_driver(&self) -> Result<Running, ChildError> {
        let log = self.directory.join("dummy-ups.log");
        let arguments = ["-a", UPS, "-i", "1"];
        let mut driver =
            Running::start(&self.driver, &self.programs, log, |command| self.set_up(command, &arguments))?;
        let socket = self.state.path().join(format!("dummy-ups-{UPS}"));
        driver.wait_until(|| std::future::ready(socket.exists())).await?;
        Ok(driver)
    }
}

/// Whether the driver has read its file and the server knows it (RFC 9271, 4.2.1).
async fn reports(port: u16) -> bool {
    let ask = async {
        let mut stream = BufReader::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?);
        stream.write_all(format!("GET VAR {UPS} ups.status\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_line(&mut answer).await.map(|_| answer)
    };
    ask.await.is_ok_and(|answer: String| answer.contains("\"O"))
}

impl Ups {
    /// `None` where it is not installed.
    pub(super) async fn start(
        directory: &Path,
        programs: &[PathBuf],
        knobs: Knobs,
    ) -> Result<Option<Self>, ChildError> {
        let (Some(server), Some(driver)) = (find(programs, "upsd"), find(programs, "dummy-ups")) else {
            return Ok(None);
        };
        let port = free_port()?;
        let state = tempfile::tempdir()?;
        let place = Place { directory: directory.to_owned(), state, programs: programs.to_vec(), driver };
        let values = directory.join("ups.dev").display().to_string();
        let ups = format!("[{UPS}]\ndriver = dummy-ups\nmode = dummy-loop\nport = {values}\n");
        place.write("ups.conf", &ups, 0o640)?;
        place.write("upsd.conf", &format!("LISTEN 127.0.0.1 {port}\nMAXAGE 5\n"), 0o640)?;
        place.write("upsd.users", "", 0o640)?;
        place.write_values(knobs)?;
        let driver = if knobs.connected { Some(place.start_driver().await?) } else { None };
        let log = directory.join("upsd.log");
        let mut server = Running::start(&server, programs, log, |command| place.set_up(command, &[]))?;
        server.wait_until(|| listens(port)).await?;
        if driver.is_some() {
            server.wait_until(|| reports(port)).await?;
        }
        Ok(Some(Self { port, place, _server: server, driver }))
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// Gives the driver the plant's values, until this is dropped.
    pub(super) async fn follow(mut self, mut knobs: watch::Receiver<Knobs>) {
        loop {
            let now = *knobs.borrow_and_update();
            if let Err(error) = self.apply(now).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the UPS does not follow the plant"
                );
            }
            if knobs.changed().await.is_err() {
                return;
            }
        }
    }

    async fn apply(&mut self, knobs: Knobs) -> Result<(), ChildError> {
        self.place.write_values(knobs)?;
        match &mut self.driver {
            Some(driver) if !knobs.connected => {
                driver.kill().await;
                self.driver = None;
            }
            None if knobs.connected => self.driver = Some(self.place.start_driver().await?),
            _ => {}
        }
        Ok(())
    }
}
