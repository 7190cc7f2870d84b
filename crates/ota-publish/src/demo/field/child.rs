//! Programs that run as long as the demo does.

use crate::atomic::WriteError;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// A program of the demo does not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChildError {
    #[error("cannot start {}", program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error("{} ended ({status}); see {}", program.display(), log.display())]
    Ended { program: PathBuf, status: ExitStatus, log: PathBuf },
    #[error("{} does not become ready; see {}", program.display(), log.display())]
    Silent { program: PathBuf, log: PathBuf },
    #[error("cannot write its files")]
    Write(#[from] WriteError),
    #[error("cannot use its files")]
    Files(#[from] io::Error),
}

/// A program that is killed when this is dropped, and by the kernel when the demo dies without saying so.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    program: PathBuf,
    log: PathBuf,
}

impl Running {
    /// Must be called on a thread that lives as long as the demo: the kernel watches over the thread that started a program.
    pub(super) fn start(
        program: &Path,
        programs: &[PathBuf],
        log: PathBuf,
        set_up: impl FnOnce(&mut Command),
    ) -> Result<Self, ChildError> {
        let failed = |source| ChildError::Start { program: program.to_owned(), source };
        let file = File::create(&log).map_err(failed)?;
        // Part of util-linux, and so of every Debian.
        let mut command = match find(programs, "setpriv") {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        set_up(&mut command);
        command.stdin(Stdio::null()).stdout(file.try_clone().map_err(failed)?).stderr(file);
        let child = command.kill_on_drop(true).spawn().map_err(failed)?;
        Ok(Self { child, program: program.to_owned(), log })
    }

    /// Waits until `ready` says so.
    pub(super) async fn wait_until<F>(&mut self, ready: impl Fn() -> F) -> Result<(), ChildError>
    where
        F: Future<Output = bool>,
    {
        let end = Instant::now() + PATIENCE;
        while !ready().await {
            let (program, log) = (self.program.clone(), self.log.clone());
            if let Some(status) = self.child.try_wait()? {
                return Err(ChildError::Ended { program, status, log });
            }
            if Instant::now() > end {
                return Err(ChildError::Silent { program, log });
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Ends it; it is gone when this returns.
    pub(super) async fn kill(&mut self) {
        // It has ended already, or will: there is nothing else that could go wrong.
        let _ = self.child.kill().await;
    }
}

/// The first of the directories' programs of this name.
pub(super) fn find(programs: &[PathBuf], name: &str) -> Option<PathBuf> {
    programs.iter().map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// A port that nobody listens at now.
pub(super) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

pub(super) async fn listens(port: u16) -> bool {
    TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.is_ok()
}

/// As whom the demo runs, for programs that would become somebody else when root starts them.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
